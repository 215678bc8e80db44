package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/internal/web"
)

// probeOwnHost makes the options those of a client of the host that has a data
// directory on this machine: whoever may ask its API may pair.
func probeOwnHost(ctx context.Context, data string, o *probe.Options) error {
	api, err := remote(data)
	if err != nil {
		return err
	}
	status, err := api.Status(ctx)
	if err != nil {
		return err
	}
	o.Host, o.Port = "localhost", status.Ports["http"]
	o.IdentityDir = cmp.Or(o.IdentityDir, filepath.Join(data, "probe"))
	o.Approve = func(ctx context.Context, pin, fingerprint string) error { return approve(ctx, api, pin, fingerprint) }
	return nil
}

// approve enters the PIN once the client with the fingerprint asks to pair.
func approve(ctx context.Context, api *web.Remote, pin, fingerprint string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pending, err := api.Pairings(ctx)
		if err != nil {
			return err
		}
		for _, p := range pending {
			if p.Fingerprint == fingerprint {
				_, err := api.AcceptPairing(ctx, web.Accept{PIN: pin, Request: p.ID})
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the pairing to begin: %w", ctx.Err())
		}
	}
}
