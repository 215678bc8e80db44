package connlimit

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAnHTTPServerBehindALimiter: with all its places taken by idle connections
// and half-open handshakes, a server answers every request.
func TestAnHTTPServerBehindALimiter(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls %t", secure), func(t *testing.T) {
			limiter := New(Limits{Total: 16, PerAddress: 8, FirstByte: time.Minute, Request: time.Minute}, nil)
			release, held := make(chan struct{}), make(chan struct{})
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/held" {
					close(held)
					<-release
				}
				_, _ = io.WriteString(w, "answer")
			}))
			s.Listener = limiter.Listen(s.Listener, "http")
			Serve(s.Config)
			get := func(path string) error {
				c := s.Client()
				c.Transport.(*http.Transport).DisableKeepAlives = true
				res, err := c.Get(s.URL + path)
				if err != nil {
					return err
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if string(body) != "answer" {
					err = fmt.Errorf("answered %q: %w", body, err)
				}
				return err
			}
			if secure {
				s.StartTLS()
			} else {
				s.Start()
			}
			defer s.Close()
			waiting := make(chan error, 1)
			go func() { waiting <- get("/held") }()
			<-held
			hello := []byte{22, 3, 1, 2, 0} // the start of a handshake, or of nonsense
			for i := range 50 {
				c, err := net.Dial("tcp", s.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if i%2 == 0 {
					_, _ = c.Write(hello)
				}
			}
			for range 10 {
				if err := get("/"); err != nil {
					t.Errorf("a request among idle connections: %v", err)
				}
			}
			if n := limiter.Connections(); n > 8 {
				t.Errorf("%d connections of one address are open", n)
			}
			close(release)
			if err := <-waiting; err != nil {
				t.Errorf("a request that waits for its answer was displaced: %v", err)
			}
			s.Client().CloseIdleConnections()
		})
	}
}

func TestReceivedFindsItsConnection(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	limiter := New(Limits{Total: 4, PerAddress: 4}, nil)
	c, ok := limiter.Listen(nil, "one").admit(server)
	if !ok {
		t.Fatal("no room")
	}
	defer c.Close()
	Received(tls.Server(c, &tls.Config{}))
	if c.silent[0] != nil {
		t.Error("the connection below TLS is not found")
	}
	Received(client) // one that nobody limits
}
