package rtp

import "sync"

// audioProducts are the tables of multiplication by the coefficients of
// audioMatrix over GF(2^8) with the polynomial 0x11d.
var audioProducts = sync.OnceValue(func() *[AudioBlockParity][AudioBlock][256]byte {
	tables := new([AudioBlockParity][AudioBlock][256]byte)
	for j, row := range audioMatrix {
		for i, c := range row {
			for v := range 256 {
				tables[j][i][v] = product(c, byte(v))
			}
		}
	}
	return tables
})

// product multiplies bit by bit.
func product(a, b byte) byte {
	var sum byte
	for ; b != 0; b >>= 1 {
		if b&1 == 1 {
			sum ^= a
		}
		carry := a >> 7
		a <<= 1
		if carry == 1 {
			a ^= 0x1d
		}
	}
	return sum
}
