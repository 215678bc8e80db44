package rtsp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRequest(t *testing.T) {
	text := "ANNOUNCE streamid=control/13/0 RTSP/1.0\r\nCSeq: 6\r\nX-GS-ClientVersion:14\r\n" +
		"Session:  DEADBEEFCAFE\r\nContent-length: 5\r\n\r\nv=0\r\nrest"
	got, err := ParseRequest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &Request{
		Method: MethodAnnounce, Target: "streamid=control/13/0",
		Header:  Header{{"CSeq", "6"}, {"X-GS-ClientVersion", "14"}, {"Session", "DEADBEEFCAFE"}, {"Content-length", "5"}},
		Payload: []byte("v=0\r\n"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Request) bool { return sameRequest(&a, &b) })); diff != "" {
		t.Error(diff)
	}
	if got.Header.Get("session") != "DEADBEEFCAFE" {
		t.Error("header names of requests must be found in any case")
	}
}

func sameRequest(a, b *Request) bool {
	return a.Method == b.Method && a.Target == b.Target && cmp.Equal(a.Header, b.Header) && string(a.Payload) == string(b.Payload)
}

func TestParseRequestRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no end":               "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n",
		"another protocol":     "OPTIONS x RTSP/2.0\r\nCSeq: 1\r\n\r\n",
		"http":                 "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"no target":            "OPTIONS  RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"two targets":          "OPTIONS a b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"no colon":             "OPTIONS x RTSP/1.0\r\nCSeq\r\n\r\n",
		"folded header":        "OPTIONS x RTSP/1.0\r\nCSeq: 1\r\n more: 2\r\n\r\n",
		"nul":                  "OPTIONS x RTSP/1.0\r\nCSeq: 1\x00\r\n\r\n",
		"lone line feed":       "OPTIONS x RTSP/1.0\r\nCSeq: 1\nA: b\r\n\r\n",
		"short payload":        "ANNOUNCE x RTSP/1.0\r\nContent-length: 9\r\n\r\nabc",
		"negative length":      "ANNOUNCE x RTSP/1.0\r\nContent-length: -1\r\n\r\nabc",
		"length over 31 bits":  "ANNOUNCE x RTSP/1.0\r\nContent-length: 4294967297\r\n\r\nabc",
		"length with a suffix": "ANNOUNCE x RTSP/1.0\r\nContent-length: 3x\r\n\r\nabc",
	} {
		if _, err := ParseRequest([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	many := "OPTIONS x RTSP/1.0\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n"
	if _, err := ParseRequest([]byte(many)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("many headers: got %v", err)
	}
}

func TestAppendResponseGolden(t *testing.T) {
	got, err := AppendResponse(nil, &Response{
		Status:  StatusOK,
		Header:  Header{{HeaderCSeq, "3"}, {HeaderSession, FormatSession("DEADBEEFCAFE", 90e9)}, {HeaderTransport, FormatTransport(48000)}},
		Payload: []byte("a=x\n"),
	})
	want := "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: DEADBEEFCAFE;timeout = 90\r\nTransport: server_port=48000\r\n\r\na=x\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	got, err = AppendResponse(nil, &Response{Status: 499, Header: Header{{"A", "b"}}})
	if want := "RTSP/1.0 499 Status\r\nA: b\r\n\r\n"; err != nil || string(got) != want {
		t.Errorf("a status without a known reason: got %q, %v", got, err)
	}
}

func TestAppendRefusesWhatClientsMisread(t *testing.T) {
	fine := Header{{HeaderCSeq, "1"}}
	for name, r := range map[string]*Response{
		"no header":      {Status: 200},
		"empty value":    {Status: 200, Header: Header{{"A", ""}}},
		"leading space":  {Status: 200, Header: Header{{"A", " b"}}},
		"injected line":  {Status: 200, Header: Header{{"A", "b\r\nC: d"}}},
		"injected name":  {Status: 200, Header: Header{{"A: b\r\nC", "d"}}},
		"nul":            {Status: 200, Header: fine, Payload: []byte("a\x00b")},
		"no status":      {Header: fine},
		"injected words": {Status: 200, Reason: "OK\r\nA: b", Header: fine},
	} {
		if _, err := AppendResponse(nil, r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, r := range []*Request{{Method: "A B", Target: "x", Header: fine}, {Method: "A", Target: "x y", Header: fine}, {Method: "A", Header: fine}} {
		if _, err := AppendRequest(nil, r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
}

func TestParseResponseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "RTSP/1.0 200\r\nA: b\r\n\r\n", "RTSP/1.0 200 \r\nA: b\r\n\r\n", "HTTP/1.0 200 OK\r\nA: b\r\n\r\n",
		"RTSP/1.0 20x OK\r\nA: b\r\n\r\n", "RTSP/1.0 2000 OK\r\nA: b\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n",
	} {
		if _, err := ParseResponse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestLowQualityAudio(t *testing.T) {
	for _, c := range []struct {
		target, host string
		want         bool
	}{
		{"rtsp://0.0.0.0:48010", "", true},
		{"rtspenc://0.0.0.0:48010", "127.0.0.1", true},
		{"rtsp://127.0.0.1:48010", "0.0.0.0", true},
		{"rtsp://127.0.0.1:48010", "127.0.0.1", false},
		{"rtsp://[::1]:48010", "::1", false},
		{"rtsp://%zz", "", false},
		{"/", "", false},
	} {
		r := &Request{Target: c.target, Header: Header{{HeaderHost, c.host}}}
		if got := r.LowQualityAudio(); got != c.want {
			t.Errorf("%s, Host %q: got %t", c.target, c.host, got)
		}
	}
}
