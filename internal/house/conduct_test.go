package house

import (
	"bytes"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A rule forbids calls of certain functions.
type rule struct {
	calls  []string
	reason string
	// covers tells for which files it holds.
	covers func(source) bool
}

var conduct = []rule{
	{
		calls:  []string{"time.Sleep"},
		reason: "a test waits for the event itself, with a deadline",
		covers: func(s source) bool { return s.test },
	},
	{
		calls:  []string{"panic", "log.Fatal", "log.Fatalf", "log.Fatalln", "log.Panic", "log.Panicf", "log.Panicln", "os.Exit"},
		reason: "only a program's own file may end the process; return an error",
		covers: func(s source) bool { return !s.test && !s.generated && !strings.Contains("/"+s.name, "/cmd/") },
	},
	{
		calls:  []string{"exec.Command", "exec.CommandContext", "os.StartProcess", "syscall.ForkExec", "syscall.StartProcess"},
		reason: "children are started by internal/process alone, or nobody is sure to end them",
		covers: func(s source) bool {
			// What the keeper starts ends with its PID namespace; programs below e2e
			// are tests.
			return !s.test && roomOf(s.name) != "internal/process" && s.name != "internal/confine/keeper.go" && roomOf(s.name) != "e2e"
		},
	},
	{
		calls:  []string{"http.ListenAndServe", "http.ListenAndServeTLS", "http.Get", "http.Post", "http.Head"},
		reason: "these have no time limits; use an http.Server or http.Client that has",
		covers: func(s source) bool { return !s.test },
	},
	{
		calls:  []string{"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln"},
		reason: "reports hold what stands in logs: write them by a printer, which escapes",
		covers: func(s source) bool {
			own := []string{"internal/diagnosis/text.go", "internal/diagnosis/catalogue.go"}
			return !s.test && roomOf(s.name) == "internal/diagnosis" && !slices.Contains(own, s.name)
		},
	},
	{
		calls:  []string{"escape.Below"},
		reason: "only what draws on a terminal, or escapes by itself, may write below the writer that escapes",
		covers: func(s source) bool {
			return !s.test && !slices.Contains([]string{"cmd/kennel/bench.go", "cmd/kennel/doctor.go", "cmd/kennel/show.go"}, s.name)
		},
	},
}

// TestOneWayToTheTerminal: what a command prints may hold what an app or a client
// chose, and only main knows the terminal itself, under the writer that escapes it.
func TestOneWayToTheTerminal(t *testing.T) {
	own := []string{"cmd/kennel/main.go", "cmd/kennel/hidden.go", "cmd/kennel/hostile_test.go"}
	for _, p := range packages(t) {
		for _, file := range p.files {
			if file.test || !strings.HasPrefix(file.name, "cmd/kennel/") || slices.Contains(own, file.name) {
				continue
			}
			ast.Inspect(file.syntax, func(node ast.Node) bool {
				s, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "os" && (s.Sel.Name == "Stdout" || s.Sel.Name == "Stderr") {
					t.Errorf("%s uses os.%s: print to cmd.OutOrStdout() or cmd.ErrOrStderr(), which escape", file.name, s.Sel.Name)
				}
				return true
			})
		}
	}
}

func TestConduct(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.files {
			for _, r := range conduct {
				if !r.covers(file) {
					continue
				}
				for _, call := range calls(file.syntax, r.calls) {
					t.Errorf("%s calls %s: %s", file.at(call), callee(call), r.reason)
				}
			}
		}
	}
}

func calls(file *ast.File, names []string) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && slices.Contains(names, callee(call)) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// callee is the name of what is called: "panic" or "time.Sleep".
func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.Ident); ok {
			return of.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// A path of one developer's machine works nowhere else.
var homePath = regexp.MustCompile("(?:^|[\\s\"'`=(:\\[<>])/(?:" + strings.Join([]string{"work", "root", "home/[a-z]+", "Users/[A-Za-z]+"}, "|") + ")(?:/|[\\s\"'`)\\]]|$)")

func TestNoPathsOfOneMachine(t *testing.T) {
	for _, name := range tracked(t) {
		if strings.Contains(name, "/testdata/logs/") || strings.Contains(name, "/testdata/real/") || strings.Contains(name, "/testdata/wild") {
			continue // other people's logs and configurations are as they are
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			continue // deleted but still tracked, or not text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			// The home in every image of games-on-whales.
			line = bytes.ReplaceAll(line, []byte("/home/retro"), nil)
			if path := homePath.Find(line); path != nil {
				t.Errorf("%s:%d names %s, a path of one machine", name, i+1, path)
			}
		}
	}
}

// tracked are the files that belong to the repository. A copy without git has
// no such list, and then nothing to keep out either.
func tracked(t *testing.T) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files", "-z")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Skipf("list the tracked files: %v", err)
	}
	return slices.DeleteFunc(strings.Split(string(out), "\x00"), func(name string) bool {
		return name == "" || strings.HasSuffix(name, ".sum")
	})
}
