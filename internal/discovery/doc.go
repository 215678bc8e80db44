// Package discovery announces a host on the local network, so that Moonlight
// lists it without an address being typed: a responder for multicast DNS
// (RFC 6762) and DNS service discovery (RFC 6763).
//
// It shares UDP port 5353 with other responders of the machine. Its sockets are
// bound to the multicast groups alone, so that no unicast datagram that is meant
// for another one, such as Avahi, ends here; and its host name is one of its
// own, so that the machine's name stays with whoever announces that.
package discovery
