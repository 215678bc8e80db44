package house

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// loaders are packages with which a program can load foreign code. The host
// process has none of them: what a GPU driver or GStreamer forgets to free must
// not be able to live in it.
var loaders = []string{"github.com/ebitengine/purego", "runtime/cgo", "plugin"}

// goCommand runs the go command as it builds the kennel program.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "cmd", "kennel")); err != nil {
		t.Skip("cmd/kennel is not there yet")
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return string(out)
}

func TestKennelCannotLoadForeignCode(t *testing.T) {
	closure := strings.Fields(goCommand(t, "list", "-deps", "./cmd/kennel"))
	if !slices.Contains(closure, "runtime") {
		t.Fatalf("not an import closure: %q", closure)
	}
	for _, path := range closure {
		for _, loader := range loaders {
			if within(path, loader) {
				t.Errorf("cmd/kennel imports %s in the end; see: go list -deps -f '{{.ImportPath}} {{.Imports}}' ./cmd/kennel", path)
			}
		}
	}
}

func TestKennelIsAStaticFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kennel")
	goCommand(t, "build", "-o", path, "./cmd/kennel")
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("kennel has a %v segment: it is linked dynamically", program.Type)
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("kennel needs %v", libraries)
	}
}
