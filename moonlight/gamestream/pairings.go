package gamestream

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// The host's side of one pairing:
//
//	getservercert -> waiting -PIN-> challenge -> response -> secret -> paired
//
// From the PIN on, every phase may be asked for once, in this order and before
// the deadline. Anything else drops the pairing, so that a PIN is good for one
// attempt. Nothing but time, a newer request and the person at the host ends one
// that still waits: the later phases prove nothing of their sender.
type phase int

const (
	phaseWaiting   phase = iota // for the PIN
	phaseChallenge              // for clientchallenge
	phaseResponse               // for serverchallengeresp
	phaseSecret                 // for clientpairingsecret
)

var (
	errOutOfOrder  = &StatusError{StatusBadRequest, "Out of order: start pairing again"}
	errTooMany     = &StatusError{StatusNotAvailable, "Too many clients are pairing: try again later"}
	errDisplaced   = &StatusError{StatusNotAvailable, "Others wanted to pair and no PIN came: start pairing again"}
	errPINLapsed   = &StatusError{StatusBadRequest, "No PIN was entered at the host in time: start pairing again"}
	errRefused     = &StatusError{StatusForbidden, "Pairing was refused at the host"}
	errBadPairing  = &StatusError{StatusBadRequest, "Invalid pairing request"}
	errHostStopped = errors.New("the host stops")
)

// pairingKey is all that the later phases say of their client. It proves
// nothing: clients of one program send the same uniqueid, and neighbours behind
// a NAT share an address.
type pairingKey struct {
	uniqueID string
	addr     netip.Addr
}

// waitingKey tells the requests apart that wait for a PIN. A stranger with the
// same pairingKey has another certificate, and so waits beside the client
// instead of in its place.
type waitingKey struct {
	pairingKey
	certificate ClientID
}

// pairing belongs to one of the maps while it is in it, and to the one request
// that took it out otherwise.
type pairing struct {
	key           waitingKey
	phase         phase
	begun         time.Time
	expires       time.Time
	end           context.CancelCauseFunc // ends WaitPIN
	client        *x509.Certificate
	clientPEM     []byte
	name          string
	report        func(PairStep) // may be nil
	cipher        pairCipher
	hostSecret    [16]byte
	hostChallenge [16]byte
	clientHash    [32]byte
}

// tell reports a step of the pairing to whoever entered its PIN.
func (p *pairing) tell(step PairStep) {
	if p.report != nil {
		p.report(step)
	}
}

// pairings are the pairings under way. The lock covers all below it and the
// pairings in the maps.
type pairings struct {
	config HostConfig

	mu      sync.Mutex
	waiting map[waitingKey]*pairing // for their PIN
	under   map[pairingKey]*pairing // past their PIN
	closed  bool
}

func newPairings(config HostConfig) *pairings {
	return &pairings{config: config, waiting: map[waitingKey]*pairing{}, under: map[pairingKey]*pairing{}}
}

// begin adds a pairing that waits for its PIN. Where there are too many, the
// oldest that waits is displaced: of the same network if that has its share, else
// of the network with the most, so that a flood displaces itself.
func (s *pairings) begin(p *pairing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	s.expire(now)
	switch {
	case s.closed:
		return errTooMany
	case s.waiting[p.key] != nil:
		return ErrAlreadyPairing
	}
	own := network(p.key.addr)
	if of := s.byNetwork(); len(of[own]) >= s.config.MaxPairingsPerAddr {
		s.displace(of[own])
	}
	if len(s.waiting) >= s.config.MaxPairings {
		var largest []*pairing
		for n, all := range s.byNetwork() {
			if len(all) > len(largest) || len(all) == len(largest) && n == own {
				largest = all
			}
		}
		s.displace(largest)
	}
	p.phase, p.begun, p.expires = phaseWaiting, now, now.Add(s.config.PINTimeout)
	s.waiting[p.key] = p
	return nil
}

// expire needs the lock, as do the next two.
func (s *pairings) expire(now time.Time) {
	for key, p := range s.waiting {
		if !now.Before(p.expires) {
			p.end(errPINLapsed)
			delete(s.waiting, key)
		}
	}
	for key, p := range s.under {
		if !now.Before(p.expires) {
			p.tell(PairAbandoned)
			delete(s.under, key)
		}
	}
}

func (s *pairings) byNetwork() map[netip.Prefix][]*pairing {
	of := map[netip.Prefix][]*pairing{}
	for _, p := range s.waiting {
		n := network(p.key.addr)
		of[n] = append(of[n], p)
	}
	return of
}

func (s *pairings) displace(among []*pairing) {
	if len(among) == 0 {
		return
	}
	oldest := slices.MinFunc(among, func(a, b *pairing) int { return a.begun.Compare(b.begun) })
	oldest.end(errDisplaced)
	delete(s.waiting, oldest.key)
}

// network is the addresses that count as one: an IPv4 address, or the /64 of an
// IPv6 address, of which a client has many.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}

// approve hands a pairing the cipher that its PIN gives, unless it was dropped
// while the person typed. It replaces another one of the same pairingKey that
// has its PIN: that client began anew.
func (s *pairings) approve(p *pairing, cipher pairCipher, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if s.waiting[p.key] != p || !now.Before(p.expires) {
		return errOutOfOrder
	}
	delete(s.waiting, p.key)
	if other := s.under[p.key.pairingKey]; other != nil {
		other.tell(PairAbandoned)
	}
	p.cipher, p.name, p.phase = cipher, name, phaseChallenge
	p.expires = now.Add(s.config.PairTimeout)
	s.under[p.key.pairingKey] = p
	return nil
}

// take removes a pairing that is in the wanted phase, so that no phase can run
// twice. A pairing in another phase is dropped, but for one that waits for its
// PIN, which is another request's.
func (s *pairings) take(key pairingKey, want phase) (*pairing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.config.Now())
	p := s.under[key]
	if p == nil {
		return nil, errOutOfOrder
	}
	delete(s.under, key)
	if p.phase != want {
		p.tell(PairAbandoned)
		return nil, errOutOfOrder
	}
	return p, nil
}

// put returns a pairing for its next phase.
func (s *pairings) put(key pairingKey, p *pairing, next phase) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.under[key] != nil {
		p.tell(PairAbandoned)
		return errOutOfOrder
	}
	p.phase = next
	s.under[key] = p
	return nil
}

// forget drops a pairing that waits for its PIN, if it still does.
func (s *pairings) forget(p *pairing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[p.key] == p {
		delete(s.waiting, p.key)
	}
}

func (s *pairings) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for key, p := range s.waiting {
		p.end(errHostStopped)
		delete(s.waiting, key)
	}
	for key, p := range s.under {
		p.tell(PairAbandoned)
		delete(s.under, key)
	}
}
