package enet

import "errors"

// Errors that callers tell apart.
var (
	// ErrQueueFull: the peer's send queue is full, because the other end
	// acknowledges slower than messages are sent. Nothing was queued.
	ErrQueueFull = errors.New("enet send queue is full")
	// ErrPeerGone: the peer is disconnected, or on its way there.
	ErrPeerGone = errors.New("enet peer is gone")
	// ErrTooLong: the message does not fit into one datagram.
	ErrTooLong = errors.New("enet message does not fit into one datagram")
	// ErrNoChannel: the connection has fewer channels.
	ErrNoChannel = errors.New("enet connection has no such channel")
	// ErrRunning: Run was called a second time.
	ErrRunning = errors.New("enet host was already run")
	// ErrConnect: Dial got no answer that makes a connection.
	ErrConnect = errors.New("no enet connection")
)

// What is wrong with a datagram.
var (
	errShort      = errors.New("enet datagram is cut short")
	errCompressed = errors.New("enet datagram is compressed, which was never agreed on")
	errCommand    = errors.New("unknown enet command")
	errEmpty      = errors.New("enet datagram holds no command")
)
