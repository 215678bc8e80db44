package session

import (
	"context"
	"errors"
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
}

// rungs is the ladder as configured, with what trying it has shown.
type rungs struct {
	mu   sync.Mutex // covers what follows
	list []RungState
}

func newRungs(elements []string) *rungs {
	r := &rungs{}
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

// usable are the elements that a rendition may climb, and why the others may
// not be used.
func (h *House) usable() (elements []string, reasons []string) {
	for _, r := range h.Rungs() {
		switch {
		case r.Closed:
			reasons = append(reasons, r.Element+": its GPU is not measured now")
		case r.GPU != "" && h.encodersTaken():
			reasons = append(reasons, r.Element+": as many encoders as limits.nvenc_sessions allows run on its GPU")
		case r.Tried && !r.Works:
			reasons = append(reasons, r.Reason)
		default:
			elements = append(elements, r.Element)
		}
	}
	return elements, reasons
}

// TryEncoders lets every encoder of the ladder encode a picture, each in a
// process of its own. Those that fail are named in the log with the reason, and
// are not used by later sessions. It runs beside the first sessions.
func (h *House) TryEncoders(ctx context.Context) {
	calibrated := false
	for i := range h.Rungs() {
		r := h.Rungs()[i]
		if r.Tried && !r.Works && r.Reason == notHere(r.Element) {
			continue
		}
		begun := time.Now()
		ready, err := h.tryRung(ctx, r.Element)
		if ctx.Err() != nil {
			return
		}
		r.Tried, r.Works, r.Took, r.PixelNanos = true, err == nil, time.Since(begun), ready.PixelNanos
		switch {
		case err == nil:
			h.o.Log.Info("encoder works", "encoder", r.Element, "took", r.Took.Round(time.Millisecond), "ns_per_pixel", fmt.Sprintf("%.1f", r.PixelNanos))
		case r.Hardware && !r.DeviceThere() && errors.Is(err, media.ErrEncoderMissing):
			// The usual case: no such GPU.
			r.Reason = notHere(r.Element)
			h.o.Log.Debug("encoder is not on this machine", "encoder", r.Element)
		default:
			r.Reason = err.Error()
			h.o.Log.Warn("encoder does not work and is left out", "encoder", r.Element, "error", err, "took", r.Took.Round(time.Millisecond))
		}
		if !h.rungs.put(i, r) {
			return
		}
		if r.Works && !calibrated {
			// Sessions use the best rung that works.
			h.budget.calibrate(r.PixelNanos)
			calibrated = true
		}
	}
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

// put keeps what trying a rung has shown; false when there is another ladder
// by now.
func (r *rungs) put(i int, state RungState) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i >= len(r.list) || r.list[i].Element != state.Element {
		return false
	}
	r.list[i] = state
	return true
}

func (h *House) tryRung(ctx context.Context, element string) (media.Ready, error) {
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
	case !r.Tried:
		return r.Element + " (not tried yet)"
	case r.Works:
		return fmt.Sprintf("%s (works, %s)", r.Element, r.Took.Round(time.Millisecond))
	}
	return r.Reason
}
