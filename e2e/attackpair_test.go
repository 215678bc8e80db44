package e2e

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/e2e/attack"
)

// attackPairing has strangers fill the places of clients that pair, and ask in
// the name of one that does. The rightful client still pairs (A6).
func attackPairing(t *testing.T, s *server) {
	for _, test := range []struct {
		name string
		// before ends when the PIN is entered, throughout does not.
		before, throughout attack.Order
	}{
		{name: "places filled from everywhere", throughout: attack.Order{Kind: "pair", From: neighbours(8), Count: 64}},
		{name: "places filled from one", throughout: attack.Order{Kind: "pair", From: neighbours(1), Count: 200, Rate: 20}},
		{
			name: "in the client's name", before: attack.Order{Kind: "out-of-order", From: []netip.Addr{own}, Count: 300, Rate: 30},
			throughout: attack.Order{Kind: "unpair", From: []netip.Addr{own}, Count: 600, Rate: 60},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			me := t.TempDir()
			// The identity is made by its first run, which is not paired.
			_, _, _ = run(t.Context(), t, "probe", s.addr(), "--identity", me, "--seconds", "0")
			endBefore, end := s.attack(t, me, test.before), s.attack(t, me, test.throughout)
			s.pairNamed(t, me, "7391", endBefore)
			end()
		})
	}
}

// attack begins an attack on a client that pairs, and returns what ends it.
func (s *server) attack(t *testing.T, identity string, o attack.Order) (end func()) {
	t.Helper()
	if o.Kind == "" {
		return func() {}
	}
	// uniqueid is no secret: clients send it in the clear.
	o.Ports, o.UniqueID = attack.PortsOf(s.port), clientID(t, identity)[:16]
	ctx, cancel := context.WithCancel(t.Context())
	var attacking sync.WaitGroup
	attacking.Go(func() {
		if r := attack.Run(ctx, o); r.Sent == 0 || r.Err != "" {
			t.Errorf("the attack did not happen: %+v", r)
		}
	})
	established(ctx)
	return func() {
		cancel()
		attacking.Wait()
	}
}

// pairNamed lets an identity pair while others wait, too: its request is named.
func (s *server) pairNamed(t *testing.T, identity, pin string, beforePIN func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	id := clientID(t, identity)
	var asking sync.WaitGroup
	asking.Go(func() {
		if _, stderr, err := run(ctx, t, "probe", s.addr(), "--identity", identity, "--pair", pin, "--seconds", "0"); err != nil {
			t.Errorf("pair: %v\n%s", err, stderr)
		}
		cancel()
	})
	defer asking.Wait()
	defer beforePIN()
	for ctx.Err() == nil {
		all, err := s.api.Pairings(ctx)
		if err != nil {
			continue
		}
		for _, p := range all {
			if p.Fingerprint != id {
				continue
			}
			// It waits a while, as a person takes to type.
			established(ctx)
			beforePIN()
			if _, stderr, err := run(ctx, t, "pair", pin, "--request", p.ID, "--data", s.dir); err != nil && ctx.Err() == nil {
				t.Errorf("enter the PIN: %v\n%s", err, stderr)
			}
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}
