package meter

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The files of testdata/fdinfo are written after the kernel's documentation
// (Documentation/gpu/drm-usage-stats.rst) and what its drivers print: none was
// recorded on a machine with such a GPU.

func fixture(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/fdinfo", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// put makes files that a process has open.
func put(t *testing.T, root string, pid int, texts ...string) {
	t.Helper()
	dir := filepath.Join(root, strconv.Itoa(pid), "fdinfo")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDRMClients: recordings in the form of the kernel's documentation; one
// opening with two descriptors counts once.
func TestDRMClients(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "77", "fdinfo")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"amdgpu", "amdgpu", "i915", "xe"} {
		raw, err := os.ReadFile(filepath.Join("testdata/fdinfo", name+".txt"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "9"), []byte("pos:\t0\nflags:\t02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Proc(root).DRMClients(77)
	want := []DRMClient{
		{Driver: "amdgpu", Device: "0000:0a:00.0", ID: "42", Memory: Exactly(100 << 20), Busy: Exactly(123457789)},
		{Driver: "i915", Device: "0000:00:02.0", ID: "7", Memory: Exactly(10 << 20), Busy: Exactly(25662044495)},
		{Driver: "xe", Device: "0000:03:00.0", ID: "9", Memory: Exactly(1536 << 20)},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if none, err := Proc(root).DRMClients(78); err != nil || len(none) != 0 {
		t.Errorf("a dead process: %v, %v", none, err)
	}
}

// TestDRMOfSharedFiles: a descriptor that was handed to another process is the
// same opening; the same client id of another device is not.
func TestDRMOfSharedFiles(t *testing.T) {
	root := t.TempDir()
	amd, intel, xe := fixture(t, "amdgpu"), fixture(t, "i915"), fixture(t, "xe")
	put(t, root, 77, "pos:\t0\n", amd, amd, intel)
	put(t, root, 78, amd, xe, xe)
	put(t, root, 79, strings.Replace(amd, "0000:0a:00.0", "0000:0b:00.0", 1))
	d := DRM{Proc: Proc(root)}
	for _, c := range []struct {
		pids []int
		mib  int
	}{
		{[]int{77}, 110}, {[]int{78}, 1636}, {[]int{77, 78}, 1646}, {[]int{77, 79}, 210}, {[]int{77, 80}, 110}, {nil, 0},
	} {
		if v, err := d.Of(c.pids); err != nil || v != Exactly(c.mib<<20) {
			t.Errorf("processes %v hold %v, %v, want %d MiB", c.pids, v, err, c.mib)
		}
	}
	// A driver that does not answer is an error, not less memory.
	if err := os.Mkdir(filepath.Join(root, "77/fdinfo/9"), 0o700); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Of([]int{77, 78}); err == nil || v.Known {
		t.Errorf("with a file that cannot be read: %v, %v", v, err)
	}
}

// TestDRMOfAStranger: what may not be looked into is unknown.
func TestDRMOfAStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become a stranger")
	}
	root := t.TempDir()
	put(t, root, 77, fixture(t, "amdgpu"))
	// The files belong to root; this thread, which is not used again, has no
	// right to them.
	type answer struct {
		v   Value
		err error
	}
	answers := make(chan answer)
	go func() {
		runtime.LockOSThread()
		err := unix.Setfsuid(65534)
		v, of := DRM{Proc: Proc(root)}.Of([]int{77})
		answers <- answer{v, errors.Join(err, of)}
	}()
	if a := <-answers; a.err != nil || a.v.Known {
		t.Errorf("a stranger's: %v, %v", a.v, a.err)
	}
}

// TestFindDRM leaves out what NVML measures, and tells of a GPU that vanishes.
func TestFindDRM(t *testing.T) {
	root := t.TempDir()
	for node, driver := range map[string]string{"renderD128": "nvidia", "renderD129": "amdgpu", "renderD130": ""} {
		link := filepath.Join(root, "sys/class/drm", node, "device")
		err := errors.Join(os.MkdirAll(link, 0o700), os.MkdirAll(filepath.Join(root, "dev/dri"), 0o700), os.WriteFile(filepath.Join(root, "dev/dri", node), nil, 0o600))
		if driver != "" {
			err = errors.Join(err, os.Symlink("../../bus/pci/drivers/"+driver, filepath.Join(link, "driver")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d := FindDRM(root)
	want := []string{filepath.Join(root, "dev/dri/renderD129"), filepath.Join(root, "dev/dri/renderD130")}
	if diff := cmp.Diff(want, d.Nodes); diff != "" || d.Check() != nil {
		t.Errorf("%v\n%s", d.Check(), diff)
	}
	if err := os.Remove(want[0]); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), want[0]) {
		t.Errorf("a GPU that vanished: %v", err)
	}
	if d := FindDRM(t.TempDir()); len(d.Nodes) != 0 {
		t.Errorf("nodes %v on a machine without", d.Nodes)
	}
}

func FuzzFDInfo(f *testing.F) {
	for _, name := range []string{"amdgpu", "i915", "xe"} {
		raw, err := os.ReadFile("testdata/fdinfo/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, text string) { parseFDInfo(text) })
}
