package rtsp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"testing"
	"time"
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

// FuzzServer has a server take a connection on which a client sends the message,
// sealed with a launch's key or in the clear, and read what the host reads of it.
// What is answered can be parsed, and a message that is one reaches the handler.
func FuzzServer(f *testing.F) {
	text, _ := captured(f)
	announce, err := AppendRequest(nil, &Request{Method: MethodAnnounce, Target: StreamControl.Target(), Payload: text})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(announce, true)
	f.Add([]byte("SETUP streamid=video/0/0 RTSP/1.0\r\nCSeq: 4\r\nTransport: unicast;X-GS-ClientPort=50000-50001\r\nHost: 0.0.0.0\r\n\r\n"), true)
	f.Add([]byte("OPTIONS rtsp://10.0.0.1:48010 RTSP/1.0\r\nCSeq: 1\r\nX-GS-ClientVersion: 14\r\nHost: 10.0.0.1\r\n\r\n"), false)
	f.Add([]byte("PLAY / RTSP/1.0\r\nCSeq: 7\r\n\r\n"), true)
	key := countingKey()
	f.Fuzz(func(t *testing.T, message []byte, sealed bool) {
		sent := message
		if sealed {
			var err error
			if sent, err = Seal(nil, key, FromClient, 1, message); err != nil {
				return
			}
		}
		handled := 0
		s := &Server{
			MaxMessage: 64 << 10, ReadTimeout: 5 * time.Second,
			Keys: func() []Candidate { return []Candidate{{"a", key}} },
			Handler: func(_ context.Context, r *Request) *Response {
				handled++
				if sealed && r.Candidate != "a" {
					t.Errorf("a sealed request of %q", r.Candidate)
				}
				_ = r.LowQualityAudio()
				_, _ = ParseTransport(r.Header.Get(HeaderTransport))
				if _, err := ParseAnnounce(r.Payload); err != nil {
					return NewResponse(StatusBadRequest)
				}
				return NewResponse(StatusOK)
			},
		}
		client, host := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serveConn(t.Context(), host)
		}()
		go func() {
			_, _ = client.Write(sent)
			if !sealed {
				// A request in the clear without a length ends with its header.
				_, _ = client.Write([]byte("\r\n\r\n"))
			}
		}()
		// A request in the clear may be one whose rest never comes.
		wait := 20 * time.Millisecond
		if sealed {
			wait = 10 * time.Second
		}
		_ = client.SetReadDeadline(time.Now().Add(wait))
		answer := make([]byte, 64<<10)
		n, _ := client.Read(answer)
		_ = client.Close()
		<-done
		if _, err := ParseRequest(message); sealed && err == nil && len(message) < s.MaxMessage && handled != 1 {
			t.Errorf("%q is handled %d times", message, handled)
		}
		if n == 0 {
			return
		}
		if !sealed {
			if _, err := ParseResponse(answer[:n]); err != nil {
				t.Errorf("%q is answered with %q: %v", message, answer[:n], err)
			}
		}
	})
}
