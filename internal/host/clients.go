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

// requestIDLength is how many digits of the fingerprint name a request: few
// enough to type, and a person compares them with the listed fingerprint.
const requestIDLength = 8

// pinSource asks whoever runs `kennel pair`.
type pinSource struct{ host *Host }

var _ gamestream.PINSource = pinSource{}

func (p pinSource) WaitPIN(ctx context.Context, r gamestream.PairRequest) (gamestream.PairApproval, error) {
	request := Pairing{
		ID: string(r.ID[:min(requestIDLength, len(r.ID))]), Address: r.Addr.Addr().Unmap().String(),
		Fingerprint: string(r.ID), Name: r.DeviceName, Since: r.At,
	}
	p.host.log.Info("a client wants to pair: run kennel pair with the PIN that it shows", "address", request.Address, "request", request.ID)
	if waits := p.host.o.Waits; waits != nil {
		waits(request)
	}
	pin, err := p.host.pins.wait(ctx, request)
	if err != nil {
		return gamestream.PairApproval{}, err
	}
	return gamestream.PairApproval{PIN: gamestream.PIN(pin), Name: "client " + request.ID}, nil
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
