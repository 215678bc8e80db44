package gamestream

import (
	"context"
	"errors"
	"net/http"
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
	if r := s.desk.result(t); r.Outcome != PairPaired {
		t.Errorf("the desk heard %+v", r)
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

// A client that checks the PIN stops without a word that a host could trust.
func TestWrongPIN(t *testing.T) {
	s := newStage(t, func(config *HostConfig, _ *http.Server) { config.PairTimeout = time.Second })
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
	if r := s.desk.result(t); r.Outcome != PairWrongPIN || !r.Stopped {
		t.Errorf("the desk heard %+v", r)
	}
	if n := s.host.pairings.count(); n != 0 {
		t.Errorf("%d pairings are left", n)
	}
}

func (s *pairings) count() int {
	s.mu.Lock()
	defer s.unlock()
	return len(s.under)
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
	if r := s.desk.result(t); r.Outcome != PairWrongPIN || r.Stopped {
		t.Errorf("the desk heard %+v", r)
	}
}

// A client that goes away after its PIN was entered leaves the PIN unproved.
func TestClientGoesAwayWithItsPIN(t *testing.T) {
	s := newStage(t, func(config *HostConfig, _ *http.Server) { config.PairTimeout = 50 * time.Millisecond })
	s.desk.enter(aliceIdentity(), "1111")
	p := &clientPairing{client: s.client(t, aliceIdentity(), nil)}
	if err := p.exchangeCertificates(t.Context(), "1111"); err != nil {
		t.Fatal(err)
	}
	if r := s.desk.result(t); r.Outcome != PairGone {
		t.Errorf("the desk heard %+v", r)
	}
}

func TestStoreFailureIsReported(t *testing.T) {
	s := newStage(t, nil)
	s.paired.fail = errors.New("the disk is full")
	s.desk.enter(aliceIdentity(), "1111")
	if err := s.client(t, aliceIdentity(), nil).Pair(t.Context(), "1111"); !errors.Is(err, ErrPairingRefused) {
		t.Errorf("got %v", err)
	}
	if r := s.desk.result(t); r.Outcome != PairFailed || !errors.Is(r.Err, s.paired.fail) {
		t.Errorf("the desk heard %+v", r)
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

// Clients of one make have one name, and behind a router one address.
func TestSameNameAndAddress(t *testing.T) {
	s := newStage(t, nil)
	same := func(c *ClientConfig) { c.UniqueID = "same" }
	first := startPairing(t, s.client(t, aliceIdentity(), same), "1111")
	s.desk.next(t)
	second := startPairing(t, s.client(t, bobIdentity(), same), "2222")
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

// A person who closed a dialog may begin again while the client still waits.
func TestClientBeginsAnew(t *testing.T) {
	s := newStage(t, nil)
	first := startPairing(t, s.client(t, aliceIdentity(), nil), "1111")
	s.desk.next(t)
	second := startPairing(t, s.client(t, aliceIdentity(), nil), "1111")
	s.desk.next(t)
	s.desk.enter(aliceIdentity(), "1111") // for one of the two
	select {
	case err := <-first:
		first = second
		if err != nil {
			t.Error(err)
		}
	case err := <-second:
		if err != nil {
			t.Error(err)
		}
	}
	s.host.Close()
	if err := await(t, first); err == nil {
		t.Error("one PIN paired twice")
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
			waitUntil(t, func() bool { return s.host.pairings.count() == 0 })
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
