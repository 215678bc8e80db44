package host

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Pairing is a client that waits for its PIN.
type Pairing struct {
	ID, Address, Fingerprint, Name string
	Since                          time.Time
}

// pins brings PINs, which a person types at the host, to the requests that
// wait for them.
type pins struct {
	mu      sync.Mutex // covers waiting
	waiting map[string]waitingPIN
}

type waitingPIN struct {
	Pairing
	pin chan string // receives once, then the entry is removed
}

func newPINs() *pins { return &pins{waiting: map[string]waitingPIN{}} }

// wait blocks until the request gets its PIN or ctx ends.
func (p *pins) wait(ctx context.Context, request Pairing) (string, error) {
	w := waitingPIN{request, make(chan string, 1)}
	p.mu.Lock()
	if _, taken := p.waiting[request.ID]; taken {
		p.mu.Unlock()
		return "", evidence.Errorf(evidence.Conflict, "pairing request %s waits already", request.ID)
	}
	p.waiting[request.ID] = w
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, request.ID)
		p.mu.Unlock()
	}()
	select {
	case pin := <-w.pin:
		return pin, nil
	case <-ctx.Done():
		return "", ctx.Err()
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
// against it, so that with more than one waiting the caller must choose.
func (p *pins) accept(pin, id string) (Pairing, error) {
	if len(pin) != 4 || slices.ContainsFunc([]byte(pin), func(b byte) bool { return b < '0' || b > '9' }) {
		return Pairing{}, evidence.Errorf(evidence.Invalid, "a PIN is four digits, as Moonlight shows it")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.waiting) == 0:
		return Pairing{}, evidence.Errorf(evidence.NotFound, "no client is waiting for a PIN: start pairing in Moonlight first")
	case id == "" && len(p.waiting) > 1:
		return Pairing{}, evidence.Errorf(evidence.Conflict, "%d clients are waiting for a PIN: list them, compare address and fingerprint, and name one with --request", len(p.waiting))
	}
	for _, w := range p.waiting {
		if id != "" && w.ID != id {
			continue
		}
		delete(p.waiting, w.ID)
		w.pin <- pin
		return w.Pairing, nil
	}
	return Pairing{}, evidence.Errorf(evidence.NotFound, "no client is waiting with request %s", id)
}
