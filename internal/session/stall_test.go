package session

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/process/processtest"
)

// watched is an encoder as its watch sees it.
type watched struct {
	*stall
	now  time.Time
	a    process.Activity
	t    media.Trail
	held time.Duration // how long the encoder has had its picture at the start; <0 for none
	from time.Time
}

func watchedAt(first bool, held time.Duration) *watched {
	w := &watched{now: time.Unix(1000, 0), held: held}
	w.from = w.now
	w.stall = &stall{quick: 266 * time.Millisecond, first: first, since: w.now, worked: w.now}
	w.activity = func() (process.Activity, bool) { return w.a, true }
	w.t.Scenes = 1
	w.trail = func() media.Trail {
		t := w.t
		t.Beat = evidence.Monotonic()
		if w.held >= 0 {
			t.Busy = evidence.Monotonic() - int64(w.held+w.now.Sub(w.from))
		}
		return t
	}
	return w
}

// until looks as often as is due, until the encoder is given up or the time is
// over. ran is how much of each wait it works.
func (w *watched) until(end time.Duration, ran float64) (time.Duration, error) {
	for w.now.Sub(w.from) < end {
		wait := w.wait()
		w.now = w.now.Add(wait)
		w.a.Ran += time.Duration(float64(wait) * ran)
		if err := w.look(w.now); err != nil {
			return w.now.Sub(w.from), err
		}
	}
	return end, nil
}

// TestStall tells what hangs from what is late.
func TestStall(t *testing.T) {
	const long = 10 * time.Second
	for _, tt := range []struct {
		name     string
		w        func() *watched
		ran      float64
		from, to time.Duration // when it must be given up; 0 for never
	}{
		{"a picture is in the encoder, which does nothing", func() *watched { return watchedAt(false, 0) }, 0.01, 266 * time.Millisecond, 500 * time.Millisecond},
		{"its process is stopped", func() *watched { w := watchedAt(false, -1); w.a.Stopped = true; return w }, 0, 266 * time.Millisecond, 500 * time.Millisecond},
		{"its process is stopped before its first frame", func() *watched { w := watchedAt(true, -1); w.a.Stopped, w.t.Scenes = true, 0; return w }, 0, 266 * time.Millisecond, 500 * time.Millisecond},
		{"the encoder works, or waits for a processor", func() *watched { return watchedAt(false, 0) }, 0.5, longestStall, longestStall + 100*time.Millisecond},
		{"nothing is in the encoder and nothing is done", func() *watched { return watchedAt(false, -1) }, 0, stalled, stalled + 100*time.Millisecond},
		{"it waits for a disk", func() *watched { w := watchedAt(false, 0); w.a.Blocked = true; return w }, 0, stalled, stalled + 100*time.Millisecond},
		{"a scene came and no first frame", func() *watched { return watchedAt(true, -1) }, 0, firstStall, firstStall + 100*time.Millisecond},
		{"no scene came yet", func() *watched { w := watchedAt(true, -1); w.t.Scenes = 0; return w }, 0, 0, 0},
	} {
		at, err := tt.w().until(long, tt.ran)
		if tt.to == 0 && err != nil || tt.to > 0 && (!errors.Is(err, errStalled) || at < tt.from || at > tt.to) {
			t.Errorf("%s: %v after %s, want it from %s to %s", tt.name, err, at, tt.from, tt.to)
		}
	}
}

// TestStallOfOurOwn: when this process was stopped or late, the encoder is
// given its time again; and a frame forgives everything.
func TestStallOfOurOwn(t *testing.T) {
	w := watchedAt(false, -1)
	w.a.Stopped = true // with us
	if _, err := w.until(300*time.Millisecond, 0); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := w.look(w.now); err != nil {
		t.Errorf("after an hour in which nobody looked: %v", err)
	}
	w.a.Stopped = false
	if at, err := w.until(time.Hour+stalled+time.Second, 0); err == nil || at < time.Hour+stalled-300*time.Millisecond {
		t.Errorf("given up after %s: %v", at, err)
	}
	w = watchedAt(false, -1)
	w.a.Stopped = true
	for range 50 {
		if _, err := w.until(w.now.Sub(w.from)+350*time.Millisecond, 0); err != nil {
			t.Fatal(err)
		}
		w.frame(w.now)
	}
}

// awaitStalled returns how an encoder was given up.
func (h *house) awaitStalled() evidence.Event {
	h.t.Helper()
	return h.await("the stall", 1, func(e evidence.Event) bool {
		return e.Stage == evidence.StageVideoPipeline && e.Kind == evidence.Exited && strings.Contains(e.Attrs["error"], errStalled.Error())
	})
}

// TestStoppedEncoderIsReplaced: in the middle of a stream and before its first
// frame, which the client awaits no longer than 10 s.
func TestStoppedEncoderIsReplaced(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	h.steady(frames)
	_, p := s.rendition.current()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	e := h.awaitStalled()
	for len(frames) > 0 {
		<-frames
	}
	if !next(t, frames) {
		t.Error("the first frame of the next encoder is no key frame")
	}
	t.Logf("the picture came back after %s: %s", time.Since(stopped).Round(time.Millisecond), e.Attrs["error"])
	if !strings.Contains(e.Attrs["error"], "stopped") || s.Encoder() != "x264enc" {
		t.Errorf("encoder %s, %v", s.Encoder(), e.Attrs)
	}
}

func TestEncoderStoppedBeforePlay(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	if err := s.Prepare(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	ready := h.await("the encoder", 1, func(e evidence.Event) bool { return e.Stage == evidence.StageVideoPipeline && e.Kind == evidence.Done })
	pid := pidOf(t, ready)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	frames := h.watch(s)
	h.awaitStalled()
	next(t, frames)
}

// TestEncoderThatNothingEnds, as in a driver that hangs, is replaced before it
// has ended.
func TestEncoderThatNothingEnds(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	h.steady(frames)
	_, p := s.rendition.current()
	began := evidence.Monotonic()
	thaw := processtest.Freeze(t, p.PID())
	e := h.awaitStalled()
	h.steady(frames)
	if !p.Alive() || e.Attrs["how"] != "not ended by SIGKILL (state D)" {
		t.Errorf("it has ended: %v", e.Attrs)
	}
	if next := h.await("the next encoder", 2, func(e evidence.Event) bool {
		return e.Stage == evidence.StageVideoPipeline && e.Kind == evidence.Done
	}); time.Duration(next.Mono-began) > stalled+process.KillTimeout {
		t.Errorf("the next encoder came after %s", time.Duration(next.Mono-began))
	}
	thaw()
	<-p.Done()
}

// TestStoppedSpareIsNotUsed: it would hold up whoever gets it.
func TestStoppedSpareIsNotUsed(t *testing.T) {
	h := open(t, options(t))
	w, err := h.spares.claim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := w.worker.Process()
	if !w.fit() {
		t.Error("a new worker is not fit")
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); w.fit(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("a stopped worker is fit")
		}
	}
	h.spares.mu.Lock()
	h.spares.ready = w
	h.spares.mu.Unlock()
	other, err := h.spares.claim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.spares.retire(other)
	if other == w {
		t.Error("the stopped worker was handed out")
	}
	<-p.Done()
}

// TestAppThatDrawsNothing: the card is the picture, and no encoder is blamed
// for it.
func TestAppThatDrawsNothing(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", shell("sleep 1000")))
	h.steady(h.play(s, stream))
	for _, e := range h.seen() {
		if e.Stage == evidence.StageVideoPipeline && e.Fault != "" {
			t.Errorf("event: %v", e)
		}
	}
}
