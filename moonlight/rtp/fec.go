package rtp

import (
	"fmt"
	"sync"

	"github.com/klauspost/reedsolomon"
)

// maxCodecs bounds the cached encoders: a stream uses a few dozen shapes.
const maxCodecs = 512

// shape is a number of data and parity packets.
type shape struct{ data, parity int }

// codecs caches Reed-Solomon codecs by shape. It is for one goroutine.
type codecs struct{ byShape map[shape]reedsolomon.Encoder }

func newCodecs() codecs { return codecs{map[shape]reedsolomon.Encoder{}} }

func (c *codecs) get(data, parity int) (reedsolomon.Encoder, error) {
	s := shape{data, parity}
	if rs, ok := c.byShape[s]; ok {
		return rs, nil
	}
	if data < 1 || parity < 1 || data+parity > MaxShards {
		return nil, fmt.Errorf("no code of %d data and %d parity packets", data, parity)
	}
	rs, err := reedsolomon.New(data, parity, reedsolomon.WithCustomMatrix(parityRows(data, parity)), reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("make a code of %d data and %d parity packets: %w", data, parity, err)
	}
	if len(c.byShape) >= maxCodecs {
		clear(c.byShape)
	}
	c.byShape[s] = rs
	return rs, nil
}

// parityRows is the matrix of nanors, which clients use: the coefficient of
// data packet i in parity packet j is 1/((parity+i) XOR j) over GF(2^8) with
// the polynomial 0x11d.
func parityRows(data, parity int) [][]byte {
	inverse := inverses()
	rows := make([][]byte, parity)
	for j := range rows {
		rows[j] = make([]byte, data)
		for i := range rows[j] {
			rows[j][i] = inverse[(parity+i)^j]
		}
	}
	return rows
}

// inverses is the table of multiplicative inverses of GF(2^8).
var inverses = sync.OnceValue(func() *[256]byte {
	var exp [255]byte
	var log [256]int
	x := 1
	for i := range exp {
		exp[i] = byte(x)
		log[x] = i
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	table := new([256]byte)
	for v := 1; v < 256; v++ {
		table[v] = exp[(255-log[v])%255]
	}
	return table
})
