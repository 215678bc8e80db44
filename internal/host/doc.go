// Package host is Kennel's Moonlight face: it listens on the GameStream ports,
// pairs clients, and binds what they send to sessions.
//
// A client is its certificate, never its address. A launch gets a stream key,
// a ping payload and connect data of its own; RTSP requests are matched by
// trial decryption (or, in plain, by the address in the session URL), UDP pings
// by payload, control links by connect data.
package host
