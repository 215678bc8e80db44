package appscan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/config"
)

// plant makes files below a folder: programs of those in bin, entries of the rest.
func plant(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func scan(root string) Result {
	return Places{
		Path:     filepath.Join(root, "bin"),
		DataDirs: []string{filepath.Join(root, "local"), filepath.Join(root, "share"), filepath.Join(root, "none")},
	}.Scan()
}

func titles(r Result) (titles []string) {
	for _, f := range r.Apps {
		titles = append(titles, f.App.Title)
	}
	return titles
}

func desktop(lines ...string) string {
	return "[Desktop Entry]\nType=Application\n" + strings.Join(lines, "\n") + "\n"
}

func TestDesktopEntriesAreFoundAndMasked(t *testing.T) {
	root := plant(t, map[string]string{
		"bin/game":                            "#!/bin/sh\n",
		"bin/tool":                            "#!/bin/sh\n",
		"share/applications/game.desktop":     desktop("Name=A Game", "Name[de]=Ein Spiel", "Exec=game --open %U", "[Desktop Action x]", "Exec=game --other"),
		"share/applications/kde/tool.desktop": desktop("Name=Tool", "Exec=tool"),
		"local/applications/kde-tool.desktop": desktop("Name=Tool", "Exec=tool", "Hidden=true"),
		"share/applications/quiet.desktop":    desktop("Name=Quiet", "Exec=tool", "NoDisplay=true"),
		"share/applications/gnome.desktop":    desktop("Name=Settings", "Exec=tool", "OnlyShowIn=GNOME;"),
		"share/applications/other.desktop":    desktop("Name=Everywhere Else", "Exec=tool", "NotShowIn=GNOME;"),
		"share/applications/try.desktop":      desktop("Name=Tried", "Exec=tool", "TryExec=missing"),
		"share/applications/gone.desktop":     desktop("Name=Gone", "Exec=missing"),
		"share/applications/link.desktop":     "[Desktop Entry]\nType=Link\nName=A Page\nURL=https://example.org\n",
		"share/applications/readme.txt":       "nothing",
		"share/applications/broken.desktop":   desktop("Name=Broken", `Exec=tool "open`),
		"share/applications/empty.desktop":    "",
		"share/applications/zz-twin.desktop":  desktop("Name=A  game", "Exec=tool"),
	})
	got := scan(root)
	if diff := cmp.Diff([]string{"A Game", "Everywhere Else"}, titles(got)); diff != "" {
		t.Error(diff)
	}
	if args := got.Apps[0].App.Runner.Args; !slices.Equal(args, []string{"game", "--open"}) {
		t.Errorf("runs %q", args)
	}
	var why []string
	for _, s := range got.Skipped {
		why = append(why, filepath.Base(s.From)+": "+s.Why)
	}
	want := []string{"broken.desktop: its Exec: a quote is not closed", "empty.desktop: there is no group [Desktop Entry]", `zz-twin.desktop: there is another "A  game"`}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Error(diff)
	}
}

func TestRecipesTakeThePlaceOfDesktopEntries(t *testing.T) {
	root := plant(t, map[string]string{
		"bin/foot": "", "bin/mpv": "", "bin/xterm": "", "bin/sway": "",
		"share/applications/foot-server.desktop": desktop("Name=Foot Server", "Exec=foot --server"),
		"share/applications/client.desktop":      desktop("Name=Foot Client", "Exec=footclient"),
		"share/applications/mpv.desktop":         desktop("Name=mpv Media Player", "Exec=mpv --player-operation-mode=pseudo-gui -- %U"),
	})
	got := scan(root)
	if diff := cmp.Diff([]string{"Foot", "Sway", "mpv"}, titles(got)); diff != "" {
		t.Error(diff)
	}
	if env := got.Apps[1].App.Runner.Env; !slices.Equal(env, []string{"WLR_RENDERER=pixman"}) {
		t.Errorf("sway has %q", env)
	}
	if from := got.Apps[0].From; from != filepath.Join(root, "bin/foot") {
		t.Errorf("found by %s", from)
	}
}

func TestProgramsGetWhatTheyNeed(t *testing.T) {
	files := map[string]string{
		"bin/uxterm":                     "#!/bin/sh\n",
		"bin/vi":                         "#!/bin/sh\n",
		"share/applications/ux.desktop":  desktop("Name=Unicode Terminal", "Exec=uxterm -title %c"),
		"share/applications/vi.desktop":  desktop("Name=Vi", "Exec=vi %F", "Terminal=true", "Path=/"),
		"share/applications/vi2.desktop": desktop("Name=Vi There", "Exec=vi", "Path=/nonexistent"),
	}
	bare := scan(plant(t, files))
	if diff := cmp.Diff([]string{"Vi There"}, titles(bare)); diff != "" {
		t.Error(diff)
	}
	if len(bare.Skipped) != 2 || !strings.Contains(bare.Skipped[0].Why, "install Xwayland") || !strings.Contains(bare.Skipped[1].Why, "install foot") {
		t.Errorf("skipped %+v", bare.Skipped)
	}
	files["bin/Xwayland"], files["bin/foot"] = "", ""
	full := scan(plant(t, files))
	if diff := cmp.Diff([]string{"Foot", "Unicode Terminal", "Vi", "Vi There"}, titles(full)); diff != "" {
		t.Fatal(diff)
	}
	x, vi := full.Apps[1].App.Runner, full.Apps[2].App.Runner
	if !strings.Contains(x.Args[2], "Xwayland") || !slices.Equal(x.Args[3:], []string{"sh", "uxterm", "-title", "Unicode Terminal"}) {
		t.Errorf("the terminal of X runs %q", x.Args)
	}
	if !slices.Equal(vi.Args, []string{"foot", "--title", "Vi", "vi"}) || vi.Dir != "/" {
		t.Errorf("the program for terminals runs %q in %q", vi.Args, vi.Dir)
	}
	if dir := full.Apps[3].App.Runner.Dir; dir != "" {
		t.Errorf("in a folder that is not there: %s", dir)
	}
}

// TestLibrariesTell looks at real programs, where they are.
func TestLibrariesTell(t *testing.T) {
	for path, want := range map[string]linkage{
		"/usr/bin/xterm": {x11Only: true}, "/usr/bin/gtk4-demo": {gtk4: true}, "/usr/bin/foot": {}, "/bin/sh": {},
	} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if got := linkageOf(path, filepath.Base(path)); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
}

// TestEntriesAreReadBackAsTheyWere writes all known programs, and nasty ones.
func TestEntriesAreReadBackAsTheyWere(t *testing.T) {
	files := map[string]string{"bin/Xwayland": ""}
	for _, r := range known {
		for _, p := range r.needs {
			files["bin/"+p] = ""
		}
	}
	found := scan(plant(t, files)).Apps
	if len(found) < 10 {
		t.Fatalf("%d apps of %d recipes", len(found), len(known))
	}
	for _, args := range [][]string{{"sh", "-c", "a\nb'''\n\t\x01\"\\"}, {"x", "", "ü\n'"}, {"a b"}, {"a=b", "%u"}, {"sh", "-c", "one\ntwo"}} {
		found = append(found, Found{config.App{Title: "Nasty " + `"\`, Slug: "nasty", Runner: process(args, []string{"A=\t'"})}, "/a\npath"})
	}
	for _, f := range found {
		c, err := config.Parse("test.toml", []byte("version = 1\n"+f.TOML()))
		if err != nil {
			t.Errorf("%v\n%s", err, f.TOML())
			continue
		}
		got := c.Apps[0].Runner
		args, err := got.Command()
		if err != nil || !slices.Equal(args, f.App.Runner.Args) || !slices.Equal(got.Env, f.App.Runner.Env) || c.Apps[0].Title != f.App.Title {
			t.Errorf("%v: %q, %q instead of\n%s", err, args, got.Env, f.TOML())
		}
	}
}

func TestExecIsSplitAsTheSpecificationSays(t *testing.T) {
	for line, want := range map[string][]string{
		`prog`:                               {"prog"},
		`prog %f --flag %i`:                  {"prog", "--flag"},
		`prog --file=%f 100%% %c "%k"`:       {"prog", "--file=", "100%", "A Name", "/a.desktop"},
		`"/opt/my app/run" "" a"b c"d`:       {"/opt/my app/run", "", "ab cd"},
		"prog \"a \\\"q\\\" \\$x \\` \\\\\"": {"prog", `a "q" $x ` + "` \\"},
		`env A=1 prog`:                       {"env", "A=1", "prog"},
	} {
		got, err := splitExec(line, "A Name", "/a.desktop")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{``, `  `, `%f`, `"" a`, `prog "a`, `prog %x`, `prog %`} {
		if got, err := splitExec(line, "A Name", "/a.desktop"); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestDataDirs(t *testing.T) {
	if got := DataDirs("/a:relative:/b"); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Errorf("%q", got)
	}
	if got := DataDirs(""); !slices.Equal(got, []string{"/usr/local/share", "/usr/share"}) {
		t.Errorf("%q", got)
	}
}

func FuzzDesktopEntry(f *testing.F) {
	f.Add(desktop("Name=A Game", `Exec="a b" %U \\ \s`, "Terminal=true"))
	f.Add("[Desktop Entry]\nExec=%")
	f.Fuzz(func(t *testing.T, content string) {
		e, err := parseEntry(strings.NewReader(content))
		if err != nil {
			return
		}
		args, err := splitExec(e.exec, e.name, "/a.desktop")
		if err != nil {
			return
		}
		if len(args) == 0 || args[0] == "" {
			t.Fatalf("no program in %q", e.exec)
		}
		app := config.App{Title: "Title", Runner: process(args, nil)}
		if _, err := config.ResolveApps([]config.App{app}); err != nil {
			return
		}
		c, err := config.Parse("test.toml", []byte("version = 1\n"+Found{app, e.name}.TOML()))
		if err != nil {
			t.Fatalf("%v\n%s", err, Found{app, e.name}.TOML())
		}
		if got, err := c.Apps[0].Runner.Command(); err != nil || !slices.Equal(got, args) {
			t.Fatalf("%q, want %q: %v", got, args, err)
		}
	})
}
