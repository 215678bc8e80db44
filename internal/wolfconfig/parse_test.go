package wolfconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/kennel-stream/kennel/internal/config"
)

func published(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/published/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// leaves are the paths of all values of a document that are no tables.
func leaves(value any, path string, visit func(path string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			leaves(v, below(path, key), visit)
		}
		return
	case []any:
		if len(value) > 0 {
			if _, ok := value[0].(map[string]any); ok {
				for i, v := range value {
					leaves(v, fmt.Sprintf("%s[%d]", path, i), visit)
				}
				return
			}
		}
	}
	visit(path, value)
}

// honoured are the keys whose values can be found again in what was read.
func honoured(f *File, path string, value any) bool {
	text := fmt.Sprint(value)
	if list, ok := value.([]any); ok && len(list) == 0 {
		return true
	}
	switch key := pattern(path); {
	case key == "hostname":
		return f.Hostname == text
	case key == "uuid":
		return f.UUID == text
	case key == "config_version":
		return fmt.Sprint(f.Version) == text
	case strings.HasSuffix(key, ".app_state_folder"):
		return slices.ContainsFunc(f.Clients, func(c Client) bool { return c.Folder == text })
	case strings.HasSuffix(key, ".client_cert"):
		return slices.ContainsFunc(f.Clients, func(c Client) bool { return string(c.CertPEM) == strings.ReplaceAll(text, "\r", "") })
	case strings.HasSuffix(key, "h264_encoders[].plugin_name"):
		return slices.Contains(f.Encoders, strings.Replace(text, "vaapi", "va", 1))
	case key == "profiles[].name", key == "profiles[].id":
		return true // they name nothing that Moonlight shows
	case strings.Contains(key, "apps[]."):
		return slices.ContainsFunc(f.Apps, func(a App) bool {
			said := fmt.Sprintf("%+v", a)
			switch v := value.(type) {
			case bool:
				return v // start_virtual_compositor and start_audio_server
			case []any:
				return !slices.ContainsFunc(v, func(one any) bool { return !strings.Contains(said, fmt.Sprint(one)) })
			}
			return strings.Contains(strings.ToLower(said), strings.ToLower(strings.TrimSpace(text)))
		})
	}
	return false
}

// TestPublished: what people have published is read, and every value in it is
// either found again or listed with its line.
func TestPublished(t *testing.T) {
	for _, path := range append(published(t), "testdata/every-key.toml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data := read(t, path)
			f, err := Parse(path, data)
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Apps) == 0 {
				t.Error("no app was read")
			}
			document := map[string]any{}
			if err := toml.Unmarshal(data, &document); err != nil {
				t.Fatal(err)
			}
			lines, count := config.KeyLines(data), 0
			leaves(document, "", func(path string, value any) {
				count++
				if !honoured(f, path, value) && !listed(f, lines, path) && !plain(path, value) {
					t.Errorf("line %d: %s = %.60v is neither honoured nor listed", lines[path], path, value)
				}
			})
			if count < 4 {
				t.Errorf("only %d values", count)
			}
		})
	}
}

// plain are values that ask for what Kennel does anyway.
func plain(path string, value any) bool {
	t := treat(pattern(path))
	return t.same != nil && t.same(value)
}

// listed tells that a note names a key, or the app or profile that it belongs to.
func listed(f *File, lines map[string]int, path string) bool {
	for _, n := range f.Notes {
		if n.Key == pattern(path) && slices.Contains(n.Lines, lines[path]) {
			return true
		}
		if strings.Contains(n.Why, "left out") || strings.Contains(n.Why, "takes the place") || strings.Contains(n.Why, "offered once") {
			for at := path; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
				own := lines[at]
				if own != 0 && slices.Contains(n.Lines, own) {
					return true
				}
				for sibling, line := range lines {
					if strings.HasPrefix(sibling, at+".") && slices.Contains(n.Lines, line) && strings.HasSuffix(at, "]") && strings.Contains(at, "apps[") {
						return true
					}
				}
				if strings.HasSuffix(at, "]") && strings.HasPrefix(at, "profiles[") && !strings.Contains(at, "apps") && slices.Contains(n.Lines, lines[at+".pin"]) {
					return true
				}
			}
		}
	}
	return false
}

func TestEveryKey(t *testing.T) {
	f, err := Parse("every-key.toml", read(t, "testdata/every-key.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	fmt.Fprintf(&got, "%d %s %s %v\n", f.Version, f.Hostname, f.UUID, f.Encoders)
	for _, a := range f.Apps {
		fmt.Fprintf(&got, "app %s | %s | %s | %s %s %v %v %v %v\n", a.Title, a.Profile, a.Node, a.Runner.Type, a.Runner.RunCmd+a.Runner.Image, a.Runner.Mounts, a.Runner.Env, a.Runner.Devices, a.Runner.Ports)
	}
	for _, n := range f.Notes {
		fmt.Fprintln(&got, n)
	}
	golden := "testdata/every-key.golden"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, golden)), got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes: whatever is in a file, it is told, and the rest is read.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"hostname = 3":                      "line 1: hostname: it is not text",
		"hostname = \"\\u0007\"":            "",
		"config_version = 'x'":              "config_version: it is not a number",
		"config_version = 12":               "up to 9",
		"config_version = 1":                "from 2 on",
		"uuid = '<xml>'":                    "uuid: it is no unique id",
		"apps = 'x'":                        "apps: it is not a list of tables",
		"apps = ['x']":                      "apps[]: it is not a table",
		"[[apps]]\ntitle = 'X'":             `Kennel has no runner "": app "X" is left out`,
		"[[apps]]\ntitle = 'X'\nrunner = 1": "runner: it is not a table",
		"[[apps]]\nrunner = {type='process',run_cmd='x'}":                             "line 1: apps[]: app \"\" is left out",
		"[[apps]]\ntitle='X'\nrunner = {type='docker',image='x',mounts=['nonsense']}": "is left out",
		"[[apps]]\ntitle='X'\nrunner = {type='docker',image='x',mounts='y'}":          "mounts: it is not a list",
		"[[apps]]\ntitle='X'\nrunner = {type='docker',image='x',env=[1]}":             "env[]: it is not text",
		"[[apps]]\ntitle='X'\nstart_virtual_compositor=1":                             "neither true nor false",
		"[[profiles]]\nid=1": "profiles[].id: it is not text",
		"[[paired_clients]]\nclient_cert='''-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'''": "it is no certificate: this client has to pair again",
	} {
		f, err := Parse("x", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if said := fmt.Sprint(f.Notes); want != "" && !strings.Contains(said, want) {
			t.Errorf("%s: %s", text, said)
		}
	}
	if _, err := Parse("x.toml", []byte("a = [")); err == nil || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), "x.toml") {
		t.Errorf("no TOML: %v", err)
	}
	if _, err := Parse("x.toml", make([]byte, MaxFile+1)); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a long file: %v", err)
	}
}

func TestManyAppsOfOneTitle(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "[[apps]]\ntitle = %q\nrunner = {type = 'process', run_cmd = 'sleep %d'}\n", strings.Repeat("x", 120), i)
	}
	f, err := Parse("x", []byte(text.String()))
	if err != nil || len(f.Apps) != 1 || len(f.Notes) == 0 {
		t.Errorf("%d apps, %d notes, %v", len(f.Apps), len(f.Notes), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, path := range append(published(f), "testdata/every-key.toml") {
		f.Add(read(f, path))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		most := strings.Count(string(data), "\n") + 1
		for _, n := range file.Notes {
			for _, line := range n.Lines {
				if line < 1 || line > most {
					t.Errorf("%s: line %d of %d", n.Key, line, most)
				}
			}
		}
		s := &Source{Path: "fuzz", links: "/links", State: "/state"}
		s.configure(file, newEnvironment(nil), Options{Root: true, Devices: func(string) []string { return []string{"/dev/dri/renderD128"} }})
		if err := s.Config.Validate(); err != nil {
			t.Errorf("not valid: %v", err)
		}
		if _, err := s.TOML(); err != nil && !strings.Contains(err.Error(), "larger") {
			t.Errorf("cannot be written: %v", err)
		}
	})
}
