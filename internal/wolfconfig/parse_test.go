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

// published are the configurations of testdata and, to look at more of them,
// those in the directory that WOLF_CONFIGS names.
func published(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/published/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if dir := os.Getenv("WOLF_CONFIGS"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*.toml"))
		if err != nil || len(more) == 0 {
			t.Fatalf("WOLF_CONFIGS: no *.toml in %s, %v", dir, err)
		}
		files = append(files, more...)
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

// honoured tells that what was read has exactly this value of this key.
func honoured(f *File, path string, value any) bool {
	text, _ := value.(string)
	switch key := pattern(path); {
	case key == "hostname":
		return f.Hostname == text
	case key == "uuid":
		return f.UUID == text
	case key == "config_version":
		return int64(f.Version) == value
	case strings.HasSuffix(key, ".app_state_folder"):
		return slices.ContainsFunc(f.Clients, func(c Client) bool { return c.Folder == text })
	case strings.HasSuffix(key, ".client_cert"):
		return slices.ContainsFunc(f.Clients, func(c Client) bool { return string(c.CertPEM) == strings.ReplaceAll(text, "\r", "") })
	case strings.HasSuffix(key, "h264_encoders[].plugin_name"):
		return slices.Contains(f.Encoders, strings.Replace(text, "vaapi", "va", 1))
	case key == "profiles[].id", key == "profiles[].name":
		of, last, _ := strings.Cut(path, ".")
		return !slices.ContainsFunc(f.Apps, func(a App) bool {
			return strings.HasPrefix(a.path, of+".") && !profileHas(a, last, text)
		})
	case strings.Contains(key, "apps[]."):
		of, rest, _ := strings.Cut(path[strings.Index(path, "apps["):], ".")
		of = path[:strings.Index(path, "apps[")] + of
		return slices.ContainsFunc(f.Apps, func(a App) bool { return a.path == of && appHas(a, rest, value) })
	}
	return empty(value) // paired_clients = []
}

// profileHas tells that an app's profile has this id or name. Moonlight's own
// has none in Kennel.
func profileHas(a App, key, text string) bool {
	if a.Profile == "" {
		return true
	}
	return key == "id" && a.Profile == text || key == "name" && a.profileName == text
}

// appHas tells that a key of an app, below the app, has this value.
func appHas(a App, key string, value any) bool {
	text, _ := value.(string)
	switch key {
	case "title":
		return a.folder == strings.TrimSpace(text)
	case "icon_png_path":
		return a.icon == text
	case "render_node":
		return a.Node == text
	case "start_virtual_compositor":
		return value == true && a.Runner.Type != config.RunnerDemo
	case "start_audio_server":
		return value == true
	case "runner.type":
		return a.Runner.Type == strings.ToLower(text)
	case "runner.run_cmd":
		return a.Runner.RunCmd == text
	case "runner.name":
		return a.Runner.Name == text
	case "runner.image":
		return a.Runner.Image == text
	case "runner.base_create_json":
		return a.Runner.BaseCreateJSON == strings.TrimSpace(text)
	case "runner.mounts":
		return same(a.Runner.Mounts, value)
	case "runner.env":
		return same(a.Runner.Env, value)
	case "runner.devices":
		return same(a.Runner.Devices, value)
	case "runner.ports":
		return same(a.Runner.Ports, value)
	}
	return false
}

// same tells that a list has these texts in this order.
func same(got []string, want any) bool {
	list, ok := want.([]any)
	return ok && slices.EqualFunc(got, list, func(a string, b any) bool { return b == a })
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
			for _, n := range f.Notes {
				if n.Why == whyUnknown && !strings.HasPrefix(path, "testdata/") {
					t.Errorf("no reason is given: %s", n)
				}
			}
			if strings.HasPrefix(path, "testdata/published/") {
				golden(t, strings.TrimSuffix(path, ".toml")+".golden", f)
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
		if strings.Contains(n.Why, "has to pair again") && strings.HasSuffix(path, ".app_state_folder") &&
			slices.Contains(n.Lines, lines[strings.TrimSuffix(path, "app_state_folder")+"client_cert"]) {
			return true // nobody's state is there to be used
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
	golden(t, "testdata/every-key.golden", f)
}

// golden compares all that is read of a file, and all that is noted, with what
// was expected. UPDATE=1 writes it anew.
func golden(t *testing.T, path string, f *File) {
	t.Helper()
	var got strings.Builder
	fmt.Fprintf(&got, "%d %s %s %v\n", f.Version, f.Hostname, f.UUID, f.Encoders)
	for _, a := range f.Apps {
		fmt.Fprintf(&got, "app %s | %s | %s | %s %s %v %v %v %v\n", a.Title, a.Profile, a.Node, a.Runner.Type, a.Runner.RunCmd+a.Runner.Image, a.Runner.Mounts, a.Runner.Env, a.Runner.Devices, a.Runner.Ports)
	}
	for _, c := range f.Clients {
		fmt.Fprintf(&got, "client %s\n", c.Folder)
	}
	for _, n := range f.Notes {
		fmt.Fprintln(&got, n)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, path)), got.String()); diff != "" {
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
