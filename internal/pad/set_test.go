package pad_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/pad/padtest"
)

const patience = 20 * time.Second

// seat is a Set with a machine of its own.
type seat struct {
	*pad.Set
	*padtest.Uinput
	t    testing.TB
	stop func() // ends it and waits

	mu    sync.Mutex // covers what follows
	notes []string
}

func open(t *testing.T, prepare ...func(*padtest.Uinput, *pad.Options)) *seat {
	t.Helper()
	s := &seat{Uinput: padtest.New(t), t: t}
	o := pad.Options{Machine: s.Machine(), Owner: &pad.Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}, Note: s.note}
	for _, p := range prepare {
		p(s.Uinput, &o)
	}
	var err error
	if s.Set, err = pad.Open(o); err != nil {
		t.Fatal(err)
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.Run(over)
	}()
	s.stop = sync.OnceFunc(func() {
		close(over)
		<-done
	})
	t.Cleanup(s.stop)
	return s
}

func (s *seat) note(pairs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, strings.Join(pairs, " "))
}

func (s *seat) noted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.notes, "\n")
}

// apply hands on a state.
func (s *seat) apply(to pad.State) {
	s.t.Helper()
	if err := s.Apply(to); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for what the machine shows, which changes with its requests.
func (s *seat) until(what string, is func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		changed := s.Changed()
		if is() {
			return
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond): // some of it follows the last request
		case <-deadline:
			s.t.Fatalf("never: %s\nnotes:\n%s", what, s.noted())
		}
	}
}

func (s *seat) there(name string) bool {
	_, err := os.Lstat(s.Path(name))
	return err == nil
}

// TestAGamepadComesAndGoes: it is there from its first state on, until the
// client's mask does not name it any more.
func TestAGamepadComesAndGoes(t *testing.T) {
	s := open(t)
	s.apply(pad.State{Number: 0, Active: 1})
	s.until("a gamepad", func() bool { return s.Count() == 1 && s.there("dev/input/event3") })
	s.apply(pad.State{Number: 2, Active: 5, Buttons: pad.A})
	s.until("a second one whose button is down", func() bool { return s.Count() == 2 && len(s.Written()) > 0 })
	s.apply(pad.State{Number: 0, Active: 4})
	s.until("the first one gone", func() bool { return s.Count() == 1 && !s.there("dev/input/event3") && s.there("dev/input/event4") })
	if left := s.Left(); len(left) != 1 || left[0] != "gamepad input41" {
		t.Errorf("the machine has %q", left)
	}
	before := len(s.Written())
	s.Rest()
	s.until("the button is let go", func() bool { return len(s.Written()) == 2*before })
	s.stop()
	if s.Count() != 0 || s.Open() != 0 || s.there("dev/input/event4") || len(s.Left()) > 0 {
		t.Errorf("left: %d gamepads, %d open, %q", s.Count(), s.Open(), s.Left())
	}
	if err := s.Apply(pad.State{Active: 1}); err != nil || s.Open() != 0 {
		t.Errorf("after the end: %v", err)
	}
}

// TestWhatAGamepadHas: the kernel is asked for its keys and axes before it makes
// the device.
func TestWhatAGamepadHas(t *testing.T) {
	s := open(t)
	s.apply(pad.State{Active: 1})
	s.until("a gamepad", func() bool { return s.Count() == 1 })
	kinds := map[uint]int{}
	for _, r := range s.Requests() {
		if kinds[0x5501] > 0 && r.Number != 0x8040552c {
			t.Errorf("%#x is asked for after the device was made", r.Number)
		}
		kinds[r.Number]++
	}
	want := map[uint]int{0x40045564: 2, 0x40045565: 11, 0x40045567: 8, 0x401c5504: 8, 0x405c5503: 1, 0x5501: 1, 0x8040552c: 1}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("requests %x, want %x", kinds, want)
	}
}

// TestNodesAreTheUsers: the session's user may open them, and nobody else.
func TestNodesAreTheUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root may give files away")
	}
	s := open(t, func(_ *padtest.Uinput, o *pad.Options) { o.Owner = &pad.Owner{UID: 61234, GID: 61235} })
	s.apply(pad.State{Active: 1})
	s.until("it is plugged in", func() bool { return strings.Contains(s.noted(), "plugged in number 0") })
	for _, name := range []string{"event3", "js0"} {
		var st unix.Stat_t
		if err := unix.Stat(s.Path("dev/input/"+name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Uid != 61234 || st.Gid != 61235 || st.Mode&0o777 != 0o600 {
			t.Errorf("%s belongs to %d:%d, mode %o", name, st.Uid, st.Gid, st.Mode)
		}
	}
}

// TestUdevHasTheFirstWordAndNotTheLast: where udev runs, it gives a new node to
// a group; the session's user has it after that.
func TestUdevHasTheFirstWordAndNotTheLast(t *testing.T) {
	s := open(t, func(u *padtest.Uinput, _ *pad.Options) {
		for name, dir := range map[string]bool{"run/udev/data": true, "run/udev/control": false} {
			if dir {
				_ = os.MkdirAll(u.Path(name), 0o755)
			}
		}
		if err := os.WriteFile(u.Path("run/udev/control"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	s.apply(pad.State{Active: 1})
	s.until("a gamepad", func() bool { return s.Count() == 1 })
	if err := os.Chmod(s.Path("dev/input/event3"), 0o660); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := os.WriteFile(s.Path(fmt.Sprintf("run/udev/data/c13:%d", padtest.FirstMinor+i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.until("it is plugged in", func() bool { return strings.Contains(s.noted(), "plugged in") })
	if info, err := os.Stat(s.Path("dev/input/event3")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the node is %v, %v", info, err)
	}
}

// TestAMachineWithoutUinput: the client is told once, with the cure.
func TestAMachineWithoutUinput(t *testing.T) {
	s := open(t, func(u *padtest.Uinput, _ *pad.Options) { _ = os.Remove(u.Path("dev/uinput")) })
	for range 3 {
		if err := s.Apply(pad.State{Active: 1}); err == nil || !strings.Contains(err.Error(), "modprobe uinput") {
			t.Errorf("it is %v", err)
		}
	}
	if n := strings.Count(s.noted(), "warning the client has a gamepad, which its app does not get"); n != 1 {
		t.Errorf("noted %d times:\n%s", n, s.noted())
	}
}

// TestWhatTheKernelRefuses leaves nothing open, is told once, and is tried again
// when the gamepad is plugged in anew.
func TestWhatTheKernelRefuses(t *testing.T) {
	for _, request := range []uint{0x405c5503, 0x401c5504, 0x5501, 0x8040552c} {
		s := open(t)
		s.Refuse(request, unix.EINVAL)
		for range 3 {
			s.apply(pad.State{Active: 1})
		}
		s.until("a warning", func() bool { return strings.Contains(s.noted(), "warning a gamepad of the client: ") })
		s.Refuse(request, nil)
		s.apply(pad.State{Active: 1, Buttons: pad.A})
		s.apply(pad.State{Number: 1, Active: 2})
		s.until("another gamepad", func() bool { return s.Count() == 1 })
		if n := strings.Count(s.noted(), "warning"); n != 1 || s.Open() != 1 {
			t.Errorf("%#x: %d warnings, %d open:\n%s", request, n, s.Open(), s.noted())
		}
		s.apply(pad.State{Number: 0, Active: 3})
		s.until("the first one after all", func() bool { return s.Count() == 2 })
		s.stop()
	}
}

// TestPluggingInHasAnEnd: each device is news for the whole machine.
func TestPluggingInHasAnEnd(t *testing.T) {
	s := open(t)
	for i := range 300 {
		s.apply(pad.State{Active: 1})
		s.until("in, or refused", func() bool { return s.Count() == 1 || strings.Contains(s.noted(), "launch it again") })
		s.apply(pad.State{})
		s.until("out", func() bool { return s.Count() == 0 })
		if i > 256 && !strings.Contains(s.noted(), "more than 256") {
			t.Fatalf("%d were made", i)
		}
	}
	made := 0
	for _, r := range s.Requests() {
		if r.Number == 0x5501 {
			made++
		}
	}
	if made != 256 {
		t.Errorf("%d were made", made)
	}
}

// TestAQuickClientIsBounded: a state that finds the queue full takes the place of
// the last one of its gamepad.
func TestAQuickClientIsBounded(t *testing.T) {
	u := padtest.New(t)
	s, err := pad.Open(pad.Options{Machine: u.Machine(), Note: func(...string) {}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := s.Apply(pad.State{Active: 1, Buttons: uint32(i%2) * pad.A, LeftX: int16(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Apply(pad.State{Number: 1, Active: 3}); !errors.Is(err, pad.ErrBehind) {
		t.Errorf("another one finds room: %v", err)
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.Run(over)
	}()
	const event = 24
	last := fmt.Sprintf("%x", int16(999))
	deadline := time.After(patience)
	for found := false; !found; {
		changed := u.Changed()
		w := u.Written()
		for ; len(w) >= event; w = w[event:] {
			found = found || w[16] == 3 && w[18] == 0 && fmt.Sprintf("%x", int16(w[20])|int16(w[21])<<8) == last
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("the last state never came")
		default:
		}
	}
	close(over)
	<-done
}

// TestDescriptions: a container's /run/udev tells of the gamepads that there are,
// and of none that are gone.
func TestDescriptions(t *testing.T) {
	dir := t.TempDir() + "/udev"
	s := open(t, func(_ *padtest.Uinput, o *pad.Options) { o.Directory = dir })
	if _, err := os.Stat(dir + "/control"); err != nil {
		t.Error(err)
	}
	name := fmt.Sprintf("%s/data/c13:%d", dir, padtest.FirstMinor)
	s.apply(pad.State{Active: 1})
	s.until("it is plugged in", func() bool { return strings.Contains(s.noted(), "plugged in") })
	text, err := os.ReadFile(name)
	if info, _ := os.Stat(name); err != nil || !strings.Contains(string(text), "E:ID_INPUT_JOYSTICK=1\n") || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v\n%s", info, err, text)
	}
	s.apply(pad.State{})
	s.until("it is unplugged", func() bool { return strings.Contains(s.noted(), "unplugged") })
	if entries, err := os.ReadDir(dir + "/data"); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	// Who owns the directory around it may put a link there.
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	trap := t.TempDir()
	if err := os.MkdirAll(trap+"/data", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(trap, dir); err != nil {
		t.Fatal(err)
	}
	s.apply(pad.State{Active: 1})
	s.until("it is plugged in again", func() bool { return strings.Count(s.noted(), "plugged in") == 2 })
	if entries, err := os.ReadDir(trap + "/data"); err != nil || len(entries) > 0 {
		t.Errorf("a link was followed: %v, %v", entries, err)
	}
}
