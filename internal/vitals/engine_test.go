package vitals

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
)

// TestTwoDrivers: Wolf with the libraries of two drivers fails in ways that
// name neither.
func TestTwoDrivers(t *testing.T) {
	for _, c := range []struct {
		d    engine.Details
		want State
	}{
		{engine.Details{}, OK},
		{engine.Details{Toolkit: true, NVIDIADevices: true}, OK},
		{engine.Details{DriverVolume: true, NVIDIADevices: true}, OK},
		{engine.Details{NVIDIADevices: true}, Warning},
		{engine.Details{Toolkit: true, DriverVolume: true}, Fault},
	} {
		if got := lookLibraries(c.d); got.State != c.want || c.want != OK && got.Cure == "" {
			t.Errorf("%+v: %+v", c.d, got)
		}
	}
}

// wolf is a container of an engine, as its API tells of it.
type wolf struct {
	state, restarts, more string // of State: status and further fields
	memory, limit         int
	log                   string
}

// serve is an engine that has this container; it returns its socket.
func (w wolf) serve(t *testing.T) string {
	t.Helper()
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Api-Version", "1.41")
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/_ping"):
			_, _ = io.WriteString(rw, "OK")
		case strings.HasSuffix(path, "/containers/json"):
			_, _ = fmt.Fprintf(rw, `[{"Id":"aaaa1111","Names":["/wolf"],"Image":"ghcr.io/games-on-whales/wolf:stable","State":%q}]`, w.state)
		case strings.HasSuffix(path, "/containers/aaaa1111/json"):
			_, _ = fmt.Fprintf(rw, `{"Id":"aaaa1111","RestartCount":%s,"State":{"Status":%q%s,"StartedAt":%q,"Pid":42},"Config":{"Tty":false}}`,
				w.restarts, w.state, w.more, time.Now().UTC().Add(-time.Minute).Format(time.RFC3339Nano))
		case strings.HasSuffix(path, "/containers/aaaa1111/stats"):
			_, _ = fmt.Fprintf(rw, `{"memory_stats":{"usage":%d,"limit":%d,"stats":{"inactive_file":0}}}`, w.memory, w.limit)
		case strings.HasSuffix(path, "/containers/aaaa1111/logs"):
			for line := range strings.Lines(w.log) {
				line = "2026-03-03T10:00:00.600000000Z " + line
				_, _ = rw.Write(append(binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(len(line))), line...)) //nolint:gosec // lines are short
			}
		default:
			http.NotFound(rw, r)
		}
	}))
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	if engine.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "unix", socket); err != nil {
		t.Fatal(err)
	}
	engine.Start()
	t.Cleanup(engine.Close)
	return socket
}

const (
	began   = "10:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0\n10:00:00.300000000 INFO  | HTTPS server listening on port: 47984 \n"
	session = `10:01:00.000000000 DEBUG | 10.0.0.7 [GET] HTTPS://10.0.0.1/launch
10:01:00.060000000 INFO  | Wayland display ready, listening on: wayland-1
10:01:00.400000000 INFO  | [DOCKER] Starting container: /Game_4242
10:01:00.570000000 DEBUG | [RTSP] received command PLAY
10:01:00.580000000 DEBUG | [ENET] connected client: 10.0.0.7:5511
10:01:00.600000000 DEBUG | Starting video pipeline: x
10:01:00.900000000 DEBUG | [GSTREAMER] Forcing IDR
`
	over = "10:05:00.100000000 DEBUG | 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel\n10:05:00.203000000 INFO  | Stopped container: /Game_4242\n"
	worn = `10:06:00.000000000 DEBUG | 10.0.0.7 [GET] HTTPS://10.0.0.1/launch
2026-03-03T10:06:00.100000Z ERROR smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY error generated. Failed to allocate memory for buffer object.
10:06:00.400000000 INFO  | [DOCKER] Starting container: /Game_4242
10:06:00.900000000 INFO  | Stopped container: /Game_4242
`
)

// TestContainer: what an engine tells of Wolf, and what its log says.
func TestContainer(t *testing.T) {
	well := wolf{state: "running", restarts: "0", memory: 300 << 20, limit: 8 << 30, log: began + session + over}
	for name, c := range map[string]struct {
		change func(*wolf)
		want   map[string]State
	}{
		"well":           {func(*wolf) {}, map[string]State{"engine": OK, "wolf": OK, "wolf memory": OK, "wolf driver": OK, "wolf log": OK, "wolf gpu errors": OK, "wolf apps": OK, "wolf gstreamer": OK}},
		"streaming":      {func(w *wolf) { w.log = began + session + "10:09:00.900000000 DEBUG | [GSTREAMER] Forcing IDR\n" }, map[string]State{"wolf log": OK, "wolf apps": OK}},
		"out of memory":  {func(w *wolf) { w.state, w.more = "exited", `,"OOMKilled":true,"ExitCode":137` }, map[string]State{"wolf": Fault, "wolf memory": Unknown}},
		"loop":           {func(w *wolf) { w.restarts = "5" }, map[string]State{"wolf": Fault}},
		"restarting":     {func(w *wolf) { w.state = "restarting" }, map[string]State{"wolf": Fault}},
		"restarted once": {func(w *wolf) { w.restarts = "1" }, map[string]State{"wolf": Warning}},
		"stopped":        {func(w *wolf) { w.state, w.more = "exited", `,"ExitCode":1` }, map[string]State{"wolf": Fault}},
		"full":           {func(w *wolf) { w.memory = 8 << 30 }, map[string]State{"wolf memory": Fault}},
		"not measured":   {func(w *wolf) { w.memory = 0 }, map[string]State{"wolf memory": Unknown}},
		"worn":           {func(w *wolf) { w.log = began + session + over + worn }, map[string]State{"wolf log": Fault, "wolf gpu errors": Fault, "wolf apps": Warning, "wolf gstreamer": OK}},
		"apps end at once": {
			func(w *wolf) { w.log = began + session + over + worn + strings.ReplaceAll(worn, "10:06", "10:07") },
			map[string]State{"wolf apps": Fault},
		},
		"worn before a restart": {
			func(w *wolf) {
				w.log = began + worn + strings.ReplaceAll(began+session+over, "10:0", "10:1")
			}, map[string]State{"wolf log": Warning, "wolf gpu errors": OK, "wolf apps": OK},
		},
		"no encoder": {
			func(w *wolf) {
				w.log = began + "10:00:00.400000000 ERROR | Unable to find a compatible H.264 encoder\n"
			},
			map[string]State{"wolf log": Fault, "wolf gstreamer": Fault},
		},
		"a short log": {func(w *wolf) { w.log = "10:00:00.400000000 INFO  | nothing\n" }, map[string]State{"wolf log": OK, "wolf gstreamer": Unknown}},
		"no log":      {func(w *wolf) { w.log = "" }, map[string]State{"wolf log": Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			w := well
			c.change(&w)
			m := planted(t, nil)
			m.Sockets = []string{w.serve(t)}
			found := lookEngine(t.Context(), m)
			got := states(found)
			for name, want := range c.want {
				if got[name] != want {
					t.Errorf("%s is %s, want %s", name, got[name], want)
				}
			}
			for _, f := range found {
				if (f.State == Fault || f.State == Warning) && f.Cure == "" {
					t.Errorf("nothing to do: %+v", f)
				}
			}
			if t.Failed() {
				t.Logf("%+v", found)
			}
		})
	}
}

// TestNoEngine: an engine that is not there is no unknown.
func TestNoEngine(t *testing.T) {
	m := planted(t, nil)
	if got := states(lookEngine(t.Context(), m))["engine"]; got != Warning {
		t.Errorf("no socket: %s", got)
	}
	m.Container = "wolf"
	if got := states(lookEngine(t.Context(), m))["engine"]; got != Fault {
		t.Errorf("no socket, and a container is named: %s", got)
	}
	m = planted(t, map[string]string{"/var/run/docker.sock": ""})
	if got := states(lookEngine(t.Context(), m))["engine"]; got != Fault {
		t.Errorf("a socket that nobody listens at: %s", got)
	}
}

// TestAHealthyHostIsOK: a host with Docker and a GPU of AMD's, idle, on which
// nothing is wrong and all can be looked at.
func TestAHealthyHostIsOK(t *testing.T) {
	m := planted(t, map[string]string{
		"/sys/class/drm/renderD128/device/vendor": "0x1002\n", "/dev/dri/renderD128": "", "/dev/uinput": "", "/dev/uhid": "",
		"/sys/class/drm/card0/device/mem_info_vram_used": "1073741824\n", "/sys/class/drm/card0/device/mem_info_vram_total": "8589934592\n",
		"/proc/net/tcp": "", "/tmp/sockets/x": "",
	})
	m.Sockets = []string{wolf{state: "running", restarts: "0", memory: 300 << 20, limit: 8 << 30, log: began + session + over}.serve(t)}
	r := Look(t.Context(), m)
	for _, f := range r.Findings {
		if f.State != OK {
			t.Errorf("%+v", f)
		}
	}
	if r.Verdict != VerdictOK {
		t.Error(r.Verdict)
	}
}

// TestWhatWolfBrings is of no matter here while its container is well, and is
// said where it is not.
func TestWhatWolfBrings(t *testing.T) {
	lacking := []probe{{"x", shortly, func(context.Context, *Machine) []Finding {
		return []Finding{finding("render nodes", Fault, "not for this user").cured("join the group").unless("wolf")}
	}}}
	for state, want := range map[State]State{OK: OK, Fault: Fault} {
		all := append(slices.Clone(lacking), probe{"wolf", shortly, func(context.Context, *Machine) []Finding { return []Finding{finding("wolf", state, "it is")} }})
		if got := states(look(t.Context(), planted(t, nil), all).Findings)["render nodes"]; got != want {
			t.Errorf("Wolf is %s, and the lack is %s", state, got)
		}
	}
}
