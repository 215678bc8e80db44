package gamestream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reflex is a PINSource that answers at once.
type reflex PIN

func (r reflex) WaitPIN(context.Context, PairRequest) (PairApproval, error) {
	return PairApproval{PIN: PIN(r)}, nil
}

// pairMachine sends phases in any order, right and wrong ones, and keeps a model
// of what the host must make of them.
type pairMachine struct {
	host   *Host
	paired *pairedSet
	now    time.Time

	phase         int  // phases done in order; 0 is none
	honest        bool // nothing wrong was sent in this attempt
	cipher        pairCipher
	hostChallenge []byte
	secret        [16]byte
	won           bool
}

func newPairMachine(t *rapid.T) *pairMachine {
	m := &pairMachine{paired: &pairedSet{}, now: time.Unix(1e9, 0)}
	host, err := NewHost(HostConfig{
		Identity: hostIdentity(), Backend: &house{}, Paired: m.paired, PINs: reflex("1111"),
		PairTimeout: time.Minute, Now: func() time.Time { return m.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.host = host
	t.Cleanup(host.Close)
	return m
}

// send asks and checks that the host goes along exactly where wanted.
func (m *pairMachine) send(t *rapid.T, query url.Values, wanted bool) *element {
	query.Set("uniqueid", "0123456789ABCDEF")
	recorder := httptest.NewRecorder()
	m.host.HTTP().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/pair?"+query.Encode(), nil))
	d, err := parseDocument(recorder.Body.Bytes())
	if err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %v", recorder.Code, err)
	}
	if got := d.root.get("paired") == "1"; got != wanted {
		t.Fatalf("%v in phase %d: paired is %t: %+v", query, m.phase, got, d.status)
	}
	return d.root
}

func (m *pairMachine) certificate(t *rapid.T) {
	pin := rapid.SampledFrom([]PIN{"1111", "1112"}).Draw(t, "pin")
	salt := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt"))
	m.send(t, url.Values{
		"phrase": {"getservercert"}, "salt": {hex.EncodeToString(salt[:])},
		"clientcert": {hex.EncodeToString(aliceIdentity().certPEM)},
	}, true)
	m.cipher, _ = newPairCipher(salt, pin)
	m.phase, m.honest = 1, pin == "1111"
}

func (m *pairMachine) challenge(t *rapid.T) {
	text := hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), 15, 17).Draw(t, "challenge"))
	next := m.phase == 1 && len(text) == 32
	root := m.send(t, url.Values{"clientchallenge": {text}}, next)
	if next {
		response, _ := hex.DecodeString(root.get("challengeresponse"))
		plain, err := m.cipher.decrypt(response)
		if err != nil || len(plain) != 48 {
			t.Fatalf("challengeresponse of %d bytes: %v", len(response), err)
		}
		m.phase, m.hostChallenge = 2, plain[32:]
	}
}

func (m *pairMachine) response(t *rapid.T) {
	hash := challengeHash(m.hostChallenge, aliceIdentity().Certificate(), m.secret[:])
	good := rapid.Bool().Draw(t, "good response")
	if !good {
		hash[0] ^= 1
	}
	sealed := make([]byte, 32)
	if m.cipher.block != nil {
		sealed, _ = m.cipher.encrypt(hash[:])
	}
	next := m.phase == 2
	m.send(t, url.Values{"serverchallengeresp": {hex.EncodeToString(sealed)}}, next)
	if next {
		m.phase, m.honest = 3, m.honest && good
	}
}

func (m *pairMachine) pairingSecret(t *rapid.T) {
	secret, err := signedSecret(m.secret[:], aliceIdentity().key)
	if err != nil {
		t.Fatal(err)
	}
	flip := rapid.IntRange(-len(secret), len(secret)-1).Draw(t, "flip")
	if flip >= 0 {
		secret[flip] ^= 0x10
	}
	win := m.phase == 3 && m.honest && flip < 0
	m.send(t, url.Values{"clientpairingsecret": {hex.EncodeToString(secret)}}, win)
	m.won = m.won || win
	if m.phase == 3 && flip < 0 {
		m.phase = 0 // a signature of the client's ends its attempt
	}
}

func (m *pairMachine) unpair(*rapid.T) {
	request := httptest.NewRequest(http.MethodGet, "/unpair?uniqueid=0123456789ABCDEF", nil)
	m.host.HTTP().ServeHTTP(httptest.NewRecorder(), request) // changes nothing
}

func (m *pairMachine) dawdle(*rapid.T) {
	m.now = m.now.Add(time.Minute)
	m.phase = 0
}

func (m *pairMachine) check(t *rapid.T) {
	if _, ok := m.paired.name(aliceIdentity().ID()); ok != m.won {
		t.Fatalf("paired is %t, it should be %t", ok, m.won)
	}
	if n := m.host.pairings.count(); n > 1 {
		t.Fatalf("%d pairings of one client", n)
	}
}

func TestPairingStateMachine(t *testing.T) {
	won := 0
	rapid.Check(t, func(t *rapid.T) {
		m := newPairMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"certificate": m.certificate, "challenge": m.challenge, "response": m.response, "secret": m.pairingSecret,
			// The right order must be likely enough to be seen at all.
			"in order": func(t *rapid.T) {
				m.certificate(t)
				m.challenge(t)
				m.response(t)
				m.pairingSecret(t)
			},
			"unpair": m.unpair, "dawdle": m.dawdle, "": m.check,
		})
		if m.won {
			won++
		}
	})
	if won == 0 {
		t.Error("no run ever paired: the test shows nothing")
	}
}

// Without the PIN no words whatever pair.
func FuzzPair(f *testing.F) {
	salt := hex.EncodeToString(make([]byte, 16))
	certificate := "phrase=getservercert&salt=" + salt + "&clientcert=" + hex.EncodeToString(aliceIdentity().certPEM)
	f.Add(certificate, "clientchallenge="+salt, "serverchallengeresp="+salt+salt, "clientpairingsecret="+salt)
	f.Add("phrase=getservercert", "phrase=pairchallenge", "clientchallenge=", "a=%zz&;")
	f.Fuzz(func(t *testing.T, first, second, third, fourth string) {
		paired := &pairedSet{}
		host, err := NewHost(HostConfig{Identity: hostIdentity(), Backend: &house{}, Paired: paired, PINs: reflex("1111")})
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		for _, query := range []string{first, second, third, fourth} {
			request := httptest.NewRequest(http.MethodGet, "/pair", nil)
			request.URL.RawQuery = query
			recorder := httptest.NewRecorder()
			host.HTTP().ServeHTTP(recorder, request)
			if _, err := parseDocument(recorder.Body.Bytes()); err != nil {
				t.Fatalf("%q: %v", recorder.Body, err)
			}
		}
		if len(paired.names) > 0 {
			t.Fatal("it paired")
		}
	})
}

func FuzzLaunchQuery(f *testing.F) {
	f.Add(goodQuery, false)
	f.Add(launchRequest().query().Encode(), true)
	f.Add("mode=1x&rikey=%", true)
	f.Add(goodQuery+"&sops=2&surroundAudioInfo=-1&corever=-9223372036854775809&gcmap=1e9", false)
	f.Fuzz(func(t *testing.T, raw string, resume bool) {
		query, err := parseQuery(raw)
		if err != nil {
			return
		}
		request, err := parseLaunch(query, resume)
		if err != nil {
			if _, ok := err.(*StatusError); !ok {
				t.Fatalf("not for clients: %v", err)
			}
			return
		}
		c := request.Channels
		if request.Width > MaxDimension || request.Height > MaxDimension || request.FPS > MaxFPS || request.AppID < 0 ||
			c != 2 && c != 6 && c != 8 || request.CoreVersion < 0 || request.CoreVersion > maxCoreVersion ||
			len(request.SurroundParams) > maxNameBytes {
			t.Fatalf("out of bounds: %+v", request)
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add(ServerInfo{Hostname: "a", DisplayModes: []DisplayMode{{1, 2, 3}}}.answer().bytes())
	f.Add([]byte("<root status_code='200'><App><ID>1</ID><AppTitle>x</AppTitle></App></root>"))
	f.Add([]byte("<?xml version='1.0' encoding='UTF-16'?><root status_code='-1'>\xff<![CDATA[x]]></root>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := parseDocument(body)
		if err != nil {
			return
		}
		if d.root == nil {
			t.Fatal("no root and no error")
		}
		_, _ = parseServerInfo(d.root)
		if apps, err := parseApps(d.root); err == nil {
			for _, app := range apps {
				if app.ID <= 0 || app.Title == "" {
					t.Fatalf("half an app: %+v", app)
				}
			}
		}
	})
}

// FuzzQueries asks everything that the host answers, over HTTP as a stranger and
// over HTTPS as a paired client, with any query. Nothing pairs by that, and each
// answer is a document or a picture.
func FuzzQueries(f *testing.F) {
	paths := []string{"/serverinfo", "/pair", "/unpair", "/applist", "/appasset", "/launch", "/resume", "/cancel", "/none"}
	for i := range paths {
		f.Add(uint8(i), "uniqueid=0123456789ABCDEF&uuid=1&appid=1", true)
		f.Add(uint8(i), "uniqueid=%zz&appid=-1&phrase=pairchallenge&unsubscribe=1;", false)
	}
	f.Add(uint8(5), goodQuery, true)
	f.Add(uint8(6), launchRequest().query().Encode(), true)
	alice := aliceIdentity()
	f.Fuzz(func(t *testing.T, which uint8, query string, secure bool) {
		paired := &pairedSet{names: map[ClientID]string{alice.ID(): "alice"}}
		backend := &house{}
		host, err := NewHost(HostConfig{Identity: hostIdentity(), Backend: backend, Paired: paired, PINs: reflex("1111")})
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		request := httptest.NewRequest(http.MethodGet, paths[int(which)%len(paths)], nil)
		request.URL.RawQuery = query
		recorder, handler := httptest.NewRecorder(), host.HTTP()
		if secure {
			request.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{alice.Certificate()}}
			handler = host.HTTPS()
		}
		handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK && recorder.Code != http.StatusNotFound {
			t.Errorf("%s?%s is answered with the HTTP status %d, which clients do not read", request.URL.Path, query, recorder.Code)
		}
		body := recorder.Body.Bytes()
		if _, err := parseDocument(body); err != nil && recorder.Code == http.StatusOK && !bytes.HasPrefix(body, []byte("\x89PNG")) {
			t.Errorf("%s?%s: %q: %v", request.URL.Path, query, body, err)
		}
		if !secure && (len(backend.launched) > 0 || len(paired.names) != 1) {
			t.Errorf("%s?%s of a stranger changes something", request.URL.Path, query)
		}
	})
}
