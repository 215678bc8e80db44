package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
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
