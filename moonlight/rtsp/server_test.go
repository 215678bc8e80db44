package rtsp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// serve runs s on a loopback port until the test ends and returns its address.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not end")
		}
	})
	return l.Addr().String()
}

// reports lets a test wait for what a server reports.
type reports chan error

func (r reports) add(_ netip.AddrPort, err error) { r <- err }

func (r reports) want(t *testing.T, target error) {
	t.Helper()
	select {
	case err := <-r:
		if !errors.Is(err, target) {
			t.Errorf("reported %v, want %v", err, target)
		}
	case <-time.After(patience):
		t.Errorf("nothing reported, want %v", target)
	}
}

// say opens a connection, sends text and returns it for reading.
func say(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hear reads to the end of the connection. A reset is an end as well.
func hear(t *testing.T, conn net.Conn) string {
	t.Helper()
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection stays open after %q", text)
	}
	return string(text)
}

func echo(_ context.Context, r *Request) *Response {
	return &Response{Status: StatusOK, Header: Header{{"X-Candidate", "<" + r.Candidate + ">"}}, Payload: r.Payload}
}

func TestServePlain(t *testing.T) {
	addr := serve(t, &Server{Handler: func(ctx context.Context, r *Request) *Response {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the handler has no deadline")
		}
		if !r.RemoteAddr.Addr().IsLoopback() || r.LocalAddr.String() == r.RemoteAddr.String() {
			t.Errorf("addresses %s and %s", r.RemoteAddr, r.LocalAddr)
		}
		return echo(ctx, r)
	}})
	conn := say(t, addr, "ANNOUNCE streamid=control/13/0 RTSP/1.0\r\nCSeq: 6\r\nContent-length: 6\r\n\r\nab")
	if _, err := io.WriteString(conn, "cdef"); err != nil { // the rest comes on its own
		t.Fatal(err)
	}
	if got, want := hear(t, conn), "RTSP/1.0 200 OK\r\nCSeq: 6\r\nX-Candidate: <>\r\n\r\nabcdef"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestServeByteByByte(t *testing.T) {
	addr := serve(t, &Server{Handler: echo})
	text := "ANNOUNCE x RTSP/1.0\r\nCSeq: 1\r\nContent-length: 2\r\n\r\nab"
	conn := say(t, addr, "")
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := hear(t, conn), "RTSP/1.0 200 OK\r\nCSeq: 1\r\nX-Candidate: <>\r\n\r\nab"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestServeAnswersWhatItCannotParse(t *testing.T) {
	report := make(reports, 10)
	addr := serve(t, &Server{Handler: echo, Report: report.add})
	for _, text := range []string{
		"GET /serverinfo HTTP/1.1\r\nHost: a\r\n\r\n",
		"ANNOUNCE x RTSP/1.0\r\nCSeq: 1\r\nContent-length: x\r\n\r\n",
	} {
		if got, want := hear(t, say(t, addr, text)), "RTSP/1.0 400 Bad Request\r\nCSeq: 0\r\n\r\n"; got != want {
			t.Errorf("%q: got %q", text, got)
		}
		report.want(t, ErrMalformed)
	}
}

func TestServeWithoutAnAnswer(t *testing.T) {
	addr := serve(t, &Server{Handler: func(context.Context, *Request) *Response { return nil }})
	_, err := (&Client{Addr: addr}).Do(t.Context(), Request{Method: MethodPlay, Target: "/"})
	var status *StatusError
	if !errors.As(err, &status) || status.Status != StatusInternalError {
		t.Errorf("got %v", err)
	}
}

func TestServeBoundsMessages(t *testing.T) {
	report := make(reports, 10)
	addr := serve(t, &Server{Handler: echo, Report: report.add, MaxMessage: 200, Keys: func() []Candidate { return nil }})
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'a'
	}
	for _, text := range []string{
		"OPTIONS x RTSP/1.0\r\nA: " + string(long),
		"ANNOUNCE x RTSP/1.0\r\nCSeq: 1\r\nContent-length: 2147483647\r\n\r\n",
		"\xff\xff\xff\xff" + string(make([]byte, 20)),
	} {
		if got := hear(t, say(t, addr, text)); got != "" {
			t.Errorf("got %q", got)
		}
		report.want(t, ErrTooLarge)
	}
}

func TestServeToleratesProbes(t *testing.T) {
	report := make(reports, 10)
	addr := serve(t, &Server{Handler: echo, Report: report.add})
	for range 5 {
		_ = say(t, addr, "").Close()
	}
	cut := say(t, addr, "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n")
	if err := cut.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// The first report must be about the cut one: the probes are not worth one.
	report.want(t, io.ErrUnexpectedEOF)
	if _, err := (&Client{Addr: addr}).Do(t.Context(), Request{Method: MethodOptions, Target: "x"}); err != nil {
		t.Error(err)
	}
}

// TestNoAnswer: a stranger reads nothing, not even a refusal.
func TestNoAnswer(t *testing.T) {
	addr := serve(t, &Server{
		Handler: func(context.Context, *Request) *Response { return NoAnswer },
		Report:  func(_ netip.AddrPort, err error) { t.Errorf("reported %v", err) },
	})
	conn := say(t, addr, "OPTIONS rtsp://0.0.0.0:48010 RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("answered %q", answer)
	}
}
