package e2e

import (
	"context"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/moonlight/control"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// takeover has another client with the same certificate take the session over,
// while the player types. The player is told, and none of its later input counts
// (D1). The newer client is the player from then on.
func (s *siege) takeover() {
	ctx, end := context.WithCancel(s.t.Context())
	defer end()
	old := s.player
	var typing sync.WaitGroup
	typing.Go(func() { old.typing(ctx) })
	s.player = s.host.play(s.t, s.host.clientOptions(s.me))
	select {
	case <-old.done:
	case <-time.After(5 * time.Second):
		s.t.Error("the client that was replaced is still there")
	}
	s.player.settle()
	if keys := s.player.pilot.Counts().Keys; keys != 0 {
		s.t.Errorf("%d keys of the client that was replaced arrived", keys)
	}
	end()
	typing.Wait()
	old.leave()
	want := int(int32(control.HostReason(evidence.NumberTakenOver)))
	if t := old.report.Termination; t == nil || *t != want {
		s.t.Errorf("the client that was replaced was told %v, want %d", t, want)
	}
}
