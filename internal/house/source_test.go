package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/kennel-stream/kennel"
	root   = "../.." // of the repository, from this package
)

// pkg is one folder with Go files.
type pkg struct {
	dir   string // slash-separated, from the root
	files []source
}

// source is one parsed Go file.
type source struct {
	name      string // from the root
	test      bool
	generated bool
	lines     int
	set       *token.FileSet
	syntax    *ast.File
}

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// at names the place of a node for a message.
func (s source) at(node ast.Node) string {
	return s.name + ":" + strconv.Itoa(s.set.Position(node.Pos()).Line)
}

var parsed = sync.OnceValues(parse)

// packages are all packages of this module.
func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 {
		t.Fatalf("found only %d packages below %s", len(all), root)
	}
	return all
}

func parse() ([]pkg, error) {
	byDir := map[string][]source{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(path, entry.Name())
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := read(path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file.name))
		byDir[dir] = append(byDir[dir], file)
		return nil
	})
	var all []pkg
	for dir, files := range byDir {
		all = append(all, pkg{dir, files})
	}
	slices.SortFunc(all, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return all, err
}

// enter skips the folders that the go command skips too, and other modules.
func enter(path, name string) error {
	if path == root {
		return nil
	}
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func read(path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{
		name:      filepath.ToSlash(name),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: syntax != nil && ast.IsGenerated(syntax),
		lines:     bytes.Count(text, []byte("\n")),
		set:       set,
		syntax:    syntax,
	}, err
}
