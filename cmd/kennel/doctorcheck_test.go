package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorCheck looks at this machine, with a container of Wolf's whose log
// shows that its GPU is worn.
func TestDoctorCheck(t *testing.T) {
	before, first, rest := pieces(t)
	serveEngine(t, func(w http.ResponseWriter, _ *http.Request) { containerLog(w, before+first+rest) })
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"doctor", "check", "--json"})
	root.SetOut(&out)
	if verdict, ok := errors.AsType[verdictError](root.ExecuteContext(t.Context())); !ok || int(verdict) != doctorFault {
		t.Errorf("it ended with %v", verdict)
	}
	var report struct {
		Verdict  string
		Findings []struct{ Name, State, Found, Cure string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Verdict != "fault" {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got := map[string]string{}
	for _, f := range report.Findings {
		got[f.Name] = f.State
		if f.Name == "wolf log" && (!strings.Contains(f.Found, "GL runs out of buffers (gl-oom)") || !strings.Contains(f.Cure, "kennel doctor --docker mywolf")) {
			t.Errorf("%+v", f)
		}
	}
	for name, want := range map[string]string{"engine": "ok", "wolf": "ok", "wolf memory": "ok", "wolf log": "fault", "wolf gpu errors": "fault", "wolf apps": "warning"} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	// Each thing that a host can fail for is looked at, whatever comes of it.
	for _, name := range []string{"nvidia driver", "nvidia modeset", "render nodes", "gpus", "wolf driver", "wolf gstreamer", "displays", "ports", "uinput", "uhid", "sound", "gstreamer"} {
		if got[name] == "" {
			t.Errorf("nothing is said of %s", name)
		}
	}
}

// TestALiveLogEndsNowhere: the log of a container that runs ends in the middle of
// its session, which is well; the same log in a file may be that of a crash.
func TestALiveLogEndsNowhere(t *testing.T) {
	const log = `10:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0
10:00:00.300000000 INFO  | HTTPS server listening on port: 47984
10:01:00.000000000 DEBUG | 10.0.0.7 [GET] HTTPS://10.0.0.1/launch
10:01:00.570000000 DEBUG | [RTSP] received command PLAY
10:01:00.580000000 DEBUG | [ENET] connected client: 10.0.0.7:5511
10:01:00.900000000 DEBUG | [GSTREAMER] Forcing IDR
10:09:00.000000000 DEBUG | [GSTREAMER] Forcing IDR
`
	serveEngine(t, func(w http.ResponseWriter, _ *http.Request) { containerLog(w, log) })
	file := filepath.Join(t.TempDir(), "wolf.log")
	appendTo(t, file, log)
	for arg, want := range map[string]string{"--docker": "Nothing wrong is to be seen\n", file: "This log does not tell enough\n"} {
		var out bytes.Buffer
		root := newRoot()
		root.SetArgs([]string{"doctor", arg})
		root.SetOut(&out)
		_ = root.ExecuteContext(t.Context())
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: %s", arg, out.String())
		}
	}
}
