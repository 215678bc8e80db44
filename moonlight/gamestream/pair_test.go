package gamestream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// startPairing runs Pair and hands out its error.
func startPairing(t *testing.T, client *Client, pin PIN) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- client.Pair(t.Context(), pin) }()
	return result
}

func await(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("pairing did not end")
		return nil
	}
}

func TestPair(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	result := startPairing(t, alice, "0417")
	request := s.desk.next(t)
	if request.ID != aliceIdentity().ID() || request.Addr.Addr().String() != "127.0.0.1" || request.DeviceName != "roth" {
		t.Errorf("the desk heard of %+v", request)
	}
	if wait := request.Expires.Sub(request.At); wait != 5*time.Minute {
		t.Errorf("the request lives for %v", wait)
	}
	s.desk.enter(aliceIdentity(), "0417")
	if err := await(t, result); err != nil {
		t.Fatal(err)
	}
	if name, ok := s.paired.name(aliceIdentity().ID()); !ok || name != "den" {
		t.Errorf("the host remembers %q, %t", name, ok)
	}
	if diff := cmp.Diff(hostIdentity().Certificate().Raw, alice.HostCertificate().Raw); diff != "" {
		t.Errorf("pinned certificate: %s", diff)
	}
	info, err := alice.ServerInfo(t.Context())
	if err != nil || !info.PairStatus {
		t.Errorf("serverinfo after pairing: %+v, %v", info, err)
	}
	if err := alice.Unpair(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := alice.AppList(t.Context()); !errors.Is(err, ErrNotPaired) {
		t.Errorf("after unpair: %v", err)
	}
}

func TestWrongPIN(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	result := startPairing(t, alice, "1234")
	s.desk.next(t)
	s.desk.enter(aliceIdentity(), "1235")
	err := await(t, result)
	if !errors.Is(err, ErrWrongPIN) {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "1234") || strings.Contains(err.Error(), "1235") {
		t.Errorf("the error tells a PIN: %v", err)
	}
	if _, ok := s.paired.name(aliceIdentity().ID()); ok || alice.HostCertificate() != nil {
		t.Error("a wrong PIN paired")
	}
	// The client knows that the PIN was wrong and says nothing. It may begin anew.
	result = startPairing(t, alice, "1236")
	s.desk.next(t)
	s.desk.enter(aliceIdentity(), "1236")
	if err := await(t, result); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
	if n := len(s.host.pairings.under); n != 0 {
		t.Errorf("%d pairings are left", n)
	}
}

// A client like libgamestream does not check the host's proof and sends its
// secret all the same; then the host is the one to notice.
func TestHostNoticesWrongPIN(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	s.desk.enter(aliceIdentity(), "1235")
	p := &clientPairing{client: alice}
	if err := p.exchangeCertificates(t.Context(), "1234"); err != nil {
		t.Fatal(err)
	}
	proof, challenge, err := p.sendChallenge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.answerChallenge(t.Context(), proof, challenge); !errors.Is(err, ErrWrongPIN) {
		t.Fatalf("got %v", err)
	}
	if err := p.sendSecret(t.Context()); err != ErrPairingRefused {
		t.Errorf("the host answered %v, not paired 0 with status 200", err)
	}
}

func TestTwoClientsPairAtOnce(t *testing.T) {
	s := newStage(t, nil)
	alice, bob := s.client(t, aliceIdentity(), nil), s.client(t, bobIdentity(), nil)
	first := startPairing(t, alice, "1111")
	s.desk.next(t)
	second := startPairing(t, bob, "2222")
	s.desk.next(t)
	s.desk.enter(bobIdentity(), "2222")
	if err := await(t, second); err != nil {
		t.Errorf("bob: %v", err)
	}
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, first); err != nil {
		t.Errorf("alice: %v", err)
	}
}

func TestSameRequestTwiceIsAlreadyPairing(t *testing.T) {
	s := newStage(t, nil)
	first := startPairing(t, s.client(t, aliceIdentity(), nil), "1111")
	s.desk.next(t)
	if err := s.client(t, aliceIdentity(), nil).Pair(t.Context(), "2222"); !errors.Is(err, ErrAlreadyPairing) {
		t.Errorf("got %v", err)
	}
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, first); err != nil {
		t.Errorf("the second attempt hurt the first: %v", err)
	}
}

// TestNeighboursWithOneName: clients of one program behind one NAT say the same
// of themselves. Neither is in the way of the other.
func TestNeighboursWithOneName(t *testing.T) {
	s := newStage(t, nil)
	name := func(c *ClientConfig) { c.UniqueID = "0123456789ABCDEF" }
	bob := startPairing(t, s.client(t, bobIdentity(), name), "2222")
	s.desk.next(t)
	alice := startPairing(t, s.client(t, aliceIdentity(), name), "1111")
	s.desk.next(t)
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, alice); err != nil {
		t.Errorf("alice: %v", err)
	}
	s.desk.enter(bobIdentity(), "2222")
	if err := await(t, bob); err != nil {
		t.Errorf("bob: %v", err)
	}
}

// TestStrangersDoNotEndPairings: nothing that a neighbour with the client's
// address and name can say ends a request that waits for its PIN.
func TestStrangersDoNotEndPairings(t *testing.T) {
	s := newStage(t, nil)
	name := func(c *ClientConfig) { c.UniqueID = "0123456789ABCDEF" }
	alice := startPairing(t, s.client(t, aliceIdentity(), name), "1111")
	s.desk.next(t)
	for _, query := range []string{
		"/unpair?", "/pair?phrase=nothing&", "/pair?clientchallenge=" + strings.Repeat("0", 32) + "&",
		"/pair?serverchallengeresp=" + strings.Repeat("0", 64) + "&", "/pair?clientpairingsecret=00&",
		"/pair?phrase=getservercert&salt=00&",
	} {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%suniqueid=0123456789ABCDEF", s.http, query))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, alice); err != nil {
		t.Error(err)
	}
}

func TestHostOfAnotherKeyIsFound(t *testing.T) {
	s := newStage(t, func(config *HostConfig, _ *http.Server) {
		stolen := *hostIdentity()
		stolen.key = bobIdentity().key
		config.Identity = &stolen
	})
	alice := s.client(t, aliceIdentity(), nil)
	s.desk.enter(aliceIdentity(), "1111")
	if err := alice.Pair(t.Context(), "1111"); !errors.Is(err, ErrHostSignature) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedAndMistypedPINs(t *testing.T) {
	for _, pin := range []PIN{"", "98", "98765", "98a4", "９８７６"} {
		s := newStage(t, nil)
		s.desk.enter(aliceIdentity(), pin)
		err := s.client(t, aliceIdentity(), nil).Pair(t.Context(), "1111")
		if !errors.Is(err, ErrPairingRefused) || pin != "" && strings.Contains(err.Error(), string(pin)) {
			t.Errorf("%s: got %v", string(pin), err)
		}
	}
}

// The PIN may take longer to type than the server's limits for other requests.
func TestWaitingOutlivesServerLimits(t *testing.T) {
	s := newStage(t, func(_ *HostConfig, server *http.Server) {
		server.ReadTimeout, server.WriteTimeout = time.Second, time.Second
	})
	result := startPairing(t, s.client(t, aliceIdentity(), nil), "1111")
	s.desk.next(t)
	select {
	case err := <-result:
		t.Fatalf("the wait was cut short: %v", err)
	case <-time.After(1500 * time.Millisecond):
	}
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, result); err != nil {
		t.Error(err)
	}
	s.backend.delay = 1500 * time.Millisecond
	if _, err := s.pairedClient(t, aliceIdentity()).Launch(t.Context(), launchRequest()); err != nil {
		t.Error(err)
	}
}

// The end of an abandoned attempt must not take the next one with it.
func TestAbandonedAttemptLeavesTheNextAlone(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	abandoned := make(chan error, 1)
	go func() { abandoned <- alice.Pair(ctx, "1111") }()
	s.desk.next(t)
	cancel()
	if err := await(t, abandoned); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	result := startPairing(t, alice, "2222")
	s.desk.next(t)
	s.desk.enter(aliceIdentity(), "2222")
	if err := await(t, result); err != nil {
		t.Error(err)
	}
}

func TestWaitingEnds(t *testing.T) {
	for name, end := range map[string]func(*stage, context.CancelFunc){
		"with the client": func(_ *stage, cancel context.CancelFunc) { cancel() },
		"with the host":   func(s *stage, _ context.CancelFunc) { s.host.Close() },
		"with time":       func(*stage, context.CancelFunc) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(config *HostConfig, _ *http.Server) {
				if name == "with time" {
					config.PINTimeout = 100 * time.Millisecond
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			client := s.client(t, aliceIdentity(), nil)
			result := make(chan error, 1)
			go func() { result <- client.Pair(ctx, "1111") }()
			s.desk.next(t)
			end(s, cancel)
			if err := await(t, result); err == nil {
				t.Error("it paired")
			}
			waitUntil(t, func() bool {
				s.host.pairings.mu.Lock()
				defer s.host.pairings.mu.Unlock()
				return len(s.host.pairings.under) == 0
			})
		})
	}
}

func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it did not come to pass")
		}
	}
}

// Whoever repeats a phase that he overheard gets 400 and ends the pairing.
func TestReplays(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	s.desk.enter(aliceIdentity(), "1111")
	p := &clientPairing{client: alice}
	if err := p.exchangeCertificates(t.Context(), "1111"); err != nil {
		t.Fatal(err)
	}
	challenge := url.Values{"clientchallenge": {hex.EncodeToString(make([]byte, 16))}}
	if _, err := alice.pairPhase(t.Context(), false, challenge); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := alice.pairPhase(t.Context(), false, challenge)
		if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != StatusBadRequest {
			t.Errorf("a replayed challenge: %v", err)
		}
	}
	response := url.Values{"serverchallengeresp": {hex.EncodeToString(make([]byte, 32))}}
	if _, err := alice.pairPhase(t.Context(), false, response); !errors.Is(err, ErrPairingRefused) {
		t.Errorf("the pairing went on after a replay: %v", err)
	}
}

// TestPairingsAreBounded: the oldest request of the network with the most makes
// room, so that a flood of requests ends none but its own.
func TestPairingsAreBounded(t *testing.T) {
	end := map[string]error{}
	s := newPairings(HostConfig{
		MaxPairings: 4, MaxPairingsPerAddr: 3, PINTimeout: time.Minute, PairTimeout: time.Minute,
		Now: func() time.Time { return time.Unix(int64(len(end)), 0) },
	})
	begin := func(name, addr string) {
		p := &pairing{key: waitingKey{pairingKey{name, netip.MustParseAddr(addr)}, ClientID(name)}}
		p.end = func(err error) { end[name] = err }
		if err := s.begin(p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		end[name] = nil
	}
	waits := func(names ...string) {
		t.Helper()
		var got []string
		for _, p := range s.waiting {
			got = append(got, p.key.uniqueID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("waiting: %s", diff)
		}
	}
	begin("player", "192.0.2.1")
	for _, name := range []string{"a", "b", "c"} { // IPv6 addresses of one network
		begin(name, "2001:db8::"+name)
	}
	begin("d", "2001:db8::d")
	waits("b", "c", "d", "player")
	begin("other", "192.0.2.2")
	waits("c", "d", "other", "player")
	begin("e", "2001:db8::e")
	waits("d", "e", "other", "player")
	for _, name := range []string{"a", "b", "c"} {
		if end[name] != errDisplaced {
			t.Errorf("%s ended with %v", name, end[name])
		}
	}
	begin("last", "192.0.2.3")
	waits("e", "last", "other", "player")
}

// TestReportsOfAPairing: whoever entered the PIN learns what became of it.
func TestReportsOfAPairing(t *testing.T) {
	for pin, want := range map[PIN][]PairStep{
		"1111": {PairAnswered, PairDone},
		"1112": {PairAnswered, PairWrongPIN},
	} {
		s := newStage(t, nil)
		steps := make(chan PairStep, 4)
		s.desk.report = func(step PairStep) { steps <- step }
		s.desk.enter(aliceIdentity(), pin)
		p := &clientPairing{client: s.client(t, aliceIdentity(), nil)}
		if err := p.exchangeCertificates(t.Context(), "1111"); err != nil {
			t.Fatal(err)
		}
		proof, challenge, err := p.sendChallenge(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = p.answerChallenge(t.Context(), proof, challenge) // some clients continue although the PIN is wrong
		_ = p.sendSecret(t.Context())
		for _, step := range want {
			if got := <-steps; got != step {
				t.Errorf("PIN %s: step %d, want %d", string(pin), got, step)
			}
		}
	}
}
