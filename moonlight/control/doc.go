// Package control is what GameStream says on its control stream, as values and
// bytes, for host and client: the encrypted envelope, the messages in it, and
// the input packets in those. It moves no bytes itself; package enet does.
//
// It implements moonlight-protocol sections 5.1 to 5.3 and 9, as spoken at
// appversion 7.1.431 by moonlight-common-c (ControlStream.c, InputStream.c,
// Input.h), and the extensions of Sunshine-type hosts.
//
// Ordering holds within an ENet channel only, so envelopes arrive out of order
// across channels: an Opener keeps a sliding window of what it has seen instead
// of asking sequence numbers to rise.
//
// The package also knows how the keys and buttons of section 9 are called by
// Linux (linux/input-event-codes.h).
package control
