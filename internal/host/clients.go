package host

import (
	"context"
	"errors"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// seenInterval is how exactly the time is kept at which a client was seen.
const seenInterval = time.Minute

// storedClients lets the GameStream API ask the store who is paired.
type storedClients struct{ store *store.Store }

var _ gamestream.PairedClients = storedClients{}

func (c storedClients) Paired(ctx context.Context, id gamestream.ClientID) (bool, error) {
	client, err := c.store.Client(ctx, string(id))
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return false, err
	}
	if now := time.Now(); now.Sub(client.LastSeen) > seenInterval {
		// Who was revoked meanwhile is not seen; what is asked for is refused later.
		if err := c.store.TouchClient(ctx, string(id), now); err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	return true, nil
}

func (c storedClients) Add(ctx context.Context, _ gamestream.ClientID, certPEM []byte, name string) error {
	_, err := c.store.AddClient(ctx, name, certPEM, time.Now())
	return err
}

func (c storedClients) Remove(ctx context.Context, id gamestream.ClientID) error {
	if err := c.store.RemoveClient(ctx, string(id)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// pinSource asks whoever runs `kennel pair`.
type pinSource struct{ host *Host }

var _ gamestream.PINSource = pinSource{}

func (p pinSource) WaitPIN(ctx context.Context, r gamestream.PairRequest) (gamestream.PairApproval, error) {
	request := Pairing{
		ID: newRequestID(), Address: r.Addr.Addr().Unmap().String(),
		Fingerprint: string(r.ID), Name: r.DeviceName, Since: r.At,
	}
	a, err := p.host.pins.wait(ctx, request, func() { p.host.announcePairing(request) })
	if err != nil {
		return gamestream.PairApproval{}, err
	}
	done := func(r gamestream.PairResult) {
		p.host.logPaired(request, r)
		a.result <- r
	}
	return gamestream.PairApproval{PIN: gamestream.PIN(a.pin), Name: request.clientName(), Done: done}, nil
}

// pairingBurst is how many requests may be announced by a line of their own
// within a second. Others are counted: a flood must not flood the terminal.
const pairingBurst = 3

// announcePairing tells the operator of a request, in the log and by
// Options.Waits.
func (h *Host) announcePairing(r Pairing) {
	if h.pins.burst(time.Now()) > pairingBurst {
		h.floods.add("more clients want to pair: kennel pair --list shows all", "")
		return
	}
	h.log.Info("a client wants to pair: run kennel pair with the PIN that it shows", "address", r.Address, "request", r.ID)
	if waits := h.o.Waits; waits != nil {
		waits(r)
	}
}

// logPaired says how a pairing ended whose PIN was entered.
func (h *Host) logPaired(p Pairing, r gamestream.PairResult) {
	at := []any{"request", p.ID, "address", p.Address, "client", p.Fingerprint}
	switch {
	case r.Outcome == gamestream.PairPaired:
		h.log.Info("paired", append(at, "name", p.clientName())...)
	case r.Outcome == gamestream.PairWrongPIN && r.Stopped:
		h.log.Warn("wrong PIN: the client stopped where it checks it", at...)
	case r.Outcome == gamestream.PairWrongPIN:
		h.log.Warn("wrong PIN", at...)
	default:
		h.log.Warn("not paired", append(at, "error", notPaired(p, r))...)
	}
}

// pairingPhase bounds each of the three phases after the PIN, and outcomeTimeout
// the wait for the end of all, within the deadline of a call of the API. A client
// that checks the PIN itself stops in the last phase without a word if it is wrong.
const (
	pairingPhase   = 6 * time.Second
	outcomeTimeout = 25 * time.Second
)

// AcceptPairing gives a waiting client its PIN and waits for the outcome. request
// is an id or the beginning of one; it may be empty while only one client waits.
// The error is of kind Unauthorized where the PIN was wrong, Unavailable where the
// client went away, and Deadline where the request lapsed.
func (h *Host) AcceptPairing(ctx context.Context, pin, request string) (Pairing, error) {
	p, result, err := h.pins.accept(pin, request)
	if err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, outcomeTimeout)
	defer cancel()
	select {
	case r := <-result:
		p.Outcome = string(r.Outcome)
		if r.Outcome != gamestream.PairPaired {
			return p, notPaired(p, r)
		}
		p.Client = p.clientName()
		return p, nil
	case <-ctx.Done():
		return p, evidence.Errorf(evidence.Deadline,
			"the client at %s has its PIN, but its pairing has not ended: %w", p.Address, ctx.Err())
	}
}

// notPaired says why a client is not paired.
func notPaired(p Pairing, r gamestream.PairResult) error {
	switch r.Outcome {
	case gamestream.PairWrongPIN:
		how := "the PIN is not the one that the client at %s shows"
		if r.Stopped {
			how = "the client at %s stopped where it checks the PIN, so that was another one than it shows"
		}
		return evidence.Errorf(evidence.Unauthorized, how+": start pairing again in Moonlight, and type the new PIN", p.Address)
	case gamestream.PairGone:
		return evidence.Errorf(evidence.Unavailable,
			"the client at %s went away before it could use the PIN: start pairing again in Moonlight", p.Address)
	case gamestream.PairLapsed:
		return evidence.Errorf(evidence.Deadline,
			"the request of the client at %s lapsed before the PIN came: start pairing again in Moonlight", p.Address)
	}
	if r.Err == nil {
		r.Err = errors.New("the host does not know why")
	}
	return evidence.Errorf(evidence.Unavailable, "the client at %s could not be paired: %w", p.Address, r.Err)
}

// DenyPairing refuses a waiting client. request is as for AcceptPairing, but must
// not be empty.
func (h *Host) DenyPairing(request string) (Pairing, error) {
	p, err := h.pins.deny(request)
	if err == nil {
		h.log.Info("a pairing request was denied", "request", p.ID, "address", p.Address)
	}
	return p, err
}

// stillPaired ends a session whose client was revoked while it launched: the
// revocation may have come before there was a session to end.
func (h *Host) stillPaired(caller *gamestream.Caller, s *session.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), revocationTimeout)
	defer cancel()
	paired, err := storedClients{h.o.Store}.Paired(ctx, caller.ID)
	if err == nil && !paired {
		s.End(evidence.EndStopped, "its client was revoked")
		err = evidence.Errorf(evidence.Unauthorized, "this client was unpaired: pair it again")
	}
	return err
}

// revocationTimeout bounds a look into the store.
const revocationTimeout = 5 * time.Second
