package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	plan := Default().Ports.Plan()
	want := PortPlan{HTTP: 47989, HTTPS: 47984, RTSP: 48010, Video: 47998, Control: 47999, Audio: 48000}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Error(diff)
	}
}

func TestSmallestFileIsTheDefault(t *testing.T) {
	got, err := Parse("k.toml", []byte("version = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
}

func TestFullFile(t *testing.T) {
	got, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Version:   1,
		Hostname:  "Den",
		Ports:     Ports{Base: 48989, HTTP: 50000, Audio: 50001},
		Announce:  Announce{Address: "play.example.org", HTTP: 8080},
		Listen:    Listen{Address: "127.0.0.1"},
		Discovery: Discovery{MDNS: MDNSOff, Interfaces: []string{"eth0", "wl*"}},
		Log:       Log{Format: FormatJSON, Level: LevelDebug},
		Limits: Limits{
			Sessions: 4, Cores: 2.5, MemoryReserveMiB: 1024, GPUMemoryReserveMiB: 512, GPUFiles: 400, NVENCSessions: 3, Idle: Duration(30 * time.Minute), History: 50, Width: 3840, Height: 2160, FPS: 120,
			LaunchTimeout: Duration(20 * time.Second), ConnectTimeout: Duration(time.Minute), ClientTimeout: Duration(15 * time.Second),
			PairTimeout: Duration(90 * time.Second), StopTimeout: Duration(500 * time.Millisecond), Lease: Duration(time.Hour),
		},
		Display: Display{DMABuf: DMABufOff},
		Video:   Video{Encoders: []string{EncoderOpenH264}, FECPercent: 10, BitrateMaxKbps: 20000, Encryption: EncryptionRequired},
		Audio:   Audio{Server: AudioOff},
		RTSP:    RTSP{Encryption: EncryptionOff},
		Process: Process{UIDFirst: 70000, UIDCount: 10, Cgroup: CgroupOff, Isolation: IsolationRequired},
		Health:  Health{CanaryInterval: Duration(time.Hour)},
		Docker:  Docker{Socket: "/run/podman/podman.sock"},
		Wolf:    Wolf{Profiles: []WolfProfile{{ID: "user", Name: "Anna", Apps: []string{"term", "demo"}}}},
		Apps: []App{
			{Title: "Demo", ID: DerivedID("demo"), Slug: "demo", Runner: Runner{Type: RunnerDemo}},
			{
				Title: "Terminal", ID: 42, Slug: "term", IconPNGPath: "/usr/share/pixmaps/foot.png",
				Runner: Runner{Type: RunnerProcess, RunCmd: "foot --fullscreen", Env: []string{"TERM=foot", "EMPTY="}, User: "player", Dir: "/srv/play", NewPrivileges: true, Gamepads: true},
			},
			{Title: "Café Münch", ID: DerivedID("caf-m-nch"), Slug: "caf-m-nch", Runner: Runner{Type: RunnerProcess, Args: []string{"true", ""}}},
			{Title: "Box", ID: DerivedID("box"), Slug: "box", Runner: Runner{
				Type: RunnerDocker, Image: "debian:12", Name: "Box_1", Pull: PullNever, User: "root", Args: []string{"foot"},
				Mounts: []string{"/a:/b:ro", "volume:/c"}, Devices: []string{"/dev/a", "/dev/b:/dev/c:rw"}, Ports: []string{"8080:80", "127.0.0.1:53:53/udp"},
				GPUs: "all", Network: "none", MemoryMiB: 64, CPUs: 0.5, PIDs: 50, Capabilities: []string{"SYS_NICE"}, SecurityOpt: []string{"seccomp=unconfined", "apparmor=mine"}, ReadOnly: true,
				State: "/srv/{client}/{app}", Home: "/home/retro", BaseCreateJSON: "{}",
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	announced := got.Announce.Plan(got.Ports.Plan())
	if diff := cmp.Diff(PortPlan{HTTP: 8080, HTTPS: 48984, RTSP: 49010, Video: 48998, Control: 48999, Audio: 50001}, announced); diff != "" {
		t.Error(diff)
	}
}

func TestInlineAndDottedFormsMeanTheSame(t *testing.T) {
	tables, err := Parse("a", []byte("version = 1\n[log]\nlevel = \"warn\"\n[[apps]]\ntitle = \"A\"\n[apps.runner]\ntype = \"demo\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	inline, err := Parse("b", []byte("version = 1\nlog.level = \"warn\"\napps = [{title = \"A\", runner = {type = \"demo\"}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tables, inline); diff != "" {
		t.Error(diff)
	}
}

// Every .toml file in testdata/errors is wrong, and the .txt file beside it is
// exactly what is said about it. KENNEL_UPDATE=1 writes the latter anew.
func TestErrorTexts(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("kennel.toml", data)
			if err == nil {
				t.Fatal("no error")
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".toml")+".txt"
			if os.Getenv("KENNEL_UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorIsInspectable(t *testing.T) {
	_, err := Parse("k.toml", []byte("version = 1\n[log]\n  level = \"loud\"\n"))
	wrong, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v is not an *Error", err)
	}
	if wrong.File != "k.toml" || len(wrong.Problems) != 1 {
		t.Fatalf("%+v", wrong)
	}
	if p := wrong.Problems[0]; p.Line != 3 || p.Column != 11 || p.Path != "log.level" {
		t.Errorf("%+v", p)
	}
}

func TestValidateAfterFlags(t *testing.T) {
	cfg := Default()
	cfg.Ports.Base = 70000
	cfg.Log.Level = "loud"
	err := cfg.Validate()
	const want = `ports.base: 70000 is not a base port; use 6 to 65514, because the ports reach from base-5 to base+21
log.level: "loud" is not allowed; use "debug", "info", "warn" or "error"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "without --config") {
		t.Error(err)
	}
}

func TestFileSizeIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.toml")
	text := "version = 1\n#" + strings.Repeat("x", MaxFile) + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "256 KiB") {
		t.Error(err)
	}
}

func TestReportIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("version = 1\n")
	for i := range 600 {
		text.WriteString(strings.Repeat("x", i+1) + " = 1\n")
	}
	_, err := Parse("k.toml", []byte(text.String()))
	if err == nil {
		t.Fatal("no error")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxProblems+1 || !strings.Contains(lines[maxProblems], "more problems") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	wrong, _ := filepath.Glob("testdata/errors/*.toml")
	for _, file := range append(files, wrong...) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("version = 1\n[[apps]]\n[[apps.runner]]\n[apps.runner.x]\n"))
	f.Add([]byte("version = 1\napps = [[1, {a.b.c = 2}], []]\n\"a[0].b\" = 1\n"))
	f.Add([]byte("version = 1\n" + strings.Repeat("a.", 500) + "b = 1"))
	f.Add([]byte("version = 1\nx = " + strings.Repeat("[", 500)))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("fuzz.toml", data)
		if err == nil {
			if err := cfg.Validate(); err != nil {
				t.Errorf("accepted, but then: %v", err)
			}
			return
		}
		wrong, ok := errors.AsType[*Error](err)
		if !ok || len(wrong.Problems) == 0 {
			t.Fatalf("not an *Error: %v", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range wrong.Problems {
			if p.Line < 0 || p.Line > lines || p.Message == "" || (p.Line == 0) != (p.Column == 0) {
				t.Errorf("problem %+v in %d lines", p, lines)
			}
		}
		if strings.Count(err.Error(), "\n")+1 != len(wrong.Problems) {
			t.Errorf("%d problems on other than as many lines: %q", len(wrong.Problems), err)
		}
	})
}
