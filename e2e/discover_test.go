package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
)

// tour is what a person does with a discovered app, in the first size and after
// coming back in the other one.
type tour struct{ first, second func(*flight) }

// anywhere is a tour that types where the app has its keyboard.
func anywhere(text string) tour {
	types := func(f *flight) {
		f.lit()
		f.types(text, 0, 0, 1000, 1000)
	}
	return tour{types, types}
}

// at is a tour that clicks at a pixel first.
func at(x, y int, text string) tour {
	types := func(f *flight) {
		f.lit()
		f.must(f.p.Click(x, y))
		f.settles()
		f.types(text, 0, 0, 1000, 1000)
	}
	return tour{types, types}
}

// lit waits until the app has drawn something bright, and more of it.
func (f *flight) lit() {
	f.t.Helper()
	f.must(f.p.Until(f.ctx, "the app draws", appPatience, func(p *probe.Frame) bool {
		w, h := p.Size()
		bright := 0
		for _, shade := range p.Luma() {
			if shade > 100 {
				bright++
			}
		}
		return w == f.width && h == f.height && bright > 20 && !near(p.Mean(0, h-h/20, w, h), shades)
	}))
	f.settles()
}

// settles waits for a second and a half in which nothing changes but a blinking
// cursor.
func (f *flight) settles() {
	f.t.Helper()
	const quiet, tries = 1500 * time.Millisecond, 20
	for range tries {
		if f.change("the picture settles", quiet, 300, 0, 0, 1000, 1000, nil) != nil {
			f.must(f.ctx.Err())
			return
		}
	}
	f.must(errors.New("the picture never settles"))
}

// tours are by the title of the entry; each is of one that appscan knows.
var tours = map[string]tour{
	"Foot":            anywhere("echo of typing"),
	"Sway":            anywhere("echo of typing"),
	"Weston terminal": anywhere("echo of typing"),
	"xterm":           anywhere("echo of typing"),
	"Chromium":        at(400, 60, "about:version"),
	"Firefox":         at(400, 65, "about:support"),
	"mpv":             anywhere("I"),
	"Weston": {func(f *flight) {
		f.lit()
		f.changes("a click on the panel opens a terminal", 100_000, 0, 0, 1000, 1000, func() error { return f.p.Click(18, 16) })
		f.settles()
		f.types("echo of typing", 0, 0, 1000, 1000)
	}, anywhere("more typing").second},
	"glmark2": {moves, moves},
	"GTK demo": {func(f *flight) {
		f.lit()
		f.changes("a click on the list shows another demo", 5000, 300, 50, 1000, 1000, func() error { return f.p.Click(100, 105) })
	}, func(f *flight) {
		f.lit()
		f.changes("a click on the list shows another demo", 2000, 300, 50, 1000, 1000, func() error { return f.p.Click(100, 140) })
	}},
}

func moves(f *flight) {
	for range 5 {
		f.changes("it moves", 300, 0, 0, 1000, 1000, nil)
	}
}

// TestDiscoveredApps adds what discovery finds on this machine, and streams
// each program that it knows, by the entry that it made.
func TestDiscoveredApps(t *testing.T) {
	heavy(t)
	s, me := pairedServer(t, "")
	out, stderr, err := run(t.Context(), t, "apps", "discover", "--add", "--json", "--data", s.dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	var added []struct{ Title string }
	if err := json.Unmarshal([]byte(out), &added); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	found := map[string]bool{}
	for _, a := range added {
		found[a.Title] = true
	}
	for title, tour := range tours {
		if !found[title] {
			if os.Getenv("CI") != "" && title != "Firefox" { // which scripts/deps does not install
				t.Errorf("%s was not found", title)
			}
			continue
		}
		t.Run(title, func(t *testing.T) {
			s.fly(t, me, title, sizes[0][0], sizes[0][1], true, func(f *flight) {
				f.title = "discovered " + f.title
				tour.first(f)
				f.png("1")
			})
			s.fly(t, me, title, sizes[1][0], sizes[1][1], false, func(f *flight) {
				f.title = "discovered " + f.title
				tour.second(f)
				f.png("2")
			})
		})
	}
}
