package attack

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// lateAnswers is how long after an attack its sockets listen on.
const lateAnswers = 300 * time.Millisecond

// sockets opens a socket per address and reads whatever comes to it. close must
// be called: it waits a moment for late answers.
func (r *run) sockets() (all []*net.UDPConn, closeAll func(), err error) {
	var readers sync.WaitGroup
	closeAll = func() {
		for _, c := range all {
			_ = c.SetReadDeadline(time.Now().Add(lateAnswers))
		}
		readers.Wait()
		for _, c := range all {
			_ = c.Close()
		}
	}
	for _, a := range r.From {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		_ = c.SetReadBuffer(1 << 20)
		all = append(all, c)
		readers.Go(func() {
			buffer := make([]byte, 4096)
			for {
				n, _, err := c.ReadFromUDPAddrPort(buffer)
				if ne, ok := err.(net.Error); ok && ne.Timeout() {
					return
				}
				if err == nil {
					r.heard(buffer[:n])
				} else if r.Err() != nil {
					return
				}
			}
		})
	}
	return all, closeAll, nil
}

// datagrams sends what next makes, in turn from each address to each port.
func (r *run) datagrams(ports []int, next func(i int, buffer []byte) []byte) error {
	conns, closeAll, err := r.sockets()
	if err != nil {
		return err
	}
	defer closeAll()
	buffer := make([]byte, 0, 2048)
	for i := 0; r.pace(i); i++ {
		buffer = next(i, buffer[:0])
		c := conns[i/len(ports)%len(conns)]
		if _, err := c.WriteToUDPAddrPort(buffer, target(ports[i%len(ports)])); err != nil {
			r.refused.Add(1)
		} else {
			r.sent.Add(1)
		}
	}
	return nil
}

func (r *run) mediaPorts() []int { return []int{r.Ports.Video, r.Ports.Audio} }

// ping sends what clients send that have no payload.
func (r *run) ping() error {
	return r.datagrams(r.mediaPorts(), func(_ int, b []byte) []byte { return append(b, "PING"...) })
}

// guess sends pings whose payload is well formed and guessed.
func (r *run) guess() error {
	return r.datagrams(r.mediaPorts(), func(i int, b []byte) []byte {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails
		b = hex.AppendEncode(b, random[:])
		return binary.BigEndian.AppendUint32(b, uint32(i/2+1))
	})
}

// replay sends the payloads to the media ports.
func (r *run) replay() error { return r.repeat(r.mediaPorts()) }

// replayControl sends the payloads to the control port.
func (r *run) replayControl() error { return r.repeat([]int{r.Ports.Control}) }

func (r *run) repeat(ports []int) error {
	return r.datagrams(ports, func(i int, b []byte) []byte {
		return append(b, r.Payloads[i/len(ports)%len(r.Payloads)]...)
	})
}

// garbage sends random bytes of random lengths to all ports.
func (r *run) garbage() error {
	source := mathrand.New(mathrand.NewPCG(1, uint64(r.began.UnixNano())))
	return r.datagrams([]int{r.Ports.Video, r.Ports.Control, r.Ports.Audio}, func(_ int, b []byte) []byte {
		n := source.IntN(200)
		if source.IntN(100) == 0 {
			n = source.IntN(1400)
		}
		for len(b) < n {
			b = binary.NativeEndian.AppendUint64(b, source.Uint64())
		}
		return b[:n]
	})
}
