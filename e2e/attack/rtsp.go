package attack

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// rtspRequests are those of a handshake that hides the address it was given, as
// clients do that want low-quality sound.
var rtspRequests = []string{
	"OPTIONS rtsp://0.0.0.0", "DESCRIBE rtsp://0.0.0.0", "SETUP streamid=audio/0/0", "SETUP streamid=video/0/0",
	"SETUP streamid=control/13/0", "ANNOUNCE streamid=control/13/0", "PLAY /",
}

// rtspPlain goes through a handshake in the clear, as a client of whichever
// launch there is.
func (r *run) rtspPlain() error {
	for i := 0; r.pace(i); i++ {
		// From each address all requests.
		request := rtspRequests[i/len(r.From)%len(rtspRequests)]
		r.ask(i, r.Ports.RTSP, fmt.Appendf(nil, "%s RTSP/1.0\r\nCSeq: %d\r\nHost: 0.0.0.0\r\n"+
			"Transport: unicast;X-GS-ClientPort=50000-50001\r\n\r\n", request, i+1))
	}
	return nil
}

// rtspForge sends encrypted requests under keys that are no launch's.
func (r *run) rtspForge() error {
	for i := 0; r.pace(i); i++ {
		sealed := make([]byte, 24+128)
		_, _ = rand.Read(sealed) // never fails
		binary.BigEndian.PutUint32(sealed, 0x80000000|128)
		binary.BigEndian.PutUint32(sealed[4:], uint32(i+1))
		r.ask(i, r.Ports.RTSP, sealed)
	}
	return nil
}
