package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// appPatience is how long an app may take to show what is expected of it on a
// loaded machine.
const appPatience = 30 * time.Second

// colour says of red, green and blue whether it is bright: every terminal has
// its own idea of the rest.
type colour [3]bool

// Colours that the apps are made to show.
var (
	white  = colour{true, true, true}
	red    = colour{true, false, false}
	green  = colour{false, true, false}
	blue   = colour{false, false, true}
	yellow = colour{true, true, false}
)

// is holds a mean of pixels against the colour.
func (c colour) is(rgb [3]int) bool {
	top := max(rgb[0], rgb[1], rgb[2])
	for i, on := range c {
		if on && rgb[i] < 3*top/5 || !on && rgb[i] > top/2 {
			return false
		}
	}
	return top >= 80
}

// painter is a shell script for any terminal: each key that comes paints the
// screen, which is white at first, in another colour, n green, m blue, a mouse
// button yellow, and every other key red. It paints anew twice a second, as the
// screen may change its size.
const painter = `stty raw -echo min 0 time 5
printf '\033[?1000h\033[?25l'
b=7
while :; do
  set -- $(stty size)
  printf '\033[0;30;4%sm\033[H%*s\033[Hcolour %s, %s rows of %s' "$b" "$(($1*$2))" '' "$b" "$1" "$2"
  c=$(dd bs=1 count=1 2>/dev/null)
  case $c in
  '') ;;
  n) b=2;;
  m) b=4;;
  "$(printf '\033')") b=3; dd bs=1 count=5 >/dev/null 2>&1;;
  *) b=1;;
  esac
done`

// flight is one app that is streamed and looked at.
type flight struct {
	t             *testing.T
	p             *probe.Pilot
	ctx           context.Context
	title         string
	width, height int
}

// must fails the flight, which the pilot's goroutine carries on from.
func (f *flight) must(err error) {
	f.t.Helper()
	if err != nil {
		f.png("failed")
		panic(flightFailure{err})
	}
}

type flightFailure struct{ err error }

// shows waits until a rectangle, in parts of a thousand of the picture, has a
// colour everywhere: it is looked at in cells.
func (f *flight) shows(what string, want colour, x0, y0, x1, y1 int) {
	f.t.Helper()
	const cells = 4
	var got [3]int
	err := f.p.Until(f.ctx, what, appPatience, func(p *probe.Frame) bool {
		w, h := p.Size()
		if w != f.width || h != f.height {
			return false
		}
		for i := range cells * cells {
			x, y := w*(x0+(x1-x0)*(i%cells)/cells)/1000, h*(y0+(y1-y0)*(i/cells)/cells)/1000
			got = p.Mean(x, y, x+w*(x1-x0)/cells/1000, y+h*(y1-y0)/cells/1000)
			if !want.is(got) {
				return false
			}
		}
		return true
	})
	if err != nil {
		err = fmt.Errorf("%w (it is %v, want %v)", err, got, want)
	}
	f.must(err)
}

// changes waits until so many pixels of a rectangle, in parts of a thousand,
// differ clearly from what they are now; act is what shall bring it about. A
// blinking text cursor or the pointer, of some 200 pixels, shall not do.
func (f *flight) changes(what string, pixels, x0, y0, x1, y1 int, act func() error) {
	f.t.Helper()
	f.must(f.change(what, appPatience, pixels, x0, y0, x1, y1, act))
}

// change is changes with a time of its own, and without an end of the flight.
func (f *flight) change(what string, within time.Duration, pixels, x0, y0, x1, y1 int, act func() error) error {
	const clearly = 40 // of 256 shades, more than an encoder makes of one
	var before []byte
	different := 0
	look := func(p *probe.Frame, each func(i int, y byte)) bool {
		w, h := p.Size()
		if w != f.width || h != f.height {
			return false
		}
		luma, i := p.Luma(), 0
		for y := h * y0 / 1000; y < h*y1/1000; y++ {
			for _, shade := range luma[y*w+w*x0/1000 : y*w+w*x1/1000] {
				each(i, shade)
				i++
			}
		}
		return true
	}
	err := f.p.Until(f.ctx, what, appPatience, func(p *probe.Frame) bool {
		before = before[:0]
		return look(p, func(_ int, shade byte) { before = append(before, shade) })
	})
	if err == nil && act != nil {
		err = act()
	}
	if err != nil {
		return err
	}
	err = f.p.Until(f.ctx, what, within, func(p *probe.Frame) bool {
		different = 0
		return look(p, func(i int, shade byte) {
			if d := int(shade) - int(before[i]); d > clearly || d < -clearly {
				different++
			}
		}) && different >= pixels
	})
	if err != nil {
		err = fmt.Errorf("%w (%d pixels differ, want %d)", err, different, pixels)
	}
	return err
}

// types types a text and waits until that much is written somewhere: a letter
// of an ordinary font is some 20 clear pixels.
func (f *flight) types(text string, x0, y0, x1, y1 int) {
	f.t.Helper()
	f.changes("typing "+text, 20*len(text), x0, y0, x1, y1, func() error { return f.p.Type(text) })
}

// drags pulls with the left button from one pixel to another.
func (f *flight) drags(x0, y0, x1, y1 int) error {
	for _, step := range []func() error{
		func() error { return f.p.Move(x0, y0) },
		func() error { return f.p.Input(control.MouseButton{Button: control.ButtonLeft, Down: true}) },
		func() error { return f.p.Move((x0+x1)/2, (y0+y1)/2) },
		func() error { return f.p.Move(x1, y1) },
		func() error { return f.p.Input(control.MouseButton{Button: control.ButtonLeft}) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// png keeps the picture where KENNEL_PICTURES says.
func (f *flight) png(name string) {
	dir := os.Getenv("KENNEL_PICTURES")
	if dir == "" {
		return
	}
	path := filepath.Join(dir, strings.ReplaceAll(strings.ToLower(f.title+"-"+name), " ", "-")+".png")
	if err := f.p.WritePNG(path); err != nil {
		f.t.Log(err)
	}
}

// fly streams an app once in a mode and runs the script on it.
func (s *server) fly(t *testing.T, me, title string, width, height int, keep bool, script func(*flight)) {
	t.Helper()
	if r, err := s.tryFlight(t, me, title, width, height, keep, script); err != nil {
		t.Fatalf("%s at %dx%d: %v %q", title, width, height, err, r.Problems)
	}
}

// tryFlight is fly for a stream that may end badly.
func (s *server) tryFlight(t *testing.T, me, title string, width, height int, keep bool, script func(*flight)) (*probe.Report, error) {
	t.Helper()
	host := probe.Options{
		Host: "127.0.0.1", Port: s.port, IdentityDir: me, App: title, Width: width, Height: height, FPS: 30,
		Duration: 5 * appPatience, MediaExecutable: filepath.Join(filepath.Dir(kennel(t)), "kennel-media"), KeepRunning: keep,
	}
	host.Script = func(ctx context.Context, p *probe.Pilot) (err error) {
		defer func() {
			if r := recover(); r != nil {
				failure, ok := r.(flightFailure)
				if !ok {
					panic(r)
				}
				err = failure.err
			}
		}()
		script(&flight{t, p, ctx, title, width, height})
		return nil
	}
	return probe.Run(t.Context(), host)
}

// appConfig is a configuration with one app that runs a command.
func appConfig(title string, env []string, args ...string) string {
	return fmt.Sprintf("version = 1\n[[apps]]\ntitle = %q\n[apps.runner]\ntype = \"process\"\nargs = %s\nenv = %s\n", title, tomlList(args), tomlList(env))
}

func tomlList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'''" + w + "'''"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// sizes are the first mode of each app, and that of its client's return.
var sizes = [2][2]int{{1280, 720}, {960, 540}}

// flyTwice launches an app, leaves it running, and comes back in another mode.
func flyTwice(t *testing.T, config, title string, first, second func(*flight)) {
	t.Helper()
	s, me := pairedServer(t, config)
	s.fly(t, me, title, sizes[0][0], sizes[0][1], true, func(f *flight) {
		first(f)
		f.png("1")
	})
	s.fly(t, me, title, sizes[1][0], sizes[1][1], false, func(f *flight) {
		second(f)
		f.png("2")
	})
}

// paintsAtKeys is the script for a terminal that runs painter.
func paintsAtKeys(f *flight) {
	f.shows("the script runs", white, 100, 100, 900, 900)
	f.must(f.p.Type("n"))
	f.shows("a key paints it green", green, 100, 100, 900, 900)
	f.must(f.p.Type("m"))
	f.shows("another key paints it blue", blue, 100, 100, 900, 900)
}

// paintsAtClicks is paintsAtKeys for a terminal that tells about the mouse.
func paintsAtClicks(f *flight) {
	paintsAtKeys(f)
	f.must(f.p.Click(f.width/2, f.height/2))
	f.shows("a click paints it yellow", yellow, 100, 100, 900, 900)
}

// paintsInAnotherSize is what it shows to a client that came back.
func paintsInAnotherSize(f *flight) {
	f.must(f.p.Type("x"))
	f.shows("red, over the whole new size", red, 20, 50, 980, 970)
}

// vivid gives foot clear colours.
var vivid = []string{
	"--override=colors.regular1=c00000", "--override=colors.regular2=00a000", "--override=colors.regular3=c0c000", "--override=colors.regular4=0000c0",
	"--override=colors.regular7=ffffff",
}

func TestFoot(t *testing.T) {
	needs(t, "foot")
	args := append(append([]string{"foot"}, vivid...), "sh", "-c", painter)
	flyTwice(t, appConfig("Foot", nil, args...), "Foot", paintsAtClicks, paintsInAnotherSize)
}

func TestSway(t *testing.T) {
	needs(t, "sway", "foot")
	script := "cat >\"$XDG_RUNTIME_DIR/painter\" <<'END'\n" + painter + "\nEND\n" +
		"cat >\"$XDG_RUNTIME_DIR/sway.conf\" <<'END'\ndefault_border none\nexec foot " + strings.Join(vivid, " ") + " sh $XDG_RUNTIME_DIR/painter\nEND\n" +
		"exec sway -c \"$XDG_RUNTIME_DIR/sway.conf\""
	flyTwice(t, appConfig("Sway", []string{"WLR_RENDERER=pixman"}, "sh", "-c", script), "Sway", paintsAtClicks, paintsInAnotherSize)
}

func TestWestonTerminal(t *testing.T) {
	needs(t, "weston-terminal")
	script := "printf '#!/bin/sh\n%s\n' \"$0\" >\"$XDG_RUNTIME_DIR/painter\"; chmod +x \"$XDG_RUNTIME_DIR/painter\"; exec weston-terminal --fullscreen --shell=\"$XDG_RUNTIME_DIR/painter\""
	flyTwice(t, appConfig("Weston terminal", nil, "sh", "-c", script, painter), "Weston terminal", func(f *flight) {
		paintsAtKeys(f)
		f.must(f.p.Type("n"))
		f.shows("green again", green, 100, 100, 900, 900)
		f.changes("dragging the pointer selects text", 20_000, 100, 100, 900, 900, func() error { return f.drags(200, 200, 1000, 500) })
	}, func(f *flight) {
		f.must(f.p.Click(f.width/2, f.height/2)) // lets go of the selection
		paintsInAnotherSize(f)
	})
}

// needs skips where a program is missing; never on CI, which has them all.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: run scripts/deps", p)
		}
		t.Skipf("%s is not installed: run scripts/deps", p)
	}
}
