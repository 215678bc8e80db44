package house

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		comment, onlyTests := "", true
		for _, file := range p.files {
			if file.test {
				continue
			}
			onlyTests = false
			if file.syntax.Doc != nil {
				comment = file.syntax.Doc.Text()
			}
		}
		if !onlyTests && len(strings.Fields(comment)) < 5 {
			t.Errorf("%s has no package comment that says what it is for", p.dir)
		}
	}
}

func TestEveryRoomIsDrawn(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(room) + `\b`).Match(text) {
			t.Errorf("docs/architecture.md does not say what is in %s", room)
		}
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.files {
			if file.test || file.generated || file.syntax.Name.Name == "main" {
				continue
			}
			for _, declaration := range file.syntax.Decls {
				for _, name := range undocumented(declaration) {
					t.Errorf("%s: %s has no comment", file.at(declaration), name)
				}
			}
		}
	}
}

// undocumented lists the exported names of a declaration that no comment
// speaks of. One comment serves a whole group of constants or variables.
func undocumented(declaration ast.Decl) []string {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || d.Doc != nil || d.Tok != token.CONST && d.Tok != token.VAR {
			return nil
		}
		exported := slices.DeleteFunc(slices.Clone(s.Names), func(n *ast.Ident) bool { return !n.IsExported() })
		names := make([]string, len(exported))
		for i, n := range exported {
			names[i] = n.Name
		}
		return names
	}
	return nil
}

// exportedReceiver holds for functions, and for methods of exported types.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	exported := true
	ast.Inspect(d.Recv.List[0].Type, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok {
			exported = name.IsExported()
			return false
		}
		return exported
	})
	return exported
}
