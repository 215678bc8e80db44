package rtsp

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	// maxAnswer is the most that the client reads (RtspConnection.c).
	maxAnswer = 1 << 20
	// DefaultClientTimeout bounds a Client's request if its context does not.
	DefaultClientTimeout = 15 * time.Second
)

// Client is the client's role in one handshake. It numbers requests and, under a
// Key, messages: use one Client for all requests of a launch.
type Client struct {
	// Addr is the host and port to connect to: the address that the user chose,
	// with the port of the session address.
	Addr string
	// Key encrypts the requests, for an rtspenc session address; nil sends them
	// in the clear.
	Key *[16]byte

	mu       sync.Mutex // covers one exchange and the numbers
	cseq     uint64
	sequence uint32
}

// Do sends a request over a connection of its own and returns the answer. CSeq,
// client version and Host are added where the header lacks them. An answer other
// than 200 is returned together with a *StatusError.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultClientTimeout)
		defer cancel()
	}
	c.cseq++
	message, err := AppendRequest(nil, c.complete(r))
	if err != nil {
		return nil, fmt.Errorf("rtsp %s to %s: %w", r.Method, c.Addr, err)
	}
	if c.Key != nil {
		c.sequence++
		if message, err = Seal(nil, *c.Key, FromClient, c.sequence, message); err != nil {
			return nil, fmt.Errorf("rtsp %s to %s: %w", r.Method, c.Addr, err)
		}
	}
	answer, err := c.exchange(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("rtsp %s to %s: %w", r.Method, c.Addr, err)
	}
	if answer.Status != StatusOK {
		return answer, &StatusError{Method: r.Method, Status: answer.Status, Reason: shorten(answer.Reason)}
	}
	return answer, nil
}

// complete adds the headers that every request of a client has.
func (c *Client) complete(r Request) *Request {
	header := append(Header{}, r.Header...)
	if header.Get(HeaderCSeq) == "" {
		header.Set(HeaderCSeq, strconv.FormatUint(c.cseq, 10))
	}
	if header.Get(HeaderClientVersion) == "" {
		header.Set(HeaderClientVersion, "14")
	}
	if host, _, err := net.SplitHostPort(c.Addr); err == nil && host != "" && header.Get(HeaderHost) == "" {
		header.Set(HeaderHost, host)
	}
	r.Header = header
	return &r
}

// exchange sends a message and reads the answer up to the end of the connection.
func (c *Client) exchange(ctx context.Context, message []byte) (*Response, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write(message); err != nil {
		return nil, because(ctx, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	if err != nil {
		return nil, because(ctx, err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%w: an answer of more than %d bytes", ErrTooLarge, maxAnswer)
	}
	if c.Key != nil {
		if answer, err = openAnswer(*c.Key, answer); err != nil {
			return nil, err
		}
	}
	return ParseResponse(answer)
}

// openAnswer takes exactly one encrypted message; the client accepts neither a
// plain answer nor anything after it.
func openAnswer(key [16]byte, answer []byte) ([]byte, error) {
	if len(answer) == 0 {
		return nil, fmt.Errorf("the host closed without an answer, as it does when the key is not the one of its launch: %w", io.ErrUnexpectedEOF)
	}
	frame, err := ParseFrame(answer)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	text := answer[frameHeaderSize:]
	if uint64(frame.Length) != uint64(len(text)) {
		return nil, fmt.Errorf("%w: an answer of %d bytes that says %d", ErrMalformed, len(text), frame.Length)
	}
	return frame.Open(key, FromHost, text)
}

// because prefers the reason of ctx over that of the connection it closed.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
