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
	p.host.announcePairing(request)
	if waits := p.host.o.Waits; waits != nil {
		waits(request)
	}
	a, err := p.host.pins.wait(ctx, request)
	if err != nil {
		return gamestream.PairApproval{}, err
	}
	name := "client " + request.Fingerprint[:min(requestIDLength, len(request.Fingerprint))]
	return gamestream.PairApproval{PIN: gamestream.PIN(a.pin), Name: name, Report: func(step gamestream.PairStep) {
		p.host.log.Info("pairing", "request", request.ID, "address", request.Address, "step", step.String())
		select {
		case a.outcome <- step:
		default: // it has room for all steps
		}
	}}, nil
}

// pairingBurst is how many requests may be announced by a line of their own
// within a second. Others are counted: a flood must not flood the terminal.
const pairingBurst = 3

// announcePairing tells the operator of a request.
func (h *Host) announcePairing(r Pairing) {
	if h.pins.burst(time.Now()) > pairingBurst {
		h.floods.add("more clients want to pair: kennel pair --list shows all", "")
		return
	}
	h.log.Info("a client wants to pair: run kennel pair with the PIN that it shows", "address", r.Address, "request", r.ID)
}

// outcomeTimeout bounds the wait for what a client makes of its PIN, and
// answeredTimeout the wait after the client has what it needs to judge it.
const (
	outcomeTimeout  = 10 * time.Second
	answeredTimeout = 3 * time.Second
)

// AcceptPairing gives a waiting client its PIN and waits for the outcome. request
// is an id or the beginning of one; it may be empty while only one client waits.
// The error is of kind Unauthorized where the PIN was wrong, and Unavailable where
// the client went away.
func (h *Host) AcceptPairing(ctx context.Context, pin, request string) (Pairing, error) {
	p, steps, err := h.pins.accept(pin, request)
	if err != nil {
		return p, err
	}
	timeout := time.NewTimer(outcomeTimeout)
	defer timeout.Stop()
	answered := false
	for {
		select {
		case step := <-steps:
			switch step {
			case gamestream.PairAnswered:
				answered = true
				timeout.Reset(answeredTimeout)
				continue
			case gamestream.PairDone:
				return p, nil
			case gamestream.PairWrongPIN:
				return p, wrongPIN(p)
			}
		case <-timeout.C:
		case <-ctx.Done():
		}
		if answered {
			// Moonlight sees by itself that the PIN is wrong, and says nothing.
			return p, wrongPIN(p)
		}
		return p, evidence.Errorf(evidence.Unavailable, "the client at %s went away before it could use the PIN: start pairing again in Moonlight", p.Address)
	}
}

func wrongPIN(p Pairing) error {
	return evidence.Errorf(evidence.Unauthorized, "the PIN is not the one that the client at %s shows: start pairing again in Moonlight, and type the new PIN", p.Address)
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
