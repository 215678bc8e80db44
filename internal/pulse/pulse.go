// Package pulse is a small client of a PulseAudio server: it records from one
// source or plays to one sink, in 16 bit at 48 kHz, with short buffers.
//
// It puts deadlines around the protocol library, which has none of its own and
// believes every length that a server sends. So it belongs into processes of one
// session, next to that session's own server, and never into kennel serve.
package pulse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"golang.org/x/sys/unix"
)

const (
	// Rate is in samples per second and channel.
	Rate = 48000
	// SampleBytes is the size of one sample, signed and little-endian.
	SampleBytes = 2

	requestTimeout = 2 * time.Second
)

// ErrNoServer means that the environment names no server on a Unix socket.
var ErrNoServer = errors.New("PULSE_SERVER names no Unix socket")

// Client is a connection. Its methods may be called from many goroutines.
type Client struct {
	proto    proto.Client
	conn     *net.UnixConn
	identity []byte // as SCM_CREDENTIALS
	greeted  atomic.Bool
	done     chan struct{}
	once     sync.Once

	mu     sync.Mutex // covers what follows
	record map[uint32]func([]byte)
	wanted map[uint32]func(int)
}

// Socket returns the path of the socket that $PULSE_SERVER names.
func Socket() (string, error) {
	server := os.Getenv("PULSE_SERVER")
	if path := strings.TrimPrefix(server, "unix:"); strings.HasPrefix(path, "/") {
		return path, nil
	}
	return "", fmt.Errorf("%w: %q", ErrNoServer, server)
}

// Dial connects to the server at a Unix socket, which lets in its own user only.
// name is what the server shows.
func Dial(ctx context.Context, socket, name string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("connect to the sound server: %w", err)
	}
	c := &Client{
		conn: conn.(*net.UnixConn), identity: unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}),
		done: make(chan struct{}), record: map[uint32]func([]byte){}, wanted: map[uint32]func(int){},
	}
	c.proto.SetTimeout(requestTimeout)
	c.proto.Callback = c.take
	c.proto.Open(guarded{c})
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	if err := c.greet(name); err != nil {
		c.Close()
		return nil, fmt.Errorf("greet the sound server: %w", err)
	}
	return c, nil
}

func (c *Client) greet(name string) error {
	var auth proto.AuthReply
	// The cookie is not looked at where the user is right.
	if err := c.proto.Request(&proto.Auth{Version: c.proto.Version(), Cookie: make([]byte, 256)}, &auth); err != nil {
		return err
	}
	c.greeted.Store(true)
	c.proto.SetVersion(auth.Version)
	props := proto.PropList{
		"application.name":       proto.PropListString(name),
		"application.process.id": proto.PropListString(strconv.Itoa(os.Getpid())),
	}
	return c.proto.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{})
}

// guarded is the connection as the library sees it: a write has a deadline, and
// an error of either direction is the end.
type guarded struct{ c *Client }

func (g guarded) Read(p []byte) (int, error) {
	n, err := g.c.conn.Read(p)
	if err != nil {
		g.c.Close()
	}
	return n, err
}

func (g guarded) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // a message of nothing but its identity would send a byte
	}
	_ = g.c.conn.SetWriteDeadline(time.Now().Add(requestTimeout))
	var err error
	if g.c.greeted.Load() {
		_, err = g.c.conn.Write(p)
	} else {
		// The kernel vouches for who this is. It would do so unasked, but not for
		// what is sent before the server has begun to look.
		_, _, err = g.c.conn.WriteMsgUnix(p, g.c.identity, nil)
	}
	if err != nil {
		g.c.Close()
		return 0, err
	}
	return len(p), nil
}

// take hands out what the server sends by itself. It runs on the library's
// reading goroutine.
func (c *Client) take(message any) {
	switch m := message.(type) {
	case *proto.DataPacket:
		c.mu.Lock()
		each := c.record[m.StreamIndex]
		c.mu.Unlock()
		if each != nil {
			each(m.Data)
		}
	case *proto.Request:
		c.mu.Lock()
		want := c.wanted[m.StreamIndex]
		c.mu.Unlock()
		if want != nil {
			want(int(m.Length))
		}
	case *proto.RecordStreamKilled, *proto.PlaybackStreamKilled:
		c.Close()
	}
}

// Done is closed when the connection has ended, by whichever side.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the connection.
func (c *Client) Close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.conn.Close()
	})
}

// Players counts the streams that play on the server.
func (c *Client) Players() (int, error) {
	var list proto.GetSinkInputInfoListReply
	if err := c.proto.Request(&proto.GetSinkInputInfoList{}, &list); err != nil {
		return 0, fmt.Errorf("ask the sound server who plays: %w", err)
	}
	return len(list), nil
}

// Channels returns the number of channels of a sink.
func (c *Client) Channels(sink string) (int, error) {
	var info proto.GetSinkInfoReply
	if err := c.proto.Request(&proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: sink}, &info); err != nil {
		return 0, fmt.Errorf("ask for the sink %s: %w", sink, err)
	}
	return int(info.Channels), nil
}

// channelOrder is the order of channels in a GameStream client.
var channelOrder = proto.ChannelMap{
	proto.ChannelFrontLeft, proto.ChannelFrontRight, proto.ChannelFrontCenter, proto.ChannelLFE,
	proto.ChannelRearLeft, proto.ChannelRearRight, proto.ChannelLeftSide, proto.ChannelRightSide,
}

// MaxChannels is how many channels a stream may have.
const MaxChannels = 8

func layout(channels int) (proto.SampleSpec, proto.ChannelMap, error) {
	if channels < 1 || channels > MaxChannels {
		return proto.SampleSpec{}, nil, fmt.Errorf("%d channels, want 1 to %d", channels, MaxChannels)
	}
	return proto.SampleSpec{Format: proto.FormatInt16LE, Channels: byte(channels), Rate: Rate}, channelOrder[:channels], nil
}
