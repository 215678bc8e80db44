// Package client is the client side of Wayland: it connects to a compositor,
// keeps the objects, queues requests and decodes events. The typed objects of
// the protocols are generated (package wlclient in wayland/protocol/client).
//
// A connection and its objects belong to one goroutine at a time: the one that
// calls Dispatch or Roundtrip, on which the listeners run too.
package client
