package session

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/pad/padtest"
)

// says waits for a note of the control stage.
func (h *house) says(n int, key, text string) evidence.Event {
	h.t.Helper()
	return h.await(key+" "+text, n, func(e evidence.Event) bool {
		return e.Stage == evidence.StageControl && strings.Contains(e.Attrs[key], text)
	})
}

// TestGamepadsOfASession: they come with the client's first word of them, belong
// to the session's user, and end with the session.
func TestGamepadsOfASession(t *testing.T) {
	u := padtest.New(t)
	o := options(t)
	o.Pads = u.Machine()
	receipts := make(chan Receipt, 10)
	o.Receipt = func(r Receipt) { receipts <- r }
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	spec := app.Spec{ID: 1, Slug: "game", Title: "Game", Runner: app.RunnerSpec{Type: app.TypeProcess, Args: []string{o.Executable, "demo"}, Gamepads: true}}
	s := h.launch(request("a", spec))
	if u.Open() != 0 {
		t.Error("a gamepad is there before the client has one")
	}
	if err := s.Pad(pad.State{Active: 1, Buttons: pad.A}); err != nil {
		t.Fatal(err)
	}
	h.says(1, "gamepad", "plugged in")
	var node unix.Stat_t
	if err := unix.Stat(u.Path("dev/input/event3"), &node); err != nil {
		t.Fatal(err)
	}
	if c := s.credential; c != nil && (node.Uid != c.UID || node.Mode&0o777 != 0o600) {
		t.Errorf("the node belongs to %d, mode %o, the session to %d", node.Uid, node.Mode, c.UID)
	}
	if s.pads.Count() != 1 || u.Open() != 1 {
		t.Errorf("%d gamepads, %d open", s.pads.Count(), u.Open())
	}
	next(t, h.play(s, stream))
	before := len(u.Written())
	s.Pause()
	for deadline := time.After(patience); ; {
		changed := u.Changed()
		if len(u.Written()) == 2*before {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("a client that is gone still holds a button down")
		}
	}
	r := h.endWithReceipt(s, receipts)
	if r.Fault() != "" || u.Open() != 0 {
		t.Errorf("residue %q, %d open", r.Residue, u.Open())
	}
	if _, err := os.Stat(u.Path("dev/input/event3")); err == nil {
		t.Error("the node is still there")
	}
	if err := s.Pad(pad.State{Active: 1}); err != nil || u.Open() != 0 {
		t.Errorf("a gamepad after the end: %v, %d open", err, u.Open())
	}
}

// TestAGamepadThatStays is a residue, as the machine shows it.
func TestAGamepadThatStays(t *testing.T) {
	u := padtest.New(t)
	o := options(t)
	o.Pads = u.Machine()
	receipts := make(chan Receipt, 10)
	o.Receipt = func(r Receipt) { receipts <- r }
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	spec := app.Spec{ID: 1, Slug: "game", Title: "Game", Runner: app.RunnerSpec{Type: app.TypeProcess, Args: []string{o.Executable, "demo"}, Gamepads: true}}
	s := h.launch(request("a", spec))
	if err := s.Pad(pad.State{Active: 1}); err != nil {
		t.Fatal(err)
	}
	h.says(1, "gamepad", "plugged in")
	h.plant = func(*Session) { _ = os.MkdirAll(u.Path("sys/devices/virtual/input/input40"), 0o755) }
	if r := h.endWithReceipt(s, receipts); len(r.Residue) != 1 || r.Residue[0] != "gamepad input40" {
		t.Errorf("residue %q", r.Residue)
	}
}

// TestGamepadsThatNobodyGets are told once, with what to do.
func TestGamepadsThatNobodyGets(t *testing.T) {
	u := padtest.New(t)
	if err := os.Remove(u.Path("dev/uinput")); err != nil {
		t.Fatal(err)
	}
	o := options(t)
	o.Pads = u.Machine()
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	for client, cure := range map[string]string{"a": "gamepads = true", "b": "modprobe uinput"} {
		spec := app.Spec{ID: 1, Slug: "game", Title: "Game", Runner: app.RunnerSpec{Type: app.TypeProcess, Args: []string{o.Executable, "demo"}, Gamepads: client == "b"}}
		s := h.launch(request(client, spec))
		for range 3 {
			if err := s.Pad(pad.State{Active: 1}); err == nil || !strings.Contains(err.Error(), cure) {
				t.Errorf("it is %v", err)
			}
		}
		told := 0
		h.says(1, "warning", cure)
		for _, e := range h.seen() {
			if strings.Contains(e.Attrs["warning"], cure) {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%s: told %d times", cure, told)
		}
	}
}

// gamepadScript waits for a gamepad, tells what the container has of it, and waits
// for its end. Opening the node fails for want of a driver alone (ENXIO), where
// the container may open it.
const gamepadScript = `
n=/dev/input/event3
until [ -c $n ] && [ -s /run/udev/data/c13:900 ]; do sleep 0.05; done
ls -ln $n 2>&1; cat /run/udev/data/c13:900; ls /run/udev/control
cat $n 2>&1
touch /run/udev/data/mine 2>&1
mknod /run/kennel/other c 13 901 2>&1
echo all told
while [ -e $n ] || [ -e /run/udev/data/c13:900 ]; do sleep 0.05; done
echo it is gone
exec sleep 100
`

// TestGamepadsOfAContainer: the node, its description and udev's news are in the
// container, which may open that node and make none.
func TestGamepadsOfAContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root may make device files")
	}
	u := padtest.New(t)
	d := enginetest.Shared(t)
	o := dockOptions(t, d)
	o.Pads = u.Machine()
	receipts := make(chan Receipt, 10)
	o.Receipt = func(r Receipt) { receipts <- r }
	d.Import(image, map[string]string{"/usr/bin/kennel": o.Executable})
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	for n, user := range []string{"", "root"} {
		spec := boxed("sh", "-c", strings.NewReplacer("event3", fmt.Sprintf("event%d", 3+n), "900", fmt.Sprint(padtest.FirstMinor+2*n)).Replace(gamepadScript))
		spec.Runner.Gamepads, spec.Runner.User = true, user
		s := h.launch(request("a"+user, spec))
		if err := s.Pad(pad.State{Number: 0, Active: 1}); err != nil {
			t.Fatal(err)
		}
		out := h.output(s, "all told")
		for _, want := range []string{
			"crw-rw-rw-", fmt.Sprintf(" 13, %d", padtest.FirstMinor+2*n), "E:ID_INPUT_JOYSTICK=1", "/run/udev/control", "No such device or address", "Read-only file system",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("user %q: no %q in\n%s", user, want, out)
			}
		}
		if !strings.Contains(out, "mknod: /run/kennel/other: Operation not permitted") {
			t.Errorf("user %q makes nodes:\n%s", user, out)
		}
		if err := s.Pad(pad.State{}); err != nil {
			t.Fatal(err)
		}
		h.output(s, "it is gone")
		if r := h.endWithReceipt(s, receipts); r.Fault() != "" || u.Open() != 0 {
			t.Errorf("residue %q, %d open", r.Residue, u.Open())
		}
	}
	h.noContainer(d)
}

// TestAContainerWithoutTheRule may not open an input device: the rule is what
// lets the others.
func TestAContainerWithoutTheRule(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root may make device files")
	}
	h, d, receipts := dock(t)
	spec := boxed("sh", "-c", "mknod /tmp/event c 13 900; cat /tmp/event 2>&1; ls /run/udev 2>&1; echo all told; exec sleep 100")
	spec.Runner.User = "root"
	s := h.launch(request("a", spec))
	out := h.output(s, "all told")
	for _, want := range []string{"/tmp/event': Operation not permitted", "/run/udev: No such file or directory"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	h.endWithReceipt(s, receipts)
	h.noContainer(d)
}

// TestAnotherContainerOfTheSession: one that is started again finds the gamepads
// that are there.
func TestAnotherContainerOfTheSession(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root may make device files")
	}
	u := padtest.New(t)
	d := enginetest.Shared(t)
	o := dockOptions(t, d)
	o.Pads = u.Machine()
	receipts := make(chan Receipt, 10)
	o.Receipt = func(r Receipt) { receipts <- r }
	d.Import(image, map[string]string{"/usr/bin/kennel": o.Executable})
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	h.restartDelay = 10 * time.Millisecond
	// The first of them ends with the gamepad, whose number says how many there were.
	spec := boxed("sh", "-c", "until [ -c /dev/input/event3 ]; do sleep 0.05; done; echo found; [ -e /home/retro/once ] && echo found again && exec sleep 100; touch /home/retro/once; exit 1")
	spec.Runner.Gamepads, spec.Runner.OnCrash = true, app.Restart
	s := h.launch(request("a", spec))
	if err := s.Pad(pad.State{Active: 1}); err != nil {
		t.Fatal(err)
	}
	h.output(s, "found again")
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || u.Open() != 0 {
		t.Errorf("residue %q, %d open", r.Residue, u.Open())
	}
	h.noContainer(d)
}
