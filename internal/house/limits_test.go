package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines     = 800
	maxFunctionLines = 120
)

// vague names say nothing about what a package is.
var vague = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared", "lib", "base"}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.files {
			if file.generated {
				continue
			}
			if file.lines > maxFileLines {
				t.Errorf("%s has %d lines; at most %d are allowed, so split it by what its parts are about", file.name, file.lines, maxFileLines)
			}
			for _, declaration := range file.syntax.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				lines := file.set.Position(function.End()).Line - file.set.Position(function.Pos()).Line + 1
				if lines > maxFunctionLines {
					t.Errorf("%s: %s has %d lines; at most %d are allowed", file.at(function), function.Name.Name, lines, maxFunctionLines)
				}
			}
		}
	}
}

func TestPackagesAreNouns(t *testing.T) {
	for _, p := range packages(t) {
		name := p.files[0].syntax.Name.Name
		if slices.Contains(vague, strings.TrimSuffix(name, "_test")) {
			t.Errorf("%s: %q says nothing about what is in the package", p.dir, name)
		}
	}
}
