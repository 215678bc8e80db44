package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// Health is what the newest canary found: a session in miniature, with a
// display, the demo app and an encoder of its own, whose first picture is
// decoded and read. It decides readiness and new launches, nothing else: a
// running session is never touched for it.
type Health struct {
	OK bool `json:"ok"`
	// Fault names what is broken, Detail says it in words, Cure what to do.
	Fault  evidence.FaultID `json:"fault,omitempty"`
	Detail string           `json:"detail,omitempty"`
	Cure   string           `json:"cure,omitempty"`
	// Warnings are faults that a session outlives, such as a missing sound server.
	Warnings []evidence.FaultID `json:"warnings,omitempty"`
	// At is when it began; zero before the first.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took_ns"`
	// Failures counts the failed ones in a row.
	Failures int `json:"failures"`
}

const (
	// canaryTimeout bounds a canary on a busy machine; an idle one takes 0.3 s.
	canaryTimeout = 15 * time.Second
	// canaryClient is no client's id: those are hexadecimal.
	canaryClient = "canary"
	// refuseAfter is how many canaries in a row must fail before launches are
	// refused: one may have been unlucky.
	refuseAfter = 2
	// canaryFrames is within how many frames the picture must be the app's.
	canaryFrames = 120
)

var errNoBarcode = errors.New("the picture is not the app's")

// health keeps the newest result.
type health struct {
	turn chan struct{} // held by the canary that runs

	mu  sync.Mutex // covers now
	now Health
}

func newHealth() *health { return &health{turn: make(chan struct{}, 1)} }

// Health returns the newest result; its At is zero before the first canary.
func (h *House) Health() Health {
	h.health.mu.Lock()
	defer h.health.mu.Unlock()
	return h.health.now
}

// Canary runs one, or waits for the one that runs, and returns the result. ctx
// bounds the wait.
func (h *House) Canary(ctx context.Context) Health {
	select {
	case h.health.turn <- struct{}{}:
	case <-ctx.Done():
		return h.Health()
	}
	defer func() { <-h.health.turn }()
	ctx, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	result := Health{At: time.Now()}
	faults := &collector{}
	err := h.canary(ctx, faults)
	result.Took = time.Since(result.At)
	result.OK = err == nil
	result.Warnings = faults.warnings()
	if err != nil {
		result.Fault, result.Detail = faults.root(err), err.Error()
		if f, ok := evidence.LookupFault(result.Fault); ok {
			result.Cure = f.Cure
		}
	}
	h.health.mu.Lock()
	if !result.OK {
		result.Failures = h.health.now.Failures + 1
	}
	was := h.health.now
	h.health.now = result
	h.health.mu.Unlock()
	switch {
	case !result.OK:
		h.o.Log.Error("the canary failed: sessions would not work", "fault", string(result.Fault), "error", result.Detail, "cure", result.Cure, "failures", result.Failures)
	case !was.At.IsZero() && !was.OK:
		h.o.Log.Info("the canary works again", "took", result.Took)
	}
	return result
}

// canary is one session in miniature.
func (h *House) canary(ctx context.Context, faults *collector) (err error) {
	s, err := h.start(ctx, Request{
		Client: canaryClient, ClientName: canaryClient, Width: 640, Height: 360, FPS: 30,
		App: app.Spec{ID: 1, Slug: canaryClient, Title: canaryClient, Runner: app.RunnerSpec{Type: app.TypeDemo}},
	}, faults.add)
	if err != nil {
		return err
	}
	defer func() {
		s.End(evidence.EndStopped, "")
		select {
		case <-s.Done():
		case <-time.After(killTimeout + displayTimeout):
			err = errors.Join(err, errors.New("the canary did not end"))
		}
	}()
	if err := s.Prepare(ctx, Stream{Width: 640, Height: 360, FPS: 30, BitrateKbps: 2000, Slices: 1}); err != nil {
		return err
	}
	frames := make(chan []byte, canaryFrames)
	s.Play(func(f *ipc.Frame) {
		select {
		case frames <- bytes.Clone(f.Data):
		default:
		}
	})
	return h.look(ctx, s, frames)
}

// look decodes the frames until one shows what the canary's app draws.
func (h *House) look(ctx context.Context, s *Session, frames <-chan []byte) error {
	w, err := h.spares.start(ctx)
	if err != nil {
		return err
	}
	defer h.spares.retire(w)
	decoding, err := w.worker.Decode(ctx, media.DecodeSpec{Codec: "h264"})
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "check the picture: %w", err).WithFault(evidence.FaultDecoderMissing)
	}
	seen := errNoBarcode
	for n := uint64(1); n <= canaryFrames; n++ {
		select {
		case frame := <-frames:
			if err := decoding.Decode(ctx, frame, n, func(p *media.Picture) {
				if r, err := barcode.Read(p.Y(), p.Width, p.Width, p.Height); err != nil {
					seen = fmt.Errorf("%w: %w", errNoBarcode, err)
				} else if r.SessionTag == barcode.SessionTag(s.id) {
					seen = nil
				}
			}); err != nil {
				return err
			}
			if seen == nil {
				return nil
			}
		case <-s.ending:
			end, detail := s.EndReason()
			return fmt.Errorf("the session ended (%s): %s", end, detail)
		case <-ctx.Done():
			return fmt.Errorf("wait for a picture: %w", ctx.Err())
		}
	}
	return seen
}

// collector keeps the faults of a canary, which are in no history.
type collector struct {
	mu     sync.Mutex // covers faults
	faults []evidence.Fault
}

func (c *collector) add(e evidence.Event) {
	f, ok := evidence.LookupFault(e.Fault)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
}

// root names the cause: the error's own fault, else the first grave one of
// which none of the others is the cause.
func (c *collector) root(err error) evidence.FaultID {
	if id := evidence.FaultOf(err); id != "" {
		return id
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	present := func(id evidence.FaultID) bool {
		return slices.ContainsFunc(c.faults, func(f evidence.Fault) bool { return f.ID == id })
	}
	for _, f := range c.faults {
		if f.Severity == evidence.Critical && !slices.ContainsFunc(f.DependsOn, present) {
			return f.ID
		}
	}
	return evidence.FaultCanary
}

func (c *collector) warnings() []evidence.FaultID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []evidence.FaultID
	for _, f := range c.faults {
		if f.Severity == evidence.Warning && !slices.Contains(all, f.ID) {
			all = append(all, f.ID)
		}
	}
	return all
}

// canaryLeft tells of what a canary did not give back. It is in no history, so
// that the host itself says so, and its health until the next canary: what one
// leaks every minute is what the host dies of.
func (h *House) canaryLeft(r Receipt) {
	if len(r.Residue) == 0 {
		return
	}
	h.health.mu.Lock()
	if now := &h.health.now; !slices.Contains(now.Warnings, evidence.FaultResidue) {
		now.Warnings = append(slices.Clip(now.Warnings), evidence.FaultResidue)
	}
	h.health.mu.Unlock()
	h.fault(evidence.FaultResidue, canaryClient, "canary", r.Session, "residue", strings.Join(r.Residue, "; "))
}

// sick is the refusal of a launch on a host whose canaries fail, nil where it
// may be tried. Sessions that stream are the better proof.
func (h *House) sick() error {
	now := h.Health()
	if now.OK || now.Failures < refuseAfter {
		return nil
	}
	for _, s := range h.Sessions() {
		if s.State() == Streaming {
			return nil
		}
	}
	meaning := now.Detail
	if f, ok := evidence.LookupFault(now.Fault); ok {
		meaning = f.Meaning
	}
	return evidence.Errorf(evidence.Unavailable, "this host cannot stream at present: %s", meaning).WithFault(now.Fault)
}

// Alive fails when a main loop of the house does not turn before ctx ends.
func (h *House) Alive(ctx context.Context) error {
	if err := Unlocked(ctx, &h.mu, "the sessions"); err != nil {
		return err
	}
	return h.spawner.Alive(ctx)
}

// lockLook is how often a lock that is taken is looked at again.
const lockLook = 5 * time.Millisecond

// Unlocked fails when a lock is not free at any look before ctx ends: whoever
// has it does not turn any more. what names what the lock covers.
func Unlocked(ctx context.Context, lock interface {
	TryLock() bool
	Unlock()
}, what string,
) error {
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for !lock.TryLock() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s do not answer: %w", what, ctx.Err())
		}
	}
	lock.Unlock()
	return nil
}

// Ready tells why no session could be started now, nil where one could.
func (h *House) Ready() error {
	h.mu.Lock()
	closing, n := h.closing, len(h.sessions)
	h.mu.Unlock()
	now := h.Health()
	switch {
	case closing:
		return evidence.Errorf(evidence.Unavailable, "the host is shutting down")
	case now.At.IsZero():
		return evidence.Errorf(evidence.Unavailable, "the first canary is not back yet")
	case !now.OK:
		return evidence.Errorf(evidence.Unavailable, "the canary failed: %s: %s", now.Fault, now.Detail).WithFault(now.Fault)
	case h.limits().Sessions > 0 && n >= h.limits().Sessions:
		return evidence.Errorf(evidence.Full, "all %d places are taken", n)
	}
	return nil
}

// KeepHealth runs a canary at once and then at every interval, and sooner while
// they fail, until ctx ends. An interval of 0 runs only the first.
func (h *House) KeepHealth(ctx context.Context, interval time.Duration) {
	for {
		wait := interval
		if result := h.Canary(ctx); !result.OK && interval > 0 {
			wait = min(interval, canaryTimeout)
		}
		if interval <= 0 {
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
