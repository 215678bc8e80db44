package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
)

// RungState says how an encoder of the ladder does on this machine.
type RungState struct {
	media.Rung
	// Tried tells whether it has been tried; until then it may be used.
	Tried bool `json:"tried"`
	// Works tells that it encoded a picture, in Took; Reason why it did not.
	Works  bool          `json:"works"`
	Reason string        `json:"reason,omitempty"`
	Took   time.Duration `json:"took_ns"`
	// PixelNanos is what encoding a pixel takes of a processor core, in
	// nanoseconds; 0 where it was not measured.
	PixelNanos float64 `json:"ns_per_pixel"`
	// Closed is set while its GPU's meter is dark: it may work, but nobody could
	// tell what it takes.
	Closed bool `json:"closed"`
	// Resting is set while it is used only where no other is left, since it
	// failed in sessions; Reason says with what.
	Resting bool `json:"resting"`
	// TriedAgain is when it will be tried again by itself; zero for never.
	TriedAgain time.Time `json:"tried_again,omitzero"`

	failures int           // of sessions, in a row
	failedAt time.Time     // the last of those
	rest     time.Duration // how long it rested last
}

// rungs is the ladder as configured, with what trying it has shown.
type rungs struct {
	firstRest time.Duration // the constant, but in tests
	due       chan struct{} // holds a token when a TriedAgain has been set

	mu   sync.Mutex // covers what follows
	list []RungState
}

func newRungs(elements []string) *rungs {
	r := &rungs{firstRest: firstRest, due: make(chan struct{}, 1)}
	for _, element := range elements {
		r.list = append(r.list, RungState{Rung: media.EncoderOf(element)})
	}
	return r
}

// SetEncoders puts another ladder in the place of the present one, for later
// renditions, and tries it (TryEncoders).
func (h *House) SetEncoders(ctx context.Context, elements []string) {
	h.rungs.mu.Lock()
	same := slices.EqualFunc(h.rungs.list, elements, func(r RungState, element string) bool { return r.Element == element })
	if !same {
		h.rungs.list = newRungs(elements).list
	}
	h.rungs.mu.Unlock()
	h.TryEncoders(ctx)
}

// rungTimeout bounds the trial of one encoder: its driver may hang.
const rungTimeout = 10 * time.Second

// Rungs lists the ladder of encoders, best first.
func (h *House) Rungs() []RungState {
	h.rungs.mu.Lock()
	defer h.rungs.mu.Unlock()
	all := slices.Clone(h.rungs.list)
	for i := range all {
		all[i].Closed = h.dark(all[i].GPU)
	}
	return all
}

// mayClimb tells whether a rung may be climbed now.
func (h *House) mayClimb(element string) (access, string) {
	all := h.Rungs()
	i := slices.IndexFunc(all, func(r RungState) bool { return r.Element == element })
	if i < 0 {
		return accessFree, "" // of a ladder that has been replaced since
	}
	switch r := &all[i]; {
	case r.Closed:
		return accessClosed, r.Element + ": its GPU is not measured now"
	case r.Tried && !r.Works:
		return accessClosed, r.Reason
	case r.GPU == media.GPUMeterName && h.encodersTaken():
		return accessTaken, r.Element + ": as many encoders as limits.nvenc_sessions allows run on its GPU"
	case r.Resting:
		return accessResting, r.Reason
	}
	return accessFree, ""
}

// ladder is the one that a rendition climbs from now on.
func (h *House) ladder() *ladder {
	var elements []string
	for _, r := range h.Rungs() {
		elements = append(elements, r.Element)
	}
	return newLadder(elements, h.mayClimb)
}

// TryEncoders lets every encoder of the ladder encode a picture, each in a
// process of its own. Those that fail are named in the log with the reason, and
// are not used by later sessions. It runs beside the first sessions.
func (h *House) TryEncoders(ctx context.Context) {
	calibrated := false
	for _, r := range h.Rungs() {
		if r.Tried && !r.Works && r.Reason == notHere(r.Element) {
			continue
		}
		r, current := h.tryAndTell(ctx, r.Element)
		if !current {
			return
		}
		if r.Works && !calibrated {
			// Sessions use the best rung that works.
			h.budget.calibrate(r.PixelNanos)
			calibrated = true
		}
	}
}

// tryAndTell tries a rung and keeps what that has shown. It returns false when
// ctx has ended, or there is another ladder by now.
func (h *House) tryAndTell(ctx context.Context, element string) (RungState, bool) {
	begun := time.Now()
	ready, err := h.tryRung(ctx, element)
	if ctx.Err() != nil {
		return RungState{}, false
	}
	took := time.Since(begun)
	if ready.PixelNanos > 0 {
		h.budget.measured(element, ready.PixelNanos)
	}
	was, r, current := h.rungs.tried(element, ready.PixelNanos, took, err)
	switch {
	case !current:
	case err == nil && was.Resting:
		h.o.Log.Info("encoder has rested and works", "encoder", element, "took", took.Round(time.Millisecond))
	case err == nil:
		h.o.Log.Info("encoder works", "encoder", element, "took", took.Round(time.Millisecond), "ns_per_pixel", fmt.Sprintf("%.1f", r.PixelNanos))
	case r.Reason == notHere(element):
		h.o.Log.Debug("encoder is not on this machine", "encoder", element)
	case r.Reason == was.Reason:
		h.o.Log.Debug("encoder still does not work", "encoder", element, "error", err)
	default:
		h.o.Log.Warn("encoder does not work and is left out", "encoder", element, "error", err, "took", took.Round(time.Millisecond))
	}
	return r, current
}

// installed takes what a worker found: encoders of GPUs that are not among its
// elements need no trial, unless such a GPU is there: then it tells why not.
func (r *rungs) installed(elements []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		if one := &r.list[i]; one.Hardware && !one.Tried && !one.DeviceThere() && !slices.Contains(elements, one.Element) {
			one.Tried, one.Reason = true, notHere(one.Element)
		}
	}
}

func notHere(element string) string { return element + ": not on this machine" }

func (h *House) tryRung(ctx context.Context, element string) (media.Ready, error) {
	h.spares.trials.Add(1)
	defer h.spares.trials.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, rungTimeout)
	defer cancel()
	registry, err := h.spares.registry(ctx)
	if err != nil {
		return media.Ready{}, err
	}
	credential, err := h.ids.take()
	if err != nil {
		return media.Ready{}, err
	}
	defer h.ids.giveBack(credential)
	return media.Try(ctx, h.spawner, media.Options{
		Executable: h.o.MediaExecutable, RegistryFile: registry, Credential: credential, Env: h.markers("trial"),
	}, element)
}

// noEncoder is the end of a ladder without a rung.
func noEncoder(reasons []string) error {
	return evidence.Errorf(evidence.Unavailable, "no encoder of the ladder works on this machine: %s", strings.Join(reasons, "; ")).WithFault(evidence.FaultEncoderMissing)
}

// String is the rung for people.
func (r RungState) String() string {
	switch {
	case r.Closed:
		return r.Element + " (closed: its meter is dark)"
	case r.Resting:
		return r.Reason
	case !r.Tried:
		return r.Element + " (not tried yet)"
	case r.Works:
		return fmt.Sprintf("%s (works, %s)", r.Element, r.Took.Round(time.Millisecond))
	}
	return r.Reason
}
