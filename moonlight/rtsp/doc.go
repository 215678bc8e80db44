// Package rtsp speaks the RTSP dialect with which a GameStream session is
// negotiated, as a host and as a client (moonlight-common-c RtspConnection.c,
// RtspParser.c, SdpGenerator.c).
//
// It is RTSP 1.0 in its look only. One TCP connection carries one request; the
// client reads the answer until the host closes. The client cuts messages up
// with a tokenizer, so that an answer needs at least one header, exactly one
// space after each colon, no empty value and no NUL byte; what this package
// writes keeps to that, and writing anything else is an error.
//
// # The sequence
//
// OPTIONS, DESCRIBE (the host says what it can do: Describe), SETUP for audio,
// video and control (headers Session, Transport, X-SS-Ping-Payload and
// X-SS-Connect-Data), ANNOUNCE (the client says what it wants: Announce), PLAY.
//
// # Encryption
//
// With an rtspenc address both directions are AES-128-GCM under the key of the
// launch. A request does not say whose launch it belongs to: a Server tries the
// keys of all that may come, and the key that opens the message is the identity
// of its sender. Sequence numbers of a key must rise, so a recorded request
// cannot be sent again; the numbers of answers are never used twice under a key.
//
// A plain request has no identity beyond its address. Who serves both must
// decide in the Handler what an empty Request.Candidate may do.
package rtsp
