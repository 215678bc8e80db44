package gamestream

import (
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
)

// hostileRequests are what a neighbour behind the same address can send without
// the key of a client's certificate.
func hostileRequests() []string {
	short, block := "00", hex.EncodeToString(make([]byte, 16))
	greeting := "/pair?phrase=getservercert&salt="
	return []string{
		"/unpair?",
		"/pair?phrase=nothing",
		"/pair?",
		greeting + short,
		greeting + block + "&clientcert=" + short,
		"/pair?clientchallenge=" + short,
		"/pair?serverchallengeresp=" + short,
		"/pair?clientpairingsecret=" + short,
		"/pair?clientpairingsecret=zz",
		"/pair?clientpairingsecret=" + strings.Repeat(block, 17),
	}
}

// hostilePhases fit a phase after the PIN, and so does whoever sends one first.
func hostilePhases() []string {
	block := hex.EncodeToString(make([]byte, 16))
	return []string{"/pair?clientchallenge=" + block, "/pair?serverchallengeresp=" + block + block}
}

// intrude sends requests from the address and in the name of a client. None may
// be answered as if it had done anything.
func (s *stage) intrude(t *testing.T, uniqueID string, requests ...string) {
	t.Helper()
	for _, r := range requests {
		reply, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s&uniqueid=%s", s.http, r, uniqueID))
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseDocument(readAll(t, reply))
		if err != nil || reply.StatusCode != http.StatusOK || d.status.Code == StatusOK || d.status.Message == "" {
			t.Errorf("%s: HTTP %d, %+v, %v", r, reply.StatusCode, d, err)
		}
	}
}

// A neighbour behind the same address with the same uniqueid ends no pairing.
func TestNeighbourEndsNoPairing(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), func(c *ClientConfig) { c.UniqueID = "same" })
	p := &clientPairing{client: alice}
	greeted := make(chan error, 1)
	go func() { greeted <- p.exchangeCertificates(t.Context(), "1111") }()
	s.desk.next(t)
	everything := append(hostileRequests(), hostilePhases()...)
	s.intrude(t, "same", everything...)
	s.desk.enter(aliceIdentity(), "1111")
	if err := await(t, greeted); err != nil {
		t.Fatal(err)
	}
	s.intrude(t, "same", hostileRequests()...)
	s.intrude(t, "same", hostilePhases()[1]) // out of order
	proof, challenge, err := p.sendChallenge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.intrude(t, "same", hostileRequests()...)
	s.intrude(t, "same", hostilePhases()[0]) // again
	if err := p.answerChallenge(t.Context(), proof, challenge); err != nil {
		t.Fatal(err)
	}
	s.intrude(t, "same", everything...)
	// Another one with a certificate of his own asks to pair, too.
	bob := s.client(t, bobIdentity(), func(c *ClientConfig) { c.UniqueID = "same" })
	other := startPairing(t, bob, "2222")
	s.desk.next(t)
	if err := p.sendSecret(t.Context()); err != nil {
		t.Error(err)
	}
	if r := s.desk.result(t); r.Outcome != PairPaired {
		t.Errorf("the desk heard %+v", r)
	}
	s.desk.enter(bobIdentity(), "2222")
	if err := await(t, other); err != nil {
		t.Error(err)
	}
}

// Whoever spoils a phase gets nowhere with it, and the desk reads that the PIN
// did not do.
func TestNeighbourSpoilsOneAttempt(t *testing.T) {
	s := newStage(t, nil)
	alice := s.client(t, aliceIdentity(), nil)
	s.desk.enter(aliceIdentity(), "1111")
	p := &clientPairing{client: alice}
	if err := p.exchangeCertificates(t.Context(), "1111"); err != nil {
		t.Fatal(err)
	}
	proof, challenge, err := p.sendChallenge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spoil := url.Values{"serverchallengeresp": {strings.Repeat("00", 32)}}
	if _, err := alice.pairPhase(t.Context(), false, spoil); err != nil {
		t.Fatal(err)
	}
	if err := p.answerChallenge(t.Context(), proof, challenge); !errors.Is(err, ErrPairingRefused) {
		t.Errorf("the phase was answered twice: %v", err)
	}
	if err := p.sendSecret(t.Context()); !errors.Is(err, ErrPairingRefused) {
		t.Errorf("it paired: %v", err)
	}
	if r := s.desk.result(t); r.Outcome != PairWrongPIN {
		t.Errorf("the desk heard %+v", r)
	}
}

// crowd is pairings under a clock of the test's.
type crowd struct {
	*pairings
	now time.Time
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{now: time.Unix(1e9, 0)}
	host, err := NewHost(HostConfig{
		Identity: hostIdentity(), Backend: &house{}, Paired: &pairedSet{}, PINs: reflex("1111"),
		PairTimeout: time.Hour, Now: func() time.Time { return c.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	c.pairings = host.pairings
	return c
}

// ask begins a pairing from an address, a second after the one before.
func (c *crowd) ask(addr string) (*pairing, error) {
	c.now = c.now.Add(time.Second)
	from := netip.MustParseAddr(addr)
	p := &pairing{
		key: pairingKey{"same", from}, network: networkOf(from), client: aliceIdentity().Certificate(), end: func(error) {},
	}
	return p, c.begin(p)
}

func (c *crowd) waits(p *pairing) bool {
	c.mu.Lock()
	defer c.unlock()
	return slices.Contains(c.under, p)
}

func TestFloodDisplacesItself(t *testing.T) {
	c := newCrowd(t)
	rightful, err := c.ask("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		_, _ = c.ask(fmt.Sprintf("198.51.100.%d", i%8))
		_, _ = c.ask(fmt.Sprintf("2001:db8::%x", i))
	}
	if !c.waits(rightful) {
		t.Error("a flood displaced a client within minutes")
	}
	if n := c.count(); n > 16 {
		t.Errorf("%d pairings", n)
	}
	// One who comes into the flood finds a place, and keeps it.
	late, err := c.ask("192.0.2.2")
	if err != nil {
		t.Error(err)
	}
	for i := range 50 {
		_, _ = c.ask(fmt.Sprintf("198.51.100.%d", i%8))
	}
	if !c.waits(late) {
		t.Error("a flood displaced a client that came into it")
	}
}

func TestFloodOfManyAddresses(t *testing.T) {
	c := newCrowd(t)
	rightful, err := c.ask("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 55 {
		_, _ = c.ask(fmt.Sprintf("198.51.100.%d", i))
	}
	if !c.waits(rightful) {
		t.Error("a flood displaced a client before a person could answer it")
	}
	// Who waits longer than that gives way to a newcomer: nobody types for him.
	c.now = c.now.Add(time.Minute)
	if _, err := c.ask("203.0.113.1"); err != nil {
		t.Error(err)
	}
	if c.waits(rightful) {
		t.Error("the oldest request does not make room")
	}
}

func TestPlacesOfOneAddress(t *testing.T) {
	c := newCrowd(t)
	var all []*pairing
	for range 4 {
		p, err := c.ask("2001:db8::1")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if _, err := c.ask("2001:db8::2"); !errors.Is(err, errTooMany) {
		t.Errorf("a fifth of one network within a minute: %v", err)
	}
	c.now = c.now.Add(time.Minute)
	if _, err := c.ask("2001:db8::2"); err != nil || c.waits(all[0]) || !c.waits(all[1]) {
		t.Errorf("a fifth after a minute: %v; the oldest waits %t, the next %t", err, c.waits(all[0]), c.waits(all[1]))
	}
}

func TestNoRequestWithItsPINIsDisplaced(t *testing.T) {
	c := newCrowd(t)
	var first *pairing
	for i := range 16 {
		p, err := c.ask(fmt.Sprintf("192.0.2.%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.approve(p, pairCipher{}, PairApproval{}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = p
		}
	}
	c.now = c.now.Add(2 * time.Minute)
	if _, err := c.ask("198.51.100.1"); !errors.Is(err, errTooMany) || !c.waits(first) {
		t.Errorf("got %v", err)
	}
}

// Two clients with one address and name whose PINs are both known could not be
// told apart.
func TestOnePINAtATimePerKey(t *testing.T) {
	c := newCrowd(t)
	var result PairResult
	approval := PairApproval{Done: func(r PairResult) { result = r }}
	first, _ := c.ask("192.0.2.1")
	second, _ := c.ask("192.0.2.1")
	second.client = bobIdentity().Certificate()
	third, _ := c.ask("192.0.2.1")
	if err := c.approve(first, pairCipher{}, approval); err != nil {
		t.Fatal(err)
	}
	if err := c.approve(second, pairCipher{}, approval); !errors.Is(err, errBusy) || result.Outcome != PairFailed {
		t.Errorf("another client: %v, %+v", err, result)
	}
	result = PairResult{}
	err := c.approve(third, pairCipher{}, PairApproval{})
	if err != nil || c.waits(first) || !errors.Is(result.Err, errBeganAnew) {
		t.Errorf("the same client anew: %v, %+v", err, result)
	}
}

func TestDisplacedClientReadsWhy(t *testing.T) {
	s := newStage(t, func(config *HostConfig, _ *http.Server) {
		config.MaxPairingsPerAddr, config.PINGrace = 1, time.Nanosecond
	})
	first := startPairing(t, s.client(t, aliceIdentity(), nil), "1111")
	s.desk.next(t)
	second := startPairing(t, s.client(t, bobIdentity(), nil), "2222")
	s.desk.next(t)
	err := await(t, first)
	if status, ok := errors.AsType[*StatusError](err); !ok || *status != *errDisplaced {
		t.Errorf("got %v", err)
	}
	s.desk.enter(bobIdentity(), "2222")
	if err := await(t, second); err != nil {
		t.Error(err)
	}
}

func TestDroppedRequestsAreTold(t *testing.T) {
	kinds := make(chan string, 16)
	s := newStage(t, func(config *HostConfig, _ *http.Server) {
		config.Dropped = func(from netip.AddrPort, kind string) { kinds <- kind + " " + from.Addr().String() }
	})
	s.intrude(t, "x", "/pair?phrase=nothing", hostilePhases()[0])
	if a, b := <-kinds, <-kinds; a != "invalid pairing request 127.0.0.1" || b != "pairing request out of order 127.0.0.1" {
		t.Errorf("told: %q, %q", a, b)
	}
}
