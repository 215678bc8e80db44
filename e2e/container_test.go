package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
)

const boxImage = "kennel/desk:1"

// desk makes an image with the demo app and, where asked for, foot with all that it needs.
func desk(t testing.TB, programs ...string) *enginetest.Docker {
	t.Helper()
	d := enginetest.Start(t)
	files := map[string]string{"/usr/bin/kennel": kennel(t)}
	for _, program := range programs {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = path
		for _, library := range libraries(t, path) {
			files[library] = library
		}
	}
	if len(programs) > 0 {
		for _, dir := range []string{"/etc/fonts", "/usr/share/fontconfig", "/usr/share/fonts/truetype/dejavu", "/usr/share/X11/xkb", "/usr/share/terminfo", "/lib/terminfo", "/usr/lib/locale/C.utf8", "/etc/xdg/foot"} {
			if _, err := os.Stat(dir); err == nil {
				files[dir] = dir
			}
		}
	}
	d.Import(boxImage, files)
	return d
}

var libraryPath = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// libraries are what a program is linked with, its loader as well.
func libraries(t testing.TB, program string) (paths []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range libraryPath.FindAllStringSubmatch(string(out), -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// boxConfig is a host with one app in a container.
func boxConfig(d *enginetest.Docker, title string, env []string, args ...string) string {
	return fmt.Sprintf("version = 1\n[docker]\nsocket = %q\n[[apps]]\ntitle = %q\n[apps.runner]\ntype = \"docker\"\nimage = %q\npull = \"never\"\nnetwork = \"none\"\nargs = %s\nenv = %s\n",
		d.Socket, title, boxImage, tomlList(args), tomlList(env))
}

func containersOf(t testing.TB, d *enginetest.Docker) []engine.Container {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	all, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// everything is what Docker has: containers, volumes, networks.
func everything(t testing.TB, d *enginetest.Docker) string {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	all, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	more, err := e.Belongings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all, more)
}

// TestFootInAContainer is the whole connection with a container as its app: keys
// and clicks go in, pictures come out, a return in another size works, and
// nothing is left of it.
func TestFootInAContainer(t *testing.T) {
	needs(t, "foot", "ldd")
	d := desk(t, "foot")
	before := everything(t, d)
	args := append(append([]string{"foot"}, vivid...), "sh", "-c", painter)
	s, me := pairedServer(t, boxConfig(d, "Box", []string{"LANG=C.UTF-8"}, args...))
	then := s.look()
	for i, script := range []func(*flight){paintsAtClicks, paintsInAnotherSize} {
		s.fly(t, me, "Box", sizes[i][0], sizes[i][1], i == 0, func(f *flight) {
			script(f)
			f.png(fmt.Sprint(i + 1))
		})
	}
	s.expectSame(t, then)
	waitFor(t, "Docker as it was", func() bool { return everything(t, d) == before })
	s.noGroups(t)
}

// entrypoint does what those of games-on-whales' images do: it begins as root,
// takes its runtime directory over for the user PUID, becomes that one, and runs
// the app in a sway of the size that it is told.
const entrypoint = `set -e
test "$(id -u)" = 0 && test "$RUN_SWAY" = 1 && test -z "$GDK_BACKEND$QT_QPA_PLATFORM$SDL_VIDEODRIVER$XDG_SESSION_TYPE"
busybox chown -R "$PUID:$PGID" "$XDG_RUNTIME_DIR" "$HOME"
cd "$HOME"
busybox mkdir -p .config/sway /tmp
printf '%s\n' "$1" >/painter
shift
{ echo "output * resolution ${GAMESCOPE_WIDTH}x${GAMESCOPE_HEIGHT} position 0,0"
  echo "default_border none"
  echo "workspace main; exec $* sh /painter && busybox killall sway"; } >.config/sway/config
export SWAYSOCK="$XDG_RUNTIME_DIR/sway.socket"
exec /usr/bin/setpriv --reuid "$PUID" --regid "$PGID" --clear-groups sway --unsupported-gpu`

// TestAnImageOfWolf: what the images that Wolf's users have do at their start
// works here, up to an app in a nested compositor.
func TestAnImageOfWolf(t *testing.T) {
	needs(t, "sway", "foot", "setpriv", "ldd")
	if os.Geteuid() != 0 {
		t.Skip("only a host that runs as root lets a container begin as root")
	}
	d := desk(t, "foot", "sway", "setpriv")
	before := everything(t, d)
	args := append([]string{"sh", "-c", entrypoint, "sh", painter, "foot"}, vivid...)
	env := []string{"RUN_SWAY=1", "LANG=C.UTF-8", "HOME=/home/retro"}
	config := strings.Replace(boxConfig(d, "Box", env, args...), "pull =", "user = \"root\"\npull =", 1)
	s, me := pairedServer(t, config)
	then := s.look()
	s.fly(t, me, "Box", sizes[0][0], sizes[0][1], true, func(f *flight) {
		paintsAtClicks(f)
		f.png("1")
	})
	s.fly(t, me, "Box", sizes[1][0], sizes[1][1], false, func(f *flight) {
		paintsInAnotherSize(f)
		f.png("2")
	})
	s.expectSame(t, then)
	waitFor(t, "Docker as it was", func() bool { return everything(t, d) == before })
	s.noGroups(t)
}

// noGroups fails on control groups of sessions, under whatever controller.
func (s *server) noGroups(t testing.TB) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/*/kennel-" + s.instance() + "/*-*-*", "/sys/fs/cgroup/kennel-" + s.instance() + "/*-*-*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left groups: %v", left)
		}
	}
}

// TestContainersInARow: a few in every run, 100 in the soak, after which Docker
// and the host are as they were.
func TestContainersInARow(t *testing.T) {
	n := 4
	if os.Getenv("KENNEL_SOAK") != "" {
		n = 100
	}
	d := desk(t)
	s, me := pairedServer(t, boxConfig(d, "Box", nil, "kennel", "demo"))
	s.probe(me, "--seconds", "1", "--keys", "0") // what is opened once is open
	waitFor(t, "a quiet Docker", func() bool { return !strings.Contains(everything(t, d), "Box") })
	before, mounts, then := everything(t, d), mountsOf(t), s.look()
	for i := range n {
		if r := s.probe(me, "--seconds", "1", "--keys", "2"); r.Frames.Decoded == 0 {
			t.Fatalf("session %d has no picture: %v", i+1, r.Problems)
		}
	}
	s.expectSame(t, then)
	waitFor(t, "Docker as it was", func() bool { return everything(t, d) == before })
	waitFor(t, "the mounts as they were", func() bool { return mountsOf(t) == mounts })
	s.noGroups(t)
	for _, session := range s.sessions(t) {
		waitFor(t, "its receipt", func() bool {
			detail, err := s.api.Session(t.Context(), session)
			return err == nil && detail.Receipt != nil
		})
		if detail, err := s.api.Session(t.Context(), session); err != nil || hasFault(detail, evidence.FaultResidue) || len(detail.Receipt.Residue) > 0 {
			t.Errorf("session %s: %v %+v", session, err, detail.Receipt)
		}
	}
}

func (s *server) sessions(t testing.TB) (ids []string) {
	t.Helper()
	all, err := s.api.Sessions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, session := range all {
		ids = append(ids, session.ID)
	}
	return ids
}

// mountsOf is how many mounts this machine has.
func mountsOf(t testing.TB) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "\n")
}

// BenchmarkContainerLaunch reports the time from a launch request to the first
// packet of a container's picture, its image being there, and the share of
// Docker, display and encoder in it. Run it as -benchtime 10x.
func BenchmarkContainerLaunch(b *testing.B) {
	d := desk(b)
	s := startServer(b, boxConfig(d, "Box", nil, "kennel", "demo"))
	me := b.TempDir()
	s.pair(me, "1234")
	var packets []time.Duration
	parts := map[string][]time.Duration{}
	for b.Loop() {
		r := s.probe(me, "--seconds", "1", "--keys", "0", "--mode", "1280x720x60")
		packets = append(packets, time.Duration(r.Timing.FirstPacket))
		detail, err := s.api.Session(b.Context(), s.sessions(b)[0])
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range detail.Events {
			if e.Kind != evidence.Done {
				continue
			}
			for _, name := range []string{"create", "start", "took"} {
				if took, err := time.ParseDuration(e.Attrs[name]); err == nil {
					parts[string(e.Stage)+"-"+name] = append(parts[string(e.Stage)+"-"+name], took)
				}
			}
		}
	}
	report := func(name string, all []time.Duration) {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1e3, name+"-ms")
	}
	report("packet-p50", packets)
	b.ReportMetric(float64(packets[len(packets)-1].Microseconds())/1e3, "packet-max-ms")
	for _, name := range []string{"display-took", "app-create", "app-start", "app-took", "video_pipeline-took"} {
		if len(parts[name]) > 0 {
			report(name, parts[name])
		}
	}
	b.ReportMetric(0, "ns/op")
}
