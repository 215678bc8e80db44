package rtsp

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
)

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("PLAY / RTSP/1.0\r\nCSeq: 7\r\nX-GS-ClientVersion: 14\r\nHost: 0.0.0.0\r\nSession: DEADBEEFCAFE\r\n\r\n"))
	f.Add([]byte("ANNOUNCE streamid=control/13/0 RTSP/1.0\r\nContent-length: 3\r\n\r\nabcdef"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := ParseRequest(message)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		r.LowQualityAudio()
		text, err := AppendRequest(nil, r)
		if err != nil {
			return // more is taken than written
		}
		if again, err := ParseRequest(text); err != nil || !sameRequest(withLength(r), again) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

// withLength returns r as it is once AppendRequest has added a length.
func withLength(r *Request) *Request {
	text, _ := AppendRequest(nil, r)
	_, header, _, _ := split(text)
	complete := *r
	complete.Header = header
	return &complete
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: A;timeout = 90\r\nTransport: server_port=48000\r\nX-SS-Connect-Data: 0xff\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := ParseResponse(message)
		if err != nil {
			return
		}
		_, _ = ParseTransport(r.Header.Get(HeaderTransport))
		_, _ = ParseSession(r.Header.Get(HeaderSession))
		_, _ = ParseConnectData(r.Header.Get(HeaderConnectData))
		text, err := AppendResponse(nil, r)
		if err != nil {
			return
		}
		if again, err := ParseResponse(text); err != nil || again.Status != r.Status || !bytes.Equal(again.Payload, r.Payload) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzParseAnnounce(f *testing.F) {
	text, _ := captured(f)
	f.Add(text)
	f.Add([]byte("a=\na=:\na"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ParseAnnounce(text)
		if err != nil || a.BitrateKbps+a.ConfiguredBitrateKbps == 0 {
			return
		}
		written, err := a.Marshal(netip.IPv6Loopback(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseAnnounce(written); err != nil || *again != *a {
			t.Errorf("%+v became %+v, %v", a, again, err)
		}
	})
}

func FuzzParseDescribe(f *testing.F) {
	text, err := (&Describe{HEVC: true, AV1: true, Surround: StandardLayouts()}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseDescribe(text)
		if err != nil {
			return
		}
		d.EncryptionSupported |= d.EncryptionRequested
		written, err := d.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDescribe(written)
		if err != nil || len(again.Surround) != len(d.Surround) {
			t.Fatalf("%+v became %+v, %v", d, again, err)
		}
		twice, err := again.Append(nil)
		if err != nil || !reflect.DeepEqual(twice, written) {
			t.Errorf("%q became %q, %v", written, twice, err)
		}
	})
}

func FuzzReceive(f *testing.F) {
	key := countingKey()
	sealed, err := Seal(nil, key, FromClient, 1, []byte("PLAY / RTSP/1.0\r\nCSeq: 7\r\n\r\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte("ANNOUNCE x RTSP/1.0\r\nContent-length: 3\r\n\r\nabcdef"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := &Server{MaxMessage: 1024, Keys: func() []Candidate { return []Candidate{{"a", key}} }}
		message, sender, err := s.receive(bytes.NewReader(stream))
		if err == nil && (sender == nil || len(message) > 1024) {
			t.Errorf("%d bytes from %v", len(message), sender)
		}
	})
}
