// Package attack is what a stranger can send to a Moonlight host: datagrams,
// control commands, connections, handshakes and pairing requests. It knows a
// host only from outside. Every attack is bounded in count and time, and its
// sockets are bound to loopback addresses, so that nothing leaves the machine.
package attack
