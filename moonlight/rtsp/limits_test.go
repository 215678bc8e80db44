package rtsp

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestServeBoundsTime(t *testing.T) {
	report := make(reports, 10)
	addr := serve(t, &Server{Handler: echo, Report: report.add, ReadTimeout: 20 * time.Millisecond})
	for _, text := range []string{"", "OPTIONS", "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\nA", "\x80\x00\x00\x05" + string(make([]byte, 20)) + "abc"} {
		conn := say(t, addr, text)
		report.want(t, os.ErrDeadlineExceeded)
		if got := hear(t, conn); got != "" {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// TestServeTellsOfWholeRequests: a listener that bounds connections needs to know
// who has sent nothing yet.
func TestServeTellsOfWholeRequests(t *testing.T) {
	received := make(chan net.Addr, 2)
	answered := make(chan net.Addr, 2)
	addr := serve(t, &Server{
		Handler: echo, Received: func(c net.Conn) { received <- c.RemoteAddr() },
		Answered: func(c net.Conn) { answered <- c.RemoteAddr() },
	})
	half := say(t, addr, "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n")
	whole := say(t, addr, "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	if hear(t, whole) == "" || len(received) != 1 || (<-received).String() != whole.LocalAddr().String() {
		t.Error("the whole request was not told, or another was")
	}
	if (<-answered).String() != whole.LocalAddr().String() {
		t.Error("the answer was not told")
	}
	_ = half.Close()
}

func TestServeEndsItsHandlers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, ended := make(chan struct{}), make(chan struct{})
	s := &Server{Handler: func(ctx context.Context, _ *Request) *Response {
		close(entered)
		<-ctx.Done()
		close(ended)
		return nil
	}}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	say(t, l.Addr().String(), "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	<-entered
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	select {
	case <-ended:
	default:
		t.Error("Serve returned before its handler")
	}
}

func TestServeTellsWhyItStopped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := (&Server{Handler: echo}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: got %v", err)
	}
	if err := (&Server{}).Serve(t.Context(), l); err == nil {
		t.Error("no handler: no error")
	}
}

// shortOfFiles fails a few times in the way of a process without descriptors.
type shortOfFiles struct {
	net.Listener
	failures int
}

type passingError struct{ error }

func (passingError) Temporary() bool { return true }

func (l *shortOfFiles) Accept() (net.Conn, error) {
	if l.failures--; l.failures >= 0 {
		return nil, passingError{errors.New("too many open files")}
	}
	return l.Listener.Accept()
}

func TestServeOutlivesPassingFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&Server{Handler: echo}).Serve(ctx, &shortOfFiles{l, 2}) }()
	if _, err := (&Client{Addr: l.Addr().String()}).Do(ctx, Request{Method: MethodOptions, Target: "x"}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
