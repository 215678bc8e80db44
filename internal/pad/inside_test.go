package pad

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// alone runs a program in namespaces of its own, and returns it with what it
// prints.
func alone(t *testing.T, flags, script string) (*Inside, *bufio.Reader) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root may make namespaces and nodes")
	}
	cmd := exec.Command("unshare", append(strings.Fields(flags), "sh", "-ec", script)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	next(t, lines, "ready")
	return &Inside{PID: cmd.Process.Pid, Alive: func() bool { return true }}, lines
}

// next reads a line, and fails when it is another one. The script ends by itself
// when it waits too long.
func next(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	got, err := lines.ReadString('\n')
	if got = strings.TrimSpace(got); err != nil || got != want {
		t.Fatalf("the script says %q, want %q (%v)", got, want, err)
	}
}

// TestNodesInside: they are made and removed in a /dev that only the container
// sees, for whoever is in it.
func TestNodesInside(t *testing.T) {
	in, _ := alone(t, "-m", "mount -t tmpfs none /dev; echo ready; read end || true")
	other := node{name: "js0", minor: 901}
	nodes := []node{{name: "event900", minor: 900}, other}
	for range 2 { // the second time they are there
		if err := in.put(nodes); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join("/proc", strconv.Itoa(in.PID), "root/dev/input")
	var s unix.Stat_t
	if err := unix.Stat(dir+"/event900", &s); err != nil {
		t.Fatal(err)
	}
	if s.Rdev != unix.Mkdev(13, 900) || s.Mode != unix.S_IFCHR|0o666 {
		t.Errorf("the node is %d of mode %o", s.Rdev, s.Mode)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory is %v, %v", info, err)
	}
	if _, err := os.Lstat("/dev/input/event900"); err == nil {
		t.Error("the host has the node, too")
	}
	// What the container put in its place is not ours to remove.
	if err := os.Remove(dir + "/js0"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/js0", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := in.put([]node{other}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a file in place of a node: %v", err)
	}
	if err := in.take(nodes); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "js0" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestLinksInsideLeadNowhere: a container that puts a link in place of /dev or
// /dev/input has no node made elsewhere on the host.
func TestLinksInsideLeadNowhere(t *testing.T) {
	trap := t.TempDir()
	if err := os.MkdirAll(trap+"/input", 0o700); err != nil {
		t.Fatal(err)
	}
	in, _ := alone(t, "-m", "mount -t tmpfs none /dev; ln -s "+trap+" /dev/input; echo ready; read end || true")
	for _, what := range []func([]node) error{in.put, in.take} {
		if err := what([]node{sample}); !errors.Is(err, unix.ELOOP) {
			t.Errorf("a link for /dev/input: %v", err)
		}
	}
}

// TestNobodyIsMistaken: the number of a process that has ended may be another's.
func TestNobodyIsMistaken(t *testing.T) {
	gone := &Inside{PID: os.Getpid(), Alive: func() bool { return false }}
	for _, err := range []error{gone.put([]node{sample}), gone.take([]node{sample}), gone.tell(nil)} {
		if !errors.Is(err, errEnded) {
			t.Errorf("a container that has ended: %v", err)
		}
	}
}

// TestNewsInside: what is sent arrives in the container's network and nowhere
// else, and the thread that was there never serves others.
func TestNewsInside(t *testing.T) {
	in, _ := alone(t, "-n", "echo ready; read end || true")
	space, err := in.entry("ns/net", unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(space) }()
	inner, outer := listen(t, space), listen(t, -1)
	want := [][]byte{news(added, sample, 1, 5), news(removed, sample, 2, 6)}
	if err := in.tell(want); err != nil {
		t.Fatal(err)
	}
	for _, m := range want {
		buf := make([]byte, 4096)
		n, from, err := unix.Recvfrom(inner, buf, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(m), string(buf[:n])); diff != "" {
			t.Error(diff)
		}
		if from.(*unix.SockaddrNetlink).Groups != 1<<(udevGroup-1) {
			t.Errorf("it came to the groups %b", from.(*unix.SockaddrNetlink).Groups)
		}
	}
	if n, _, err := unix.Recvfrom(outer, make([]byte, 4096), unix.MSG_DONTWAIT); err == nil && n > 0 {
		t.Error("the host heard it, too")
	}
	// Nobody listens: no error, and this process is where it was.
	if err := (&Inside{PID: os.Getpid(), Alive: in.Alive}).tell(want); err != nil {
		t.Error(err)
	}
	if n, _, err := unix.Recvfrom(outer, make([]byte, 4096), unix.MSG_DONTWAIT); err == nil && n > 0 {
		t.Error("a container with the host's network makes the host hear twice")
	}
}

// TestShow: the news of a device comes when its nodes are there, one message for
// each.
func TestShow(t *testing.T) {
	in, _ := alone(t, "-m -n", "mount -t tmpfs none /dev; echo ready; read end || true")
	space, err := in.entry("ns/net", unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(space) }()
	heard := listen(t, space)
	s := &Set{warned: map[string]bool{}, o: Options{Note: func(pairs ...string) { t.Errorf("noted: %q", pairs) }}}
	d := &device{nodes: []node{sample, {name: "js0", minor: 0, path: "/devices/virtual/input/input40/js0"}}}
	sequence := 0
	for _, what := range []action{added, removed} {
		s.show(in, d, what)
		for _, n := range d.nodes {
			_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(in.PID), "root/dev/input", n.name))
			if there := err == nil; there != (what == added) {
				t.Errorf("%s: the node %s is there: %t", what, n.name, there)
			}
			sequence++
			buf := make([]byte, 4096)
			got, _, err := unix.Recvfrom(heard, buf, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"ACTION=" + string(what), "DEVPATH=" + n.path, "SEQNUM=" + strconv.Itoa(sequence)} {
				if !strings.Contains("\x00"+string(buf[newsHeader:got]), "\x00"+want+"\x00") {
					t.Errorf("no %s in %q", want, buf[:got])
				}
			}
		}
	}
}

// listen opens a socket in udev's group, in a network namespace or this one.
func listen(t *testing.T, space int) (s int) {
	t.Helper()
	open := func() (err error) {
		if s, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT); err != nil {
			return err
		}
		return errors.Join(
			unix.Bind(s, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (udevGroup - 1)}),
			unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}),
		)
	}
	err := error(nil)
	if space < 0 {
		err = open()
	} else {
		err = within(space, open)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	return s
}

// TestTheFirstThreadStays: whoever looks at this program by its number sees the
// first thread, which must not be left in another network.
func TestTheFirstThreadStays(t *testing.T) {
	in, _ := alone(t, "-n", "echo ready; read end || true")
	space, err := in.entry("ns/net", unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(space) }()
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		there := ""
		if err := within(space, func() (err error) {
			there, err = os.Readlink("/proc/thread-self/ns/net")
			return err
		}); err != nil || there == before {
			t.Fatalf("it was done in %s, %v", there, err)
		}
	}
	if after, err := os.Readlink("/proc/self/ns/net"); err != nil || after != before {
		t.Errorf("the program is in %s, and was in %s (%v)", after, before, err)
	}
}

// libudev listens as SDL does, and says what it heard.
const libudev = `
import ctypes, select, sys
u = ctypes.CDLL("libudev.so.1")
for f in ("udev_new", "udev_monitor_new_from_netlink", "udev_monitor_receive_device"): getattr(u, f).restype = ctypes.c_void_p
for f in ("action", "devnode", "subsystem", "syspath"): getattr(u, "udev_device_get_" + f).restype = ctypes.c_char_p
u.udev_device_get_property_value.restype = ctypes.c_char_p
p, s = ctypes.c_void_p, ctypes.c_char_p
m = p(u.udev_monitor_new_from_netlink(p(u.udev_new()), s(b"udev")))
u.udev_monitor_filter_add_match_subsystem_devtype(m, s(b"input"), None)
u.udev_monitor_enable_receiving(m)
fd = u.udev_monitor_get_fd(m)
print("ready", flush=True)
for _ in range(2):
    if not select.select([fd], [], [], 20)[0]: sys.exit("nothing is heard")
    d = u.udev_monitor_receive_device(m)
    if not d: sys.exit("what is heard is refused")
    print(*(getattr(u, "udev_device_get_" + f)(p(d)).decode() for f in ("action", "devnode", "subsystem", "syspath")),
        (u.udev_device_get_property_value(p(d), s(b"ID_INPUT_JOYSTICK")) or b"-").decode(), flush=True)
`

// TestLibudevHears: the library by which games find gamepads takes the messages
// for udev's, through its filter for the subsystem.
func TestLibudevHears(t *testing.T) {
	if exec.Command("python3", "-c", `import ctypes; ctypes.CDLL("libudev.so.1")`).Run() != nil {
		t.Skip("NOT TESTED: there is no python3 with libudev: apt install python3 libudev1")
	}
	script := filepath.Join(t.TempDir(), "listen.py")
	if err := os.WriteFile(script, []byte(libudev), 0o644); err != nil {
		t.Fatal(err)
	}
	in, lines := alone(t, "-m -n", "mount -t tmpfs none /run; mkdir /run/udev; : > /run/udev/control; exec python3 "+script)
	if err := in.tell([][]byte{news(added, sample, 1, 5), news(removed, sample, 2, 6)}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"add", "remove"} {
		next(t, lines, what+" /dev/input/event7 input /sys/devices/virtual/input/input40/event7 1")
	}
}
