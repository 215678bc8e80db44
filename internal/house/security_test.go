package house

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromisesHaveTests: every row of the table in docs/security.md names tests,
// and each test that the page names exists.
func TestPromisesHaveTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	_, table, _ := strings.Cut(string(text), "| tests |\n")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !named.MatchString(cells[len(cells)-1]) {
			t.Errorf("docs/security.md names no test for: %s", cells[0])
		}
	}
	if rows < 10 {
		t.Errorf("the table of docs/security.md has %d rows", rows)
	}
	there := testNames(t)
	for _, match := range named.FindAllStringSubmatch(string(text), -1) {
		if !there[match[1]] {
			t.Errorf("docs/security.md names %s, which is no test of this repository", match[1])
		}
	}
}

// testNames are the functions of all tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, p := range packages(t) {
		for _, file := range p.files {
			for _, declaration := range file.syntax.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && file.test && f.Recv == nil {
					names[f.Name.Name] = true
				}
			}
		}
	}
	return names
}
