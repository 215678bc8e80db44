package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/engine"
)

// TestSeccompProfilesAreRead: the engine gets the text of a file, and other
// options as they are.
func TestSeccompProfilesAreRead(t *testing.T) {
	file, large := filepath.Join(t.TempDir(), "profile.json"), filepath.Join(t.TempDir(), "large.json")
	for path, text := range map[string]string{file: `{"defaultAction":"SCMP_ACT_ALLOW"}`, large: strings.Repeat(" ", maxProfile+1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := engine.Spec{SecurityOpt: []string{"apparmor=unconfined", "seccomp=unconfined", "seccomp=" + file}}
	want := []string{"apparmor=unconfined", "seccomp=unconfined", `seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`}
	if err := readSeccomp(&s); err != nil || !slices.Equal(s.SecurityOpt, want) {
		t.Errorf("%q, %v", s.SecurityOpt, err)
	}
	for path, why := range map[string]string{large: "larger than", filepath.Dir(file): "not a file", file + ".gone": "no such file"} {
		if err := readSeccomp(&engine.Spec{SecurityOpt: []string{"seccomp=" + path}}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
