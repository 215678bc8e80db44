package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// Pairing is a client that waits for its PIN.
type Pairing struct {
	ID, Address, Fingerprint, Name string
	Since                          time.Time
}

// requestIDLength is how many digits name a request: few enough to type.
const requestIDLength = 8

// newRequestID makes the name of a request. It is random and not a part of the
// fingerprint, because a certificate is public: a stranger could ask first with
// the client's own and so take its name.
func newRequestID() string {
	var random [requestIDLength / 2]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// errDenied ends the wait of a request that the operator has denied.
var errDenied = errors.New("the operator denied the request")

// pins brings PINs, which a person types at the host, to the requests that
// wait for them.
type pins struct {
	mu      sync.Mutex // covers what follows
	waiting map[string]waitingPIN
	// recent are the requests since second.
	second time.Time
	recent int
}

// burst counts a request, and returns how many have come within this second.
func (p *pins) burst(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.second) >= time.Second {
		p.second, p.recent = now, 0
	}
	p.recent++
	return p.recent
}

type waitingPIN struct {
	Pairing
	answer chan pinAnswer // receives once, then the entry is removed
}

// pinAnswer is a PIN, or a refusal.
type pinAnswer struct {
	pin     string
	err     error
	outcome chan gamestream.PairStep // the steps after the PIN
}

func newPINs() *pins { return &pins{waiting: map[string]waitingPIN{}} }

// wait blocks until the request gets its PIN or ctx ends.
func (p *pins) wait(ctx context.Context, request Pairing) (pinAnswer, error) {
	w := waitingPIN{request, make(chan pinAnswer, 1)}
	p.mu.Lock()
	if _, taken := p.waiting[request.ID]; taken {
		p.mu.Unlock()
		return pinAnswer{}, evidence.Errorf(evidence.Conflict, "pairing request %s waits already", request.ID)
	}
	p.waiting[request.ID] = w
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, request.ID)
		p.mu.Unlock()
	}()
	select {
	case a := <-w.answer:
		return a, a.err
	case <-ctx.Done():
		return pinAnswer{}, ctx.Err()
	}
}

// pending lists the waiting requests, oldest first.
func (p *pins) pending() []Pairing {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Pairing, 0, len(p.waiting))
	for _, w := range p.waiting {
		all = append(all, w.Pairing)
	}
	slices.SortFunc(all, func(a, b Pairing) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return all
}

// accept hands a PIN to the request with that id, or to the only one when id
// is empty. Whoever is given a PIN that is not his could try all ten thousand
// against it, so that with more than one waiting the caller must choose. The
// steps of the pairing come out of the channel.
func (p *pins) accept(pin, id string) (Pairing, <-chan gamestream.PairStep, error) {
	if len(pin) != 4 || slices.ContainsFunc([]byte(pin), func(b byte) bool { return b < '0' || b > '9' }) {
		return Pairing{}, nil, evidence.Errorf(evidence.Invalid, "a PIN is four digits, as Moonlight shows it")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w, err := p.find(id)
	if err != nil {
		return Pairing{}, nil, err
	}
	delete(p.waiting, w.ID)
	const steps = 4 // more than a pairing can report
	outcome := make(chan gamestream.PairStep, steps)
	w.answer <- pinAnswer{pin: pin, outcome: outcome}
	return w.Pairing, outcome, nil
}

// deny refuses the request with that id.
func (p *pins) deny(id string) (Pairing, error) {
	if id == "" {
		return Pairing{}, evidence.Errorf(evidence.Invalid, "name the request to deny: kennel pair --list shows all")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w, err := p.find(id)
	if err != nil {
		return Pairing{}, err
	}
	delete(p.waiting, w.ID)
	w.answer <- pinAnswer{err: errDenied}
	return w.Pairing, nil
}

// find returns the request whose id begins with id, the only one if id is empty.
// It needs the lock.
func (p *pins) find(id string) (waitingPIN, error) {
	switch {
	case len(p.waiting) == 0:
		return waitingPIN{}, evidence.Errorf(evidence.NotFound, "no client is waiting for a PIN: start pairing in Moonlight first")
	case id == "" && len(p.waiting) > 1:
		return waitingPIN{}, evidence.Errorf(evidence.Conflict, "%d clients are waiting for a PIN: list them, compare address and fingerprint, and name one with --request", len(p.waiting))
	}
	var found []waitingPIN
	for _, w := range p.waiting {
		if strings.HasPrefix(w.ID, strings.ToLower(id)) {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return waitingPIN{}, evidence.Errorf(evidence.NotFound, "no client is waiting with request %.16q: kennel pair --list shows all", id)
	}
	return waitingPIN{}, evidence.Errorf(evidence.Conflict, "%d requests begin with %.16q: write more digits of the one that is meant", len(found), id)
}
