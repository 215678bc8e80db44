package gamestream

import (
	"context"
	"crypto/rand"
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
// Every phase is answered once, in this order and before the deadline, so that a
// PIN is good for one attempt. A request that does not fit is refused and changes
// nothing, because anybody at the client's address can send one.
type phase int

const (
	phaseWaiting   phase = iota // for the PIN
	phaseChallenge              // for clientchallenge
	phaseResponse               // for serverchallengeresp
	phaseSecret                 // for clientpairingsecret
)

var (
	errOutOfOrder  = &StatusError{StatusBadRequest, "Out of order: start pairing again"}
	errTooMany     = &StatusError{StatusNotAvailable, "Too many clients are pairing: try again in a minute"}
	errDisplaced   = &StatusError{StatusNotAvailable, "Others wanted to pair and no PIN came: start pairing again"}
	errBusy        = &StatusError{StatusNotAvailable, "Another client at this address is pairing: start again in a minute"}
	errPINLapsed   = &StatusError{StatusBadRequest, "No PIN was entered at the host in time: start pairing again"}
	errRefused     = &StatusError{StatusForbidden, "Pairing was refused at the host"}
	errBadPairing  = &StatusError{StatusBadRequest, "Invalid pairing request"}
	errBeganAnew   = errors.New("the client began anew")
	errHostStopped = errors.New("the host stops")
)

// pairingKey is all that the phases after the first carry. It proves nothing:
// one client program always sends the same uniqueid, and clients behind one
// router share their address.
type pairingKey struct {
	uniqueID string
	addr     netip.Addr
}

// pairing is one attempt of a client. The lock of its pairings covers it.
type pairing struct {
	key       pairingKey
	network   netip.Prefix
	client    *x509.Certificate
	clientPEM []byte
	end       context.CancelCauseFunc // ends WaitPIN

	phase   phase
	began   time.Time
	expires time.Time
	cause   error // why it is not under way any more

	// What follows is set once the PIN is known.
	name          string
	done          func(PairResult)
	deadline      *time.Timer
	cipher        pairCipher
	hostSecret    [16]byte
	hostChallenge [16]byte
	clientHash    [32]byte
}

// pairings are the pairings under way.
type pairings struct {
	config HostConfig

	mu     sync.Mutex // covers what follows
	under  []*pairing // the oldest first
	ended  []func()   // reports for unlock
	closed bool
}

func newPairings(config HostConfig) *pairings { return &pairings{config: config} }

// unlock gives the lock back and then reports what ended under it.
func (s *pairings) unlock() {
	ended := s.ended
	s.ended = nil
	s.mu.Unlock()
	for _, report := range ended {
		report()
	}
}

// begin adds a pairing that waits for its PIN. Where no place is free it
// displaces one that waits.
func (s *pairings) begin(p *pairing) error {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return errHostStopped
	}
	now := s.config.Now()
	for _, other := range slices.Clone(s.under) {
		if !now.Before(other.expires) {
			s.lapse(other)
		}
	}
	if err := s.makeRoom(p.network, now); err != nil {
		return err
	}
	p.phase, p.began, p.expires = phaseWaiting, now, now.Add(s.config.PINTimeout)
	s.under = append(s.under, p)
	return nil
}

// makeRoom makes sure that a request from network has a place. It takes the
// place of the oldest request that waits in the network with the most requests,
// so that whoever floods displaces himself. A network that has no more requests
// than this one would have keeps each of them for PINGrace, or a flood from many
// networks would displace a client before a person could type.
func (s *pairings) makeRoom(network netip.Prefix, now time.Time) error {
	counts := map[netip.Prefix]int{}
	for _, p := range s.under {
		counts[p.network]++
	}
	full := counts[network] >= s.config.MaxPairingsPerAddr
	if !full && len(s.under) < s.config.MaxPairings {
		return nil
	}
	var victim *pairing
	for _, p := range s.under {
		switch {
		case p.phase != phaseWaiting, full && p.network != network:
		case victim == nil, counts[p.network] > counts[victim.network]:
			victim = p
		}
	}
	if victim == nil {
		return errTooMany
	}
	if counts[victim.network] <= counts[network]+1 && now.Sub(victim.began) < s.config.PINGrace {
		return errTooMany
	}
	s.drop(victim, errDisplaced, PairResult{})
	return nil
}

// approve gives a pairing what follows from its PIN, unless it ended while the
// person typed. It reports to done, now or later, how the pairing ends.
func (s *pairings) approve(p *pairing, cipher pairCipher, approval PairApproval) error {
	s.mu.Lock()
	defer s.unlock()
	other := s.pastPIN(p.key)
	switch {
	case !slices.Contains(s.under, p):
		result := PairResult{Outcome: PairFailed, Err: p.cause}
		if p.cause == errPINLapsed {
			result = PairResult{Outcome: PairLapsed}
		}
		s.report(approval.Done, result)
		return p.cause
	case !s.config.Now().Before(p.expires):
		s.drop(p, errPINLapsed, PairResult{})
		s.report(approval.Done, PairResult{Outcome: PairLapsed})
		return errPINLapsed
	case other != nil && !other.client.Equal(p.client):
		// The later phases could not tell the two apart.
		s.drop(p, errBusy, PairResult{})
		s.report(approval.Done, PairResult{Outcome: PairFailed, Err: errBusy})
		return errBusy
	case other != nil:
		s.drop(other, errBeganAnew, PairResult{Outcome: PairFailed, Err: errBeganAnew})
	}
	p.cipher, p.name, p.done = cipher, printable(approval.Name), approval.Done
	_, _ = rand.Read(p.hostSecret[:]) // never fails
	s.advance(p, phaseChallenge)
	return nil
}

// pastPIN finds the pairing with that key whose PIN is known. There is one at
// most. It needs the lock.
func (s *pairings) pastPIN(key pairingKey) *pairing {
	for _, p := range s.under {
		if p.phase != phaseWaiting && p.key == key {
			return p
		}
	}
	return nil
}

// in finds the pairing with that key which is in a phase after its PIN. It needs
// the lock.
func (s *pairings) in(key pairingKey, want phase) (*pairing, error) {
	p := s.pastPIN(key)
	if p != nil && !s.config.Now().Before(p.expires) {
		s.lapse(p)
		p = nil
	}
	if p == nil || p.phase != want {
		return nil, errOutOfOrder
	}
	return p, nil
}

// advance lets a pairing wait for its next phase. It needs the lock.
func (s *pairings) advance(p *pairing, next phase) {
	p.phase, p.expires = next, s.config.Now().Add(s.config.PairTimeout)
	if p.deadline != nil {
		p.deadline.Stop()
	}
	p.deadline = time.AfterFunc(s.config.PairTimeout, func() {
		s.mu.Lock()
		defer s.unlock()
		if p.phase == next {
			s.lapse(p)
		}
	})
}

// lapse ends a pairing whose time is over. It needs the lock.
func (s *pairings) lapse(p *pairing) {
	switch p.phase {
	case phaseWaiting:
		s.drop(p, errPINLapsed, PairResult{})
	case phaseSecret:
		// Most clients check the host's proof, and stop here if it is not made
		// with their PIN.
		s.drop(p, errOutOfOrder, PairResult{Outcome: PairWrongPIN, Stopped: true})
	default:
		s.drop(p, errOutOfOrder, PairResult{Outcome: PairGone})
	}
}

// forget drops a pairing that nobody waits for any more.
func (s *pairings) forget(p *pairing) {
	s.mu.Lock()
	defer s.unlock()
	s.drop(p, errOutOfOrder, PairResult{Outcome: PairGone})
}

// drop removes a pairing if it is still under way. It ends its WaitPIN with
// cause, and reports result if its PIN is known. It needs the lock.
func (s *pairings) drop(p *pairing, cause error, result PairResult) {
	i := slices.Index(s.under, p)
	if i < 0 {
		return
	}
	s.under = slices.Delete(s.under, i, i+1)
	p.cause = cause
	if p.deadline != nil {
		p.deadline.Stop()
	}
	p.end(cause)
	s.report(p.done, result)
}

// report calls done once the lock is free. It needs the lock.
func (s *pairings) report(done func(PairResult), result PairResult) {
	if done != nil {
		s.ended = append(s.ended, func() { done(result) })
	}
}

func (s *pairings) close() {
	s.mu.Lock()
	defer s.unlock()
	s.closed = true
	for _, p := range slices.Clone(s.under) {
		s.drop(p, errHostStopped, PairResult{Outcome: PairFailed, Err: errHostStopped})
	}
}

// networkOf is the addresses that count as one: a /64 of IPv6, and single
// addresses of IPv4. addr must be unmapped and without a zone.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // the zero Addr has the zero Prefix
	return prefix
}
