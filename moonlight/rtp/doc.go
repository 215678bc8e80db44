// Package rtp carries video and audio between a GameStream host and its client.
// Encoded frames are cut into RTP packets, protected by Reed-Solomon parity in
// up to four blocks, and optionally encrypted (VideoPacketizer); the client puts
// them together again (VideoReceiver). Opus packets are sent one by one with two
// parity packets for every four (AudioPacketizer, AudioReceiver). It also holds
// the UDP pings by which a client shows where its packets shall go.
//
// It implements moonlight-protocol sections 4, 6 and 7, as moonlight-common-c
// reads them in Video.h, RtpVideoQueue.c, VideoDepacketizer.c, AudioStream.c and
// RtpAudioQueue.c.
package rtp
