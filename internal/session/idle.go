package session

import (
	"context"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// idleWarning is how long before its end the player of an idle session is told.
const idleWarning = time.Minute

// ReapIdle ends sessions whose player has done nothing for Options.Idle, until
// ctx ends.
func (h *House) ReapIdle(ctx context.Context) {
	const most, least = 5 * time.Second, 50 * time.Millisecond
	for {
		limit, every := h.limits().Idle, most
		if limit > 0 {
			every = min(max(limit/20, least), most)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		if limit <= 0 {
			continue
		}
		for _, s := range h.Sessions() {
			s.reap(limit, every)
		}
	}
}

// reap ends the session if it has been idle for long enough, and warns before.
func (s *Session) reap(limit, every time.Duration) {
	idle := s.Idle()
	if idle >= limit {
		s.End(evidence.EndIdle, "nobody did anything for "+inWords(limit))
		return
	}
	if left := limit - idle; limit > 2*idleWarning && left <= idleWarning && left > idleWarning-every && s.State() == Streaming {
		s.notify("Are you still there? Without any input this session ends in a minute.", idleWarning)
	}
}
