package diagnosis

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestOlderFaultsAreAllHere: each fault that was known before this catalogue is
// in it under its id, at the stage that its older stage maps to, and whole.
func TestOlderFaultsAreAllHere(t *testing.T) {
	raw, err := os.ReadFile("testdata/older.txt")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]evidence.Stage{}
	if err := json.Unmarshal(olderStages, &ours); err != nil {
		t.Fatal(err)
	}
	c, n, used := catalogue(t), 0, map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		id, stage, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || id == "#" {
			continue
		}
		n++
		used[stage] = true
		f, known := c.Fault(id)
		mapped := ours[stage]
		switch {
		case !known:
			t.Errorf("%s is not in the catalogue", id)
		case mapped == "" || f.Stage != mapped:
			t.Errorf("%s is of stage %q, and %q maps to %q", id, f.Stage, stage, mapped)
		case len(f.Signs) == 0 && !f.Derived && len(f.SeenBy) == 0:
			t.Errorf("nothing shows %s", id)
		case f.DependsOn == nil || f.FirstSession == "" || f.LaterSession == "" || f.RestartHelps == "":
			t.Errorf("%s is not whole: %+v", id, f)
		}
	}
	if n != 62 {
		t.Errorf("%d faults, want 62", n)
	}
	for stage, mapped := range ours {
		if !used[stage] {
			t.Errorf("no fault is of the older stage %q", stage)
		}
		if !slices.Contains(evidence.Stages(), mapped) && !slices.Contains(outsideSessions, mapped) {
			t.Errorf("%q maps to %q, which is no stage", stage, mapped)
		}
	}
}

// TestOlderStagesInOwnFaults: a user's file may use the older names.
func TestOlderStagesInOwnFaults(t *testing.T) {
	c, err := Load([]byte(`[{"id": "mine", "name": "m", "stage": "lobby switch", "severity": "low", "signs": [{"literal": "my own words"}], "meaning": "m", "cure": "c"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := c.Fault("mine"); f.Stage != evidence.StageStreaming {
		t.Errorf("%+v", f)
	}
}
