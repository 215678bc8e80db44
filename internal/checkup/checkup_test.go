package checkup

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/config"
)

func TestReportIsNarrowAndCounts(t *testing.T) {
	r := Report{Items: []Item{
		ok("one", "works"),
		lacks("two", Warning, "install a thing whose name is long, and then another thing, and restart the host", "%s", strings.Repeat("word ", 40)),
		lacks("three", Missing, "", "gone"),
	}}
	var b strings.Builder
	if err := r.Render(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"ok       one           works\n", "-> install", "not ready: 1 ok, 1 warnings, 1 missing\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// only returns the one item, of the wanted state, whose text has the words.
func only(t *testing.T, items []Item, want State, words ...string) {
	t.Helper()
	if len(items) != 1 || items[0].State != want {
		t.Fatalf("want one item, %s: %+v", want, items)
	}
	for _, w := range words {
		if text := items[0].Found + " -> " + items[0].Cure; !strings.Contains(text, w) {
			t.Errorf("no %q in %q", w, text)
		}
	}
	if want == Missing && items[0].Cure == "" {
		t.Errorf("%s is missing and has no cure", items[0].Name)
	}
}

func TestPortsThatAreTaken(t *testing.T) {
	o := Options{Config: config.Default()}
	o.Config.Listen.Address = "127.0.0.1"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	o.Config.Ports.RTSP = port
	items := checkPorts(t.Context(), nil, &o)
	only(t, items, Missing, fmt.Sprintf("rtsp (TCP %d)", port), "--port BASE")
	o.Running = true
	only(t, checkPorts(t.Context(), nil, &o), OK, "which is up")

	o.Running, o.Config.Listen.Address = false, "192.0.2.77"
	only(t, checkPorts(t.Context(), nil, &o), Missing, "cannot be bound", "[listen]")
}

func TestDiscoveryNeedsAnInterface(t *testing.T) {
	o := Options{Config: config.Default()}
	o.Config.Discovery.Interfaces = []string{"no-such-interface"}
	only(t, checkDiscovery(t.Context(), nil, &o), Warning, "no network interface", "type the address")
	o.Config.Discovery.MDNS = config.MDNSOff
	only(t, checkDiscovery(t.Context(), nil, &o), OK, "off")
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	only(t, []Item{checkDirectory("data", dir, "")}, OK)
	only(t, []Item{checkDirectory("data", filepath.Join(dir, "a", "b"), "")}, OK, "will be made")
	only(t, []Item{checkDirectory("data", file, "--data DIR")}, Missing, "no directory", "--data DIR")
	only(t, []Item{checkDirectory("data", filepath.Join(file, "below"), "--data DIR")}, Missing, "--data DIR")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	only(t, []Item{checkDirectory("data", dir, "")}, Warning, "0755", "chmod 700")

	long := &Options{Data: dir, Runtime: "/tmp/" + strings.Repeat("x", 100)}
	items := checkDirectories(t.Context(), nil, long)
	only(t, items[len(items)-1:], Missing, "too long", "XDG_RUNTIME_DIR")
	long = &Options{Data: "/tmp/" + strings.Repeat("x", 100), Runtime: dir}
	only(t, checkDirectories(t.Context(), nil, long)[:1], Missing, "too long", "--data DIR")
}

func TestSecretsThatOthersMayRead(t *testing.T) {
	dir := t.TempDir()
	if items := checkSecrets(dir); len(items) != 0 {
		t.Errorf("there are none yet: %+v", items)
	}
	key := filepath.Join(dir, "host.key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	only(t, checkSecrets(dir), OK)
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	only(t, checkSecrets(dir), Missing, "0640", "chmod 600 "+key)
}

func TestMachine(t *testing.T) {
	meminfo := func(kib int) fstest.MapFS {
		return fstest.MapFS{"proc/meminfo": {Data: fmt.Appendf(nil, "MemTotal: 99 kB\nMemAvailable:    %d kB\n", kib)}}
	}
	only(t, []Item{checkMemory(meminfo(4 << 20))}, OK, "4096 MiB")
	only(t, []Item{checkMemory(meminfo(100 << 10))}, Warning, "100 MiB")
	only(t, []Item{checkMemory(fstest.MapFS{})}, Warning)
	only(t, []Item{checkShared("/no/such/directory")}, Warning, "tmpfs")
	only(t, []Item{checkGPUs(fstest.MapFS{})}, OK, "none")
	only(t, []Item{checkGPUs(fstest.MapFS{"dev/dri/renderD199": {}})}, Warning, "/dev/dri/renderD199", "group")
	if hasFont(fstest.MapFS{"usr/share/fonts/readme": {}}) {
		t.Error("a readme is no font")
	}
	for _, name := range []string{"usr/share/fonts/a/b.ttf", "usr/local/share/fonts/c.pcf.gz"} {
		if !hasFont(fstest.MapFS{name: {}}) {
			t.Errorf("%s is a font", name)
		}
	}
}

func TestWhatIsOffIsNotMissed(t *testing.T) {
	o := Options{Config: config.Default()}
	o.Config.Audio.Server, o.Config.Process.Cgroup, o.Config.Process.Isolation = config.AudioOff, config.CgroupOff, config.IsolationOff
	only(t, checkSound(t.Context(), nil, &o), OK, "off")
	only(t, checkCgroups(t.Context(), nil, &o), OK, "off")
	only(t, checkIsolation(t.Context(), nil, &o), Warning, "off", "isolation =")
}

func TestASoundServerThatIsNotThere(t *testing.T) {
	o := Options{Config: config.Default()}
	o.Config.Audio.Server = "/no/such/pulseaudio"
	items := checkSound(t.Context(), nil, &o)
	only(t, items[:1], Warning, "no sound", "apt install")
}
