package media

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/process"
)

func good() EncodeSpec {
	return EncodeSpec{Codec: "h264", Width: 1280, Height: 720, FPSNum: 60, FPSDen: 1, BitrateKbps: 8000}
}

func TestSpecCheck(t *testing.T) {
	spec := good()
	if err := spec.Check(); err != nil {
		t.Fatal(err)
	}
	for words, change := range map[string]func(*EncodeSpec){
		"codec":       func(s *EncodeSpec) { s.Codec = "mpeg1" },
		"1281x720":    func(s *EncodeSpec) { s.Width++ },
		"1280x0":      func(s *EncodeSpec) { s.Height = 0 },
		"8194x720":    func(s *EncodeSpec) { s.Width = 8194 },
		"60/0":        func(s *EncodeSpec) { s.FPSDen = 0 },
		"2000/1":      func(s *EncodeSpec) { s.FPSNum = 2000 },
		"0 kbit/s":    func(s *EncodeSpec) { s.BitrateKbps = 0 },
		"33 slices":   func(s *EncodeSpec) { s.Slices = 33 },
		"\"extreme\"": func(s *EncodeSpec) { s.Profile = "extreme" },
	} {
		spec := good()
		change(&spec)
		if err := spec.Check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v gave %v, want words about %q", spec, err, words)
		}
	}
}

func TestLadder(t *testing.T) {
	h := Hello{Encoders: []string{"openh264enc"}}
	var names []string
	for _, r := range h.Ladder("h264") {
		names = append(names, r.Name)
		if r.Available != (r.Name == "openh264") || r.Hardware != slices.Contains([]string{"nvcodec", "va", "qsv"}, r.Name) || r.Package == "" {
			t.Errorf("rung %+v", r)
		}
		if found, ok := EncoderNamed("h264", r.Name); !ok || found.Element != r.Element || EncoderOf(r.Element).Name != r.Name || RawFormat(r.Element) != r.Format {
			t.Errorf("rung %+v is not found again", r)
		}
	}
	if want := []string{"nvcodec", "va", "qsv", "x264", "openh264"}; !slices.Equal(names, want) {
		t.Errorf("ladder %v, want %v", names, want)
	}
	if got := h.Ladder("mpeg1"); len(got) != 0 {
		t.Errorf("mpeg1 has a ladder: %v", got)
	}
	if Encoders("h264")[4].Available {
		t.Error("a ladder changed the table")
	}
}

func TestPicturePlanes(t *testing.T) {
	p := Picture{Width: 3, Height: 3, Data: []byte("yyyyyyyyyuuuuvvvv")}
	if !p.whole() || string(p.Y()) != "yyyyyyyyy" || string(p.U()) != "uuuu" || string(p.V()) != "vvvv" {
		t.Errorf("planes %q %q %q", p.Y(), p.U(), p.V())
	}
	if p.Data = p.Data[1:]; p.whole() {
		t.Error("a cut picture counts as whole")
	}
}

func TestPluginEnv(t *testing.T) {
	got := pluginEnv([]string{"PATH=/bin", "SECRET=1", "GST_PLUGIN_PATH=/p", "GST_DEBUG=9", "HOME=/h"})
	if d := cmp.Diff([]string{"PATH=/bin", "GST_PLUGIN_PATH=/p", "HOME=/h"}, got); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
}

// TestRegistryIsBuiltWhenNeeded runs a script in place of kennel-media, which
// leaves a line for each run.
func TestRegistryIsBuiltWhenNeeded(t *testing.T) {
	dir := t.TempDir()
	plugins := filepath.Join(dir, "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GST_PLUGIN_SYSTEM_PATH_1_0", plugins)
	exe, runs, file := filepath.Join(dir, "exe"), filepath.Join(dir, "runs"), filepath.Join(dir, "registry")
	script := "#!/bin/sh\n[ -e " + dir + "/broken ] && { echo 'no luck' >&2; exit 1; }\necho run >>" + runs + "\necho \"$1\" >\"$2\"\n"
	if err := os.WriteFile(exe, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	age := func(paths ...string) {
		t.Helper()
		for _, p := range paths {
			if err := os.Chtimes(p, past, past); err != nil {
				t.Fatal(err)
			}
		}
	}
	age(exe, plugins)
	spawner := process.NewSpawner()
	defer spawner.Close()
	ensure := func(want int, why string) {
		t.Helper()
		if err := EnsureRegistry(t.Context(), spawner, exe, file); err != nil {
			t.Fatal(err)
		}
		said, _ := os.ReadFile(runs)
		if got := strings.Count(string(said), "run\n"); got != want {
			t.Fatalf("%s: %d runs, want %d", why, got, want)
		}
	}
	ensure(1, "there is none")
	ensure(1, "it is fresh")
	age(file)
	ensure(2, "the program is as new as it")
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(plugins, future, future); err != nil {
		t.Fatal(err)
	}
	ensure(3, "a plugin came")
	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := EnsureRegistry(t.Context(), spawner, exe, file); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("a failing run gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := EnsureRegistry(ctx, spawner, exe, file); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gave %v", err)
	}
}
