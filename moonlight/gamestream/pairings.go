package gamestream

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// The host's side of one pairing:
//
//	getservercert -> waiting -PIN-> challenge -> response -> secret -> paired
//
// Every phase may be asked for once, in this order and before the deadline.
// Anything else drops the pairing, so that a PIN is good for one attempt.
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
	errPINLapsed   = &StatusError{StatusBadRequest, "No PIN was entered at the host in time: start pairing again"}
	errRefused     = &StatusError{StatusForbidden, "Pairing was refused at the host"}
	errBadPairing  = &StatusError{StatusBadRequest, "Invalid pairing request"}
	errHostStopped = errors.New("the host stops")
)

// pairingKey tells pairings apart. uniqueid alone collides: one client program
// always sends the same.
type pairingKey struct {
	uniqueID string
	addr     netip.Addr
}

// pairing belongs to the pairings map while it is in it, and to the one request
// that took it out otherwise.
type pairing struct {
	phase         phase
	expires       time.Time
	end           context.CancelCauseFunc // ends WaitPIN
	client        *x509.Certificate
	clientPEM     []byte
	name          string
	cipher        pairCipher
	hostSecret    [16]byte
	hostChallenge [16]byte
	clientHash    [32]byte
}

// pairings are the pairings under way. The lock covers both fields below it
// and the pairings in the map.
type pairings struct {
	config HostConfig

	mu     sync.Mutex
	under  map[pairingKey]*pairing
	closed bool
}

func newPairings(config HostConfig) *pairings {
	return &pairings{config: config, under: map[pairingKey]*pairing{}}
}

// begin adds a pairing that waits for its PIN. It replaces one that has its
// PIN: that client began anew.
func (s *pairings) begin(key pairingKey, p *pairing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	sameAddr := 0
	for k, other := range s.under {
		switch {
		case !now.Before(other.expires):
			s.drop(k)
		case k.addr == key.addr && k != key:
			sameAddr++
		}
	}
	if other := s.under[key]; other != nil {
		if other.phase == phaseWaiting {
			return ErrAlreadyPairing
		}
		s.drop(key)
	}
	if s.closed || len(s.under) >= s.config.MaxPairings || sameAddr >= s.config.MaxPairingsPerAddr {
		return errTooMany
	}
	p.phase, p.expires = phaseWaiting, now.Add(s.config.PINTimeout)
	s.under[key] = p
	return nil
}

// approve hands a pairing the cipher that its PIN gives, unless the pairing was
// dropped while the person typed.
func (s *pairings) approve(key pairingKey, p *pairing, cipher pairCipher, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if s.under[key] != p || p.phase != phaseWaiting || !now.Before(p.expires) {
		return errOutOfOrder
	}
	p.cipher, p.name, p.phase = cipher, name, phaseChallenge
	p.expires = now.Add(s.config.PairTimeout)
	return nil
}

// take removes a pairing that is in the wanted phase, so that no phase can run
// twice. A pairing in another phase is dropped.
func (s *pairings) take(key pairingKey, want phase) (*pairing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.under[key]
	s.drop(key)
	if p == nil || p.phase != want || !s.config.Now().Before(p.expires) {
		return nil, errOutOfOrder
	}
	return p, nil
}

// put returns a pairing for its next phase.
func (s *pairings) put(key pairingKey, p *pairing, next phase) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.under[key] != nil || len(s.under) >= s.config.MaxPairings {
		return errOutOfOrder
	}
	p.phase = next
	s.under[key] = p
	return nil
}

// forget drops a client's pairing, if there is one.
func (s *pairings) forget(key pairingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// forgetOnly drops p and no other pairing of the same client.
func (s *pairings) forgetOnly(key pairingKey, p *pairing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[key] == p {
		s.drop(key)
	}
}

// drop needs the lock.
func (s *pairings) drop(key pairingKey) {
	if p := s.under[key]; p != nil {
		p.end(errOutOfOrder)
		delete(s.under, key)
	}
}

func (s *pairings) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for key, p := range s.under {
		p.end(errHostStopped)
		delete(s.under, key)
	}
}
