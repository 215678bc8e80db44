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
	// Outcome is empty while the client waits, and a gamestream.PairOutcome once
	// its pairing has ended. Client is then the name of a client that is paired.
	Outcome, Client string
}

// clientName is what a client is called once it is paired.
func (p Pairing) clientName() string {
	return "client " + p.Fingerprint[:min(requestIDLength, len(p.Fingerprint))]
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
	pin    string
	err    error
	result chan gamestream.PairResult // receives once
}

func newPINs() *pins { return &pins{waiting: map[string]waitingPIN{}} }

// wait lists the request, calls listed, and blocks until the request gets its PIN
// or ctx ends. A PIN counts also where ctx has ended, because somebody waits for
// its result.
func (p *pins) wait(ctx context.Context, request Pairing, listed func()) (pinAnswer, error) {
	w := waitingPIN{request, make(chan pinAnswer, 1)}
	p.mu.Lock()
	if _, taken := p.waiting[request.ID]; taken {
		p.mu.Unlock()
		return pinAnswer{}, evidence.Errorf(evidence.Conflict, "pairing request %s waits already", request.ID)
	}
	p.waiting[request.ID] = w
	p.mu.Unlock()
	listed()
	select {
	case a := <-w.answer:
		return a, a.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, request.ID)
	select {
	case a := <-w.answer:
		return a, a.err
	default:
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

// accept hands a PIN to the request whose id begins with id, or to the only
// client when id is empty. Whoever is given a PIN that is not his could try all
// ten thousand against it, so that with more than one waiting the caller must
// choose. How the pairing ended comes out of the channel.
func (p *pins) accept(pin, id string) (Pairing, <-chan gamestream.PairResult, error) {
	if !gamestream.PIN(pin).Valid() {
		return Pairing{}, nil, evidence.Errorf(evidence.Invalid, "a PIN is four digits, as Moonlight shows it")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w, err := p.find(id)
	if err != nil {
		return Pairing{}, nil, err
	}
	delete(p.waiting, w.ID)
	result := make(chan gamestream.PairResult, 1)
	w.answer <- pinAnswer{pin: pin, result: result}
	return w.Pairing, result, nil
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

// find returns the request whose id begins with id, that of the only client if id
// is empty. It needs the lock.
func (p *pins) find(id string) (waitingPIN, error) {
	if len(p.waiting) == 0 {
		return waitingPIN{}, evidence.Errorf(evidence.NotFound, "no client is waiting for a PIN: start pairing in Moonlight first")
	}
	if id == "" {
		return p.only()
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

// only returns the request of the only client. Requests of one certificate from
// one address are one client that began anew, and shows the PIN of its newest. It
// needs the lock.
func (p *pins) only() (waitingPIN, error) {
	var newest waitingPIN
	for _, w := range p.waiting {
		switch {
		case newest.ID == "":
			newest = w
		case w.Fingerprint != newest.Fingerprint || w.Address != newest.Address:
			return waitingPIN{}, evidence.Errorf(evidence.Conflict,
				"%d clients are waiting for a PIN: list them, compare address and fingerprint, and name one with --request", len(p.waiting))
		case w.Since.After(newest.Since):
			newest = w
		}
	}
	return newest, nil
}
