package diagnosis

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// keyed is a log with what the key accepts for it.
type keyed struct {
	name string
	text []byte
	want []string
}

// allKeyed are the real logs, without their first line, and those that were made.
func allKeyed(t *testing.T) (all []keyed) {
	t.Helper()
	want := expected(t)
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := bytes.Cut(raw, []byte("\n"))
			name := strings.TrimSuffix(filepath.Base(file), ".log")
			all = append(all, keyed{name, rest, want[name]})
		}
	}
	raw, err := os.ReadFile("testdata/made/expected.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] == "#" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata/made", words[0]+".log"))
		if err != nil {
			t.Fatal(err)
		}
		accepted := []string{words[1]}
		for _, word := range words[2:] {
			if id, _, is := strings.Cut(word, "@"); is {
				accepted = append(accepted, id)
			} else {
				break
			}
		}
		if words[1] == Faulty {
			accepted = accepted[1:]
		}
		all = append(all, keyed{"made/" + words[0], text, accepted})
	}
	return all
}

func (k *keyed) diagnose(t *testing.T, c *Catalogue) *Diagnosis {
	t.Helper()
	l, err := c.Read(t.Context(), Source{k.name, bytes.NewReader(k.text)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

// without is the catalogue without the literals of one fault.
func (c *Catalogue) without(id string) *Catalogue {
	one := *c
	one.faults = slices.Clone(c.faults)
	one.faults[c.byID[id]].Signs = nil
	one.lexicon = sync.OnceValue(func() *lexicon { return lexiconOf(one.faults) })
	return &one
}

// TestLeaveOneOut: of each fault in turn the doctor does not know the words. A log
// whose root it is must still not be ok: its levels and its structure show it. The
// logs that are ok all the same are printed, as nothing else in them shows it.
func TestLeaveOneOut(t *testing.T) {
	c := catalogue(t)
	byRoot := map[string][]keyed{}
	for _, k := range allKeyed(t) {
		for _, r := range k.diagnose(t, c).Candidates {
			byRoot[r.ID] = append(byRoot[r.ID], k)
		}
	}
	all, noticed, sure := 0, 0, 0
	for _, f := range c.Faults() {
		if len(f.Signs) == 0 {
			continue
		}
		less := c.without(f.ID)
		for _, k := range byRoot[f.ID] {
			all++
			d := k.diagnose(t, less)
			if d.Verdict == OK {
				t.Logf("%s without %s is ok: %s", k.name, f.ID, d.Seen)
				continue
			}
			noticed++
			if d.Root != nil && d.Root.Confidence == "high" && !slices.Contains(k.want, d.Root.ID) {
				sure++
				t.Logf("%s without %s blames %s for sure", k.name, f.ID, d.Root.ID)
			}
		}
	}
	t.Logf("not ok: %d of %d, %.1f %%; sure of another root: %d", noticed, all, 100*float64(noticed)/float64(all), sure)
	if noticed*100 < 90*all {
		t.Errorf("only %d of %d are noticed", noticed, all)
	}
}

// TestHighIsRight: where the doctor says that it is sure, it is right in 95 % of
// the cases. The table is printed.
func TestHighIsRight(t *testing.T) {
	c := catalogue(t)
	said, right := map[string]int{}, map[string]int{}
	for _, k := range allKeyed(t) {
		d := k.diagnose(t, c)
		for _, r := range d.Candidates {
			said[r.Confidence]++
			if slices.Contains(k.want, r.ID) {
				right[r.Confidence]++
			} else if r.Confidence == "high" {
				t.Logf("%s: sure of %s, want %v", k.name, r.ID, k.want)
			}
		}
	}
	for _, confidence := range []string{"high", "medium", "low"} {
		t.Logf("%-6s right in %3d of %3d", confidence, right[confidence], said[confidence])
	}
	if right["high"]*100 < 95*said["high"] || said["high"] == 0 {
		t.Errorf("high is right in %d of %d", right["high"], said["high"])
	}
}
