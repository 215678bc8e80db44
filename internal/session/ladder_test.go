package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
)

var errDead = errors.New("dead")

func allFree(string) (access, string) { return accessFree, "" }

// TestLadder: the same rung once more, then the next; who worked well stays.
func TestLadder(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLadder([]string{"a", "b"}, allFree)
	for i, want := range []string{"a", "b", "b", ""} {
		if blamed := l.step(errDead, 3, now); !blamed {
			t.Error("a death at once is not the rung's")
		}
		if got, ok := l.rung(); got != want || ok != (want != "") {
			t.Fatalf("after %d deaths at once: %q, want %q", i+1, got, want)
		}
	}
	if why := l.leftOut(); !slices.Equal(why, []string{"a: dead", "b: dead"}) {
		t.Errorf("the end's reasons: %q", why)
	}
	l = newLadder([]string{"a", "b"}, allFree)
	if !l.step(media.ErrEncoderMissing, 0, now) {
		t.Error("a missing encoder is not to blame")
	}
	if got, _ := l.rung(); got != "b" {
		t.Errorf("a missing encoder is tried again: %s", got)
	}
	if got, ok := newLadder(nil, allFree).rung(); ok {
		t.Errorf("an empty ladder has %q", got)
	}
}

// TestAFlappingRungIsLeft: 20 deaths in good health within half a minute are
// somebody else's doing; one that ends again and again makes room for the next,
// and the session ends only after the last.
func TestAFlappingRungIsLeft(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLadder([]string{"nv", "x264"}, allFree)
	deaths := map[string]int{}
	for {
		rung, ok := l.rung()
		if !ok {
			break
		}
		now = now.Add(time.Second)
		deaths[rung]++
		blamed := l.step(errDead, 60, now)
		if next, _ := l.rung(); blamed != (next != rung) {
			t.Fatalf("death %d of %s: blamed %t, then %s", deaths[rung], rung, blamed, next)
		}
		if deaths[rung] > 1000 {
			t.Fatal("flapping is not stopped")
		}
	}
	for _, rung := range []string{"nv", "x264"} {
		if deaths[rung] != maxRestarts+1 || deaths[rung] <= 20 {
			t.Errorf("%s was left after %d deaths, want %d", rung, deaths[rung], maxRestarts+1)
		}
	}
	// Slowly, it may go on for ever.
	l = newLadder([]string{"nv", "x264"}, allFree)
	for range 1000 {
		now = now.Add(restartWindow / maxRestarts)
		l.step(errDead, 60, now)
	}
	if got, _ := l.rung(); got != "nv" {
		t.Errorf("after slow deaths: %q", got)
	}
}

// TestTheHouseIsAskedAtEachStep: a rung that was closed meanwhile is not
// climbed, one that rests only when no other is left, and one that is full may
// be replaced by whoever has it.
func TestTheHouseIsAskedAtEachStep(t *testing.T) {
	now := time.Unix(1000, 0)
	state := map[string]access{}
	ask := func(element string) (access, string) { return state[element], element + ": for a reason" }
	l := newLadder([]string{"a", "b", "c"}, ask)
	at := func(want string) {
		t.Helper()
		if got, _ := l.rung(); got != want {
			t.Fatalf("on %q, want %q", got, want)
		}
	}
	at("a")
	state["a"], state["b"] = accessTaken, accessClosed
	l.step(errDead, 60, now)
	at("a")
	state["a"] = accessClosed
	l.step(errDead, 60, now)
	at("c")
	if why := l.leftOut(); !slices.Equal(why, []string{"a: for a reason", "b: for a reason"}) {
		t.Errorf("left out: %q", why)
	}
	state["a"], state["b"] = accessResting, accessTaken
	l.step(errDead, 0, now)
	at("c")
	l.step(errDead, 0, now)
	at("a")
	l.step(errDead, 0, now)
	l.step(errDead, 0, now)
	at("")
	state["b"] = accessFree
	l.climb()
	at("b")
}

// TestLadderHolds: whatever happens, no rung is used that is out or closed, and
// none is left over at the end.
func TestLadderHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "rungs")
		var elements []string
		state := map[string]access{}
		for i := range n {
			elements = append(elements, fmt.Sprint(i))
		}
		l := newLadder(elements, func(e string) (access, string) { return state[e], e })
		now, quick := time.Unix(1000, 0), map[string]int{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			element, ok := l.rung()
			if !ok {
				break
			}
			state[rapid.SampledFrom(elements).Draw(t, "whose")] = access(rapid.IntRange(0, 3).Draw(t, "state"))
			frames := rapid.SampledFrom([]int{0, steadyFrames}).Draw(t, "frames")
			if quick[element]++; frames > 0 {
				quick[element] = 0
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
			l.step(errDead, frames, now)
			next, ok := l.rung()
			if ok && (state[next] == accessClosed || quick[next] > 1 || next != element && state[next] == accessTaken) {
				t.Fatalf("%s is used in state %d after %d quick deaths", next, state[next], quick[next])
			}
			for i, e := range elements {
				if !ok && state[e] < accessTaken && l.rungs[i].out == "" {
					t.Fatalf("%s is left over", e)
				}
			}
		}
	})
}

// TestRungsRest: what fails in two sessions is used by none while another is
// there; it is tried again and used again.
func TestRungsRest(t *testing.T) {
	o := options(t)
	h := open(t, o)
	h.rungFailed("x264enc", errDead)
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("after one failure: %s", first)
	}
	h.rungs.worked("x264enc")
	h.rungFailed("x264enc", errDead)
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("after one failure, a stream, and one failure: %s", first)
	}
	h.rungFailed("x264enc", errDead)
	rests := h.await("the rest", 1, func(e evidence.Event) bool { return e.Attrs["encoder"] == "x264enc" && e.Attrs["state"] == "rests" })
	if rests.Attrs["because"] != "dead" {
		t.Errorf("the event: %v", rests.Attrs)
	}
	steps := h.ladder()
	if first, _ := steps.rung(); first != "openh264enc" || !strings.Contains(strings.Join(steps.leftOut(), ""), "x264enc: failed 2 times in sessions") {
		t.Errorf("while it rests: %s, without %q", first, steps.leftOut())
	}
	h.rungFailed("openh264enc", errDead)
	h.rungFailed("openh264enc", errDead)
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("when all rest: %q", first)
	}
	if r := h.Rungs()[0]; !r.Resting || time.Until(r.TriedAgain) > firstRest || time.Until(r.TriedAgain) < firstRest/2 || r.String() != r.Reason {
		t.Errorf("the rung: %+v", r)
	}
}

// TestABusyMachineProvesNothing: a rung that rests is not closed by a trial that
// took too long.
func TestABusyMachineProvesNothing(t *testing.T) {
	r := newRungs([]string{"x264enc"})
	now := time.Now()
	r.failed("x264enc", errDead, now)
	r.failed("x264enc", errDead, now)
	_, late, _ := r.tried("x264enc", 0, 0, fmt.Errorf("try to encode: %w", context.DeadlineExceeded))
	if !late.Resting || late.Tried || late.rest != 2*firstRest {
		t.Errorf("after a trial that was late: %+v", late)
	}
	if _, failed, _ := r.tried("x264enc", 0, 0, errDead); failed.Resting || failed.Works || failed.Reason != "dead" || failed.rest != 4*firstRest {
		t.Errorf("after one that failed: %+v", failed)
	}
	if _, works, _ := r.tried("x264enc", 1, 1, nil); works.Resting || !works.Works || works.Reason != "" || !works.TriedAgain.IsZero() {
		t.Errorf("after one that worked: %+v", works)
	}
}

// TestRungsAreTriedAgain by themselves, those that rest and those that did not
// work, later each time.
func TestRungsAreTriedAgain(t *testing.T) {
	o := options(t)
	o.Encoders = []string{"nosuchenc", "x264enc", "openh264enc"}
	h := open(t, o)
	h.rungs.firstRest = 10 * time.Millisecond
	h.rungs.tried("nosuchenc", 0, 0, errDead)
	h.rungFailed("x264enc", errDead)
	h.rungFailed("x264enc", errDead)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		all := h.Rungs()
		if strings.Contains(all[0].Reason, "nosuchenc") && all[0].rest >= 40*time.Millisecond && !all[1].Resting && all[1].Works && all[1].TriedAgain.IsZero() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("rungs: %+v", all)
		}
	}
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("first: %s", first)
	}
}

// TestARungIsClosedMeanwhile: the failover goes past it.
func TestARungIsClosedMeanwhile(t *testing.T) {
	o := options(t)
	o.Encoders = []string{"x264enc", "nosuchenc", "openh264enc"}
	h := open(t, o)
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	next(t, frames)
	h.rungs.tried("x264enc", 0, 0, errDead)
	h.rungs.tried("nosuchenc", 0, 0, errDead)
	h.killEncoder(s)
	h.await("death of the encoder", 1, func(e evidence.Event) bool { return e.Fault == evidence.FaultEncoderDied })
	for len(frames) > 0 {
		<-frames
	}
	next(t, frames)
	if s.Encoder() != "openh264enc" {
		t.Errorf("encoder %s", s.Encoder())
	}
	for _, e := range h.seen() {
		if e.Fault == evidence.FaultEncoderMissing {
			t.Errorf("a closed rung was climbed: %v", e.Attrs)
		}
	}
}
