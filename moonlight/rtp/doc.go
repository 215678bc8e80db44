// Package rtp carries video between a GameStream host and its client: encoded
// frames are cut into RTP packets, protected by Reed-Solomon parity in up to
// four blocks, and optionally encrypted (VideoPacketizer); the client puts them
// together again (VideoReceiver). It also holds the UDP pings by which a client
// shows where its packets shall go.
//
// It implements moonlight-protocol sections 4 and 6, as moonlight-common-c
// reads them in Video.h, RtpVideoQueue.c and VideoDepacketizer.c.
package rtp
