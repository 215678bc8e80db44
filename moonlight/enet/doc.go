// Package enet speaks ENet 1.3, the reliable UDP protocol under the control
// stream of GameStream, as a host of many peers and as a client of one.
//
// It implements what that stream uses (moonlight-protocol sections 5.4 and
// 5.5): connections with session ids, reliable, unreliable and unsequenced
// messages on up to 255 channels, acknowledgements with round trip times,
// pings, timeouts, disconnection, and peers whose address changes. Messages
// longer than a datagram are refused in both directions, as are compressed
// datagrams; bandwidth and throttle commands are accepted and change nothing.
//
// # Who runs what
//
// A Host has one goroutine, the one that calls Run, which owns the state of
// every peer and calls every Handler. A second one only reads the socket.
// Methods of Peer may be called from any goroutine, also from inside a
// Handler; they put work into a bounded queue and never wait, except Flushed.
//
// # Trust
//
// ENet has no cryptography. Whoever can guess a peer id and a two-bit session
// id can inject messages and move a peer's address, so what is carried must
// authenticate itself, as the control stream's envelope does.
package enet
