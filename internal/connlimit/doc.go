// Package connlimit bounds the connections that strangers can open.
//
// One Limiter watches all listeners of a process. It bounds the connections in
// all, per listener and per address, and it bounds how long a connection may
// take for its first byte and for its whole request. A connection is silent
// until its server calls Received, because a whole request has come. When a
// limit is met the oldest silent connection is closed, so that a newcomer always
// has a chance; a newcomer is closed only where no connection is silent.
//
// Expect keeps places for an address from which a request is about to come, such
// as that of a client that has just launched.
package connlimit
