package appscan

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// maxFiles bounds the desktop entries that one scan reads.
const maxFiles = 10_000

// Places are where programs are looked for.
type Places struct {
	// Path holds the folders of programs, parted as in $PATH: what sessions have.
	Path string
	// DataDirs are folders with a folder "applications" each, the most
	// important one first (XDG Base Directory Specification, $XDG_DATA_DIRS).
	DataDirs []string
}

// DataDirs returns the folders that a value of $XDG_DATA_DIRS means. Relative
// ones are ignored, and none means the usual two.
func DataDirs(value string) []string {
	dirs := slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) })
	if len(dirs) == 0 {
		return []string{"/usr/local/share", "/usr/share"}
	}
	return dirs
}

// Found is a program with the entry that starts it.
type Found struct {
	App config.App `json:"app"`
	// From is the file that tells of it: a program or a desktop entry.
	From string `json:"from"`
}

// Skipped is a desktop entry of which no app could be made.
type Skipped struct {
	From string `json:"from"`
	Why  string `json:"why"`
}

// Result is what a scan found: the known programs first, then the desktop
// entries by title. No two have one slug.
type Result struct {
	Apps    []Found   `json:"apps"`
	Skipped []Skipped `json:"skipped"`
}

// Scan looks for apps. What cannot be read is passed over.
func (p Places) Scan() Result {
	s := scanner{places: p, slugs: map[string]bool{}, result: Result{Apps: []Found{}, Skipped: []Skipped{}}}
	for i := range known {
		r := &known[i]
		if from, ok := s.all(r.needs); ok {
			s.used = append(s.used, r)
			_ = s.add(from, config.App{Title: r.title, Runner: process(r.args, r.env)}) // or it is there by another name
		}
	}
	recipes := len(s.result.Apps)
	for _, file := range p.desktopFiles() {
		if err := s.desktopFile(file); err != nil {
			s.result.Skipped = append(s.result.Skipped, Skipped{file, err.Error()})
		}
	}
	slices.SortStableFunc(s.result.Apps[recipes:], func(a, b Found) int {
		return cmp.Compare(strings.ToLower(a.App.Title), strings.ToLower(b.App.Title))
	})
	return s.result
}

func process(args, env []string) config.Runner {
	return config.Runner{Type: config.RunnerProcess, Args: args, Env: env}
}

// desktopFiles lists the desktop entries that count: of those with one id, the
// first (Desktop Entry Specification, "Desktop File ID").
func (p Places) desktopFiles() []string {
	var files []string
	ids := map[string]bool{}
	for _, dir := range p.DataDirs {
		root := filepath.Join(dir, "applications")
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".desktop") {
				return nil //nolint:nilerr // a folder that cannot be read has nothing for us
			}
			if len(files) >= maxFiles {
				return fs.SkipAll
			}
			relative, _ := filepath.Rel(root, path)
			if id := strings.ReplaceAll(relative, "/", "-"); !ids[id] {
				ids[id] = true
				files = append(files, path)
			}
			return nil
		})
	}
	return files
}

type scanner struct {
	places Places
	used   []*recipe
	slugs  map[string]bool
	result Result
}

// program returns the path of a program as a session would find it.
func (s *scanner) program(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(s.places.Path) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// all finds programs, and returns the path of the first.
func (s *scanner) all(names []string) (first string, ok bool) {
	for i := len(names) - 1; i >= 0; i-- {
		if first, ok = s.program(names[i]); !ok {
			return "", false
		}
	}
	return first, true
}

// add takes an app that the configuration would take.
func (s *scanner) add(from string, app config.App) error {
	resolved, err := config.ResolveApps([]config.App{app})
	if err != nil {
		return err
	}
	slug := resolved[0].Slug
	if s.slugs[slug] {
		return fmt.Errorf("there is another %q", app.Title)
	}
	s.slugs[slug] = true
	app.Slug = slug
	s.result.Apps = append(s.result.Apps, Found{app, from})
	return nil
}

// desktopFile makes an app of an entry. An entry that no menu shows, whose
// program is missing, or which a recipe is for, is neither an app nor a mistake.
func (s *scanner) desktopFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // a link that leads nowhere
	}
	defer file.Close()
	e, err := parseEntry(file)
	if err != nil {
		return err
	}
	if !e.offered() {
		return nil
	}
	if _, ok := s.program(e.tryExec); e.tryExec != "" && !ok {
		return nil
	}
	args, err := splitExec(e.exec, e.name, path)
	if err != nil {
		return fmt.Errorf("its Exec: %w", err)
	}
	program, ok := s.program(args[0])
	base := filepath.Base(args[0])
	if !ok || slices.ContainsFunc(s.used, func(r *recipe) bool { return r.isFor(base) }) {
		return nil
	}
	runner, err := s.runner(&e, args, linkageOf(program, base))
	if err != nil {
		return err
	}
	return s.add(path, config.App{Title: e.name, Runner: runner})
}

// runner wraps a command in what it needs.
func (s *scanner) runner(e *entry, args []string, l linkage) (config.Runner, error) {
	r := process(args, nil)
	switch {
	case e.terminal:
		if _, ok := s.program("foot"); !ok {
			return r, fmt.Errorf("%s runs in a terminal: install foot", args[0])
		}
		r.Args = append([]string{"foot", "--title", e.name}, args...)
	case l.x11Only:
		if _, ok := s.program("Xwayland"); !ok {
			return r, fmt.Errorf("%s is a program of X11: install Xwayland", args[0])
		}
		r.Args = append([]string{"sh", "-c", anyXScript, "sh"}, args...)
	case l.gtk4:
		r.Env = append(r.Env, cairo)
	case l.qtQuick:
		r.Env = append(r.Env, softwareQuick)
	}
	if info, err := os.Stat(e.dir); filepath.IsAbs(e.dir) && err == nil && info.IsDir() {
		r.Dir = e.dir
	}
	return r, nil
}
