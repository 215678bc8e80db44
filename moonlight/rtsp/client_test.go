package rtsp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEncryptedCandidates(t *testing.T) {
	report := make(reports, 10)
	keys := []Candidate{{ID: "one", Key: [16]byte{1}}, {ID: "two", Key: [16]byte{2}}}
	addr := serve(t, &Server{Handler: echo, Report: report.add, Keys: func() []Candidate { return keys }})
	for _, c := range slices.Backward(keys) {
		client := &Client{Addr: addr, Key: &c.Key}
		for range 2 {
			answer, err := client.Do(t.Context(), Request{Method: MethodAnnounce, Target: "x", Payload: []byte("abc")})
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.Header.Get("X-Candidate"); got != "<"+c.ID+">" || string(answer.Payload) != "abc" {
				t.Errorf("%s: got %s, %q", c.ID, got, answer.Payload)
			}
		}
	}
	stranger := &Client{Addr: addr, Key: &[16]byte{3}}
	if _, err := stranger.Do(t.Context(), Request{Method: MethodPlay, Target: "/"}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stranger: got %v", err)
	}
	report.want(t, ErrNotDecrypted)
	// A second client under the key of the first counts from 1 again.
	again := &Client{Addr: addr, Key: &keys[0].Key}
	if _, err := again.Do(t.Context(), Request{Method: MethodPlay, Target: "/"}); err == nil {
		t.Error("a sequence number was taken twice")
	}
	report.want(t, ErrReplay)
}

func TestEncryptedAnswersNeverRepeatANonce(t *testing.T) {
	key := [16]byte{7}
	report := make(reports, 10)
	addr := serve(t, &Server{Handler: echo, Report: report.add, Keys: func() []Candidate { return []Candidate{{"a", key}} }})
	for want := uint32(1); want <= 3; want++ {
		text := "PLAY / RTSP/1.0\r\nCSeq: 7\r\n\r\n"
		if want == 2 {
			text = "no request" // is answered under the key as well
		}
		sealed, err := Seal(nil, key, FromClient, 10*want, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		answer := hear(t, say(t, addr, string(sealed)))
		if len(answer) < frameHeaderSize || binary.BigEndian.Uint32([]byte(answer[4:])) != want {
			t.Fatalf("answer %d begins with %.8x", want, answer)
		}
		plain, err := openAnswer(key, []byte(answer))
		if err != nil || !strings.HasPrefix(string(plain), protocol+" "+map[bool]string{true: "400", false: "200"}[want == 2]) {
			t.Errorf("got %q, %v", plain, err)
		}
	}
	report.want(t, ErrMalformed)
}

// answering takes one connection and says what it is told.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write(answer)
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	return l.Addr().String()
}

func TestClientRefusesAnswers(t *testing.T) {
	key := [16]byte{1}
	fine := []byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
	sealed, err := Seal(nil, key, FromHost, 1, fine)
	if err != nil {
		t.Fatal(err)
	}
	wrongSide, err := Seal(nil, key, FromClient, 1, fine)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    *[16]byte
		answer []byte
		want   error
	}{
		"plain where encrypted": {&key, fine, ErrMalformed},
		"trailing bytes":        {&key, append(slices.Clone(sealed), 'x'), ErrMalformed},
		"cut off":               {&key, sealed[:len(sealed)-1], ErrMalformed},
		"our own words":         {&key, wrongSide, ErrNotDecrypted},
		"nothing, encrypted":    {&key, nil, io.ErrUnexpectedEOF},
		"nothing, plain":        {nil, nil, ErrMalformed},
		"encrypted where plain": {nil, sealed, ErrMalformed},
		"too much":              {nil, append(slices.Clone(fine), make([]byte, maxAnswer)...), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			client := &Client{Addr: answering(t, c.answer), Key: c.key}
			if _, err := client.Do(t.Context(), Request{Method: MethodPlay, Target: "/"}); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClientEndsWithItsContext(t *testing.T) {
	entered := make(chan struct{})
	addr := serve(t, &Server{Handler: func(ctx context.Context, _ *Request) *Response {
		close(entered)
		<-ctx.Done()
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := (&Client{Addr: addr}).Do(ctx, Request{Method: MethodPlay, Target: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// handshakeHost answers as a host does, and keeps the announcement.
func handshakeHost(announced chan<- *Announce, ping PingPayload) func(context.Context, *Request) *Response {
	return func(_ context.Context, r *Request) *Response {
		answer := NewResponse(StatusOK)
		switch r.Method {
		case MethodDescribe:
			answer.Payload, _ = (&Describe{EncryptionSupported: EncryptControl}).Append(nil)
		case MethodSetup:
			stream := StreamOf(r.Target)
			answer.Header.Add(HeaderSession, FormatSession("CAFE", 0))
			answer.Header.Set(HeaderTransport, FormatTransport(47998+uint16(stream)))
			if stream == StreamControl {
				answer.Header.Set(HeaderConnectData, FormatConnectData(99))
			} else {
				answer.Header.Set(HeaderPingPayload, ping.String())
			}
		case MethodAnnounce:
			a, err := ParseAnnounce(r.Payload)
			if err != nil {
				answer.Status = StatusBadRequest
			}
			announced <- a
		}
		return answer
	}
}

func TestHandshake(t *testing.T) {
	key := countingKey()
	for name, clientKey := range map[string]*[16]byte{"plain": nil, "encrypted": &key} {
		t.Run(name, func(t *testing.T) {
			announced, ping := make(chan *Announce, 1), NewPingPayload()
			addr := serve(t, &Server{Handler: handshakeHost(announced, ping), Keys: func() []Candidate { return []Candidate{{"s", key}} }})
			client := &Client{Addr: addr, Key: clientKey}
			do := func(method, target string, payload []byte) *Response {
				t.Helper()
				answer, err := client.Do(t.Context(), Request{Method: method, Target: target, Payload: payload})
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			url := Address(netip.MustParseAddrPort(addr), clientKey != nil)
			do(MethodOptions, url, nil)
			described, err := ParseDescribe(do(MethodDescribe, url, nil).Payload)
			if err != nil || described.EncryptionSupported != EncryptControl {
				t.Errorf("described %+v, %v", described, err)
			}
			for s := StreamAudio; s <= StreamControl; s++ {
				header := do(MethodSetup, s.Target(), nil).Header
				port, err := ParseTransport(header.Get(HeaderTransport))
				if err != nil || port != 47998+uint16(s) {
					t.Errorf("%v: port %d, %v", s, port, err)
				}
				if s != StreamControl && header.Get(HeaderPingPayload) != ping.String() {
					t.Errorf("%v: no ping payload in %v", s, header)
				}
			}
			_, want := captured(t)
			text, err := want.Marshal(netip.MustParseAddrPort(addr).Addr(), 48000)
			if err != nil {
				t.Fatal(err)
			}
			do(MethodAnnounce, StreamControl.Target(), text)
			if diff := cmp.Diff(want, <-announced); diff != "" {
				t.Error(diff)
			}
			do(MethodPlay, "/", nil)
		})
	}
}
