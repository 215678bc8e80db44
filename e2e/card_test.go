package e2e

import (
	"bytes"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
)

// shades are the ground of the card, as it is drawn.
var shades = [3]int{0x16, 0x1a, 0x23}

// near allows for what an encoder does to a colour.
func near(got, want [3]int) bool {
	for i := range got {
		if d := got[i] - want[i]; d > 10 || d < -10 {
			return false
		}
	}
	return true
}

// card waits for a card: its ground at the edges, and bright letters.
func (f *flight) card(what string) { f.otherCard(what, nil) }

// otherCard waits for a card that says something else than one from before, and
// keeps its picture there.
func (f *flight) otherCard(what string, before *[]byte) {
	f.t.Helper()
	f.must(f.p.Until(f.ctx, what, appPatience, func(p *probe.Frame) bool {
		w, h := p.Size()
		bright, changed := 0, 0
		for i, y := range p.Luma() {
			if y > 160 {
				bright++
			}
			if before != nil && i < len(*before) && max(y, (*before)[i])-min(y, (*before)[i]) > 80 {
				changed++
			}
		}
		if !near(p.Mean(0, 0, w, h/20), shades) || !near(p.Mean(0, h-h/20, w, h), shades) || bright < w*h/2000 {
			return false
		}
		if before != nil {
			// Letters differ in thousands of places, noise of the encoder in none.
			if *before != nil && changed < w*h/1000 {
				return false
			}
			*before = bytes.Clone(p.Luma())
		}
		return true
	}))
}

// TestCardIsShown: a player never looks at black. An app that shows nothing
// yet, one that fails and is kept, one whose session ends with it, one that fails
// and is started again: each
// has its card, and the window is back as soon as there is one.
func TestCardIsShown(t *testing.T) {
	s, me := pairedServer(t, `version = 1
[[apps]]
title = "Slow"
[apps.runner]
type = "process"
run_cmd = "sh -c 'echo loading the shaders; sleep 1000'"
[[apps]]
title = "Broken"
[apps.runner]
type = "process"
run_cmd = "sh -c 'sleep 0.5; echo libfoo.so.1 is missing; exit 127'"
on_crash = "card"
[[apps]]
title = "Doomed"
[apps.runner]
type = "process"
run_cmd = "sh -c 'sleep 2; echo libfoo.so.1 is missing; exit 127'"
[[apps]]
title = "Flaky"
[apps.runner]
type = "demo"
on_crash = "restart"
`)
	s.fly(t, me, "Slow", 1280, 720, false, func(f *flight) {
		f.card("the card of an app that shows nothing")
		f.png("starting")
	})
	s.fly(t, me, "Broken", 1280, 720, false, func(f *flight) {
		f.card("the card of an app that failed")
		f.png("ended")
	})
	s.fly(t, me, "Doomed", 1280, 720, false, func(f *flight) {
		var starting []byte
		f.otherCard("the card of an app that is being started", &starting)
		f.otherCard("the card before the end", &starting)
		f.png("farewell")
	})
	s.fly(t, me, "Flaky", 1280, 720, false, func(f *flight) {
		window := func(p *probe.Frame) bool {
			w, h := p.Size()
			return !near(p.Mean(w*45/100, 0, w*3/4, h/20), shades)
		}
		f.must(f.p.Until(f.ctx, "the window", appPatience, window))
		kill(t, process(t, s.streaming(), "demo"))
		f.card("the card of an app that is started again")
		f.png("restarting")
		f.must(f.p.Until(f.ctx, "the window again", appPatience, window))
	})
	all, err := s.api.Sessions(t.Context(), true)
	if err != nil || len(all) != 4 {
		t.Fatalf("sessions %+v, %v", all, err)
	}
	for _, one := range all {
		if d := s.ended(one.ID); d.End != string(evidence.EndClientQuit) && one.App != "doomed" {
			t.Errorf("%s ended by %s", d.App, d.End)
		}
	}
}
