package diagnosis

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// real reads a log of testdata without its first line, which names the outcome.
func real(t testing.TB, c *Catalogue, file string) *Diagnosis {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(raw, []byte("\n"))
	l, err := c.Read(t.Context(), Source{filepath.Base(file), bytes.NewReader(rest)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

func logs(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata/logs", dir, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	return files
}

// expected reads what each log shows.
func expected(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/expected.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] != "#" {
			all[words[0]] = words[1:]
		}
	}
	return all
}

// header is what a log's first line says of its outcome.
func header(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	_, outcome, _ := strings.Cut(first, "outcome: ")
	outcome, _, _ = strings.Cut(outcome, ",")
	return outcome
}

// isRight tells whether a diagnosis is among what the key accepts for its log.
func isRight(d *Diagnosis, want []string) bool {
	if d.Verdict != Faulty && slices.Contains(want, d.Verdict) {
		return true
	}
	return d.Verdict != OK && slices.ContainsFunc(d.Candidates, func(r Root) bool { return slices.Contains(want, r.ID) })
}

// truth is whether a log is of a failure or of a healthy host, by the key.
func truth(want []string) string {
	if slices.Contains(want, OK) {
		return "healthy"
	}
	return "failure"
}

// leastRight is how many percent of the logs must be right.
const leastRight = 95

// TestRealLogs: verdict and root are right by the key, no failure is called ok,
// no healthy log a fault, and noise is never a root. The confusion is printed.
func TestRealLogs(t *testing.T) {
	c, want := catalogue(t), expected(t)
	confusion := map[[2]string]int{}
	all, right := 0, 0
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			name := strings.TrimSuffix(filepath.Base(file), ".log")
			d := real(t, c, file)
			all++
			if len(want[name]) == 0 {
				t.Errorf("%s is not in the key", name)
			}
			kind := truth(want[name])
			confusion[[2]string{kind, d.Verdict}]++
			var roots []string
			for _, r := range d.Candidates {
				roots = append(roots, r.ID)
				if entry, _ := c.Fault(r.ID); entry.Benign {
					t.Errorf("%s: noise as a root: %s", name, r.ID)
				}
			}
			if isRight(d, want[name]) {
				right++
				continue
			}
			t.Logf("%s, of a %s: %s %v, want %v", name, kind, d.Verdict, roots, want[name])
		}
	}
	for _, kind := range []string{"failure", "healthy"} {
		t.Logf("%s: %d fault, %d inconclusive, %d ok", kind, confusion[[2]string{kind, Faulty}], confusion[[2]string{kind, Inconclusive}], confusion[[2]string{kind, OK}])
	}
	t.Logf("right: %d of %d, %.1f %%", right, all, 100*float64(right)/float64(all))
	if right*100 < leastRight*all {
		t.Errorf("only %d of %d are right", right, all)
	}
	if n := confusion[[2]string{"healthy", Faulty}]; n > 0 {
		t.Errorf("%d healthy logs are called a fault", n)
	}
	if n := confusion[[2]string{"failure", OK}]; n > 0 {
		t.Errorf("%d failures are called ok", n)
	}
}

// stageLines are the words by which a person would find each stage.
var stageLines = map[evidence.Stage]string{
	evidence.StageLaunch: "/launch|/resume", evidence.StageAudioSink: "Create(d)? virtual audio sink|Created virtual sink",
	evidence.StageApp: `Starting process: |Starting container: `, evidence.StageRTSP: "received command PLAY",
	evidence.StageAudioPipeline: "Starting audio pipeline", evidence.StageVideoPipeline: "Starting video pipeline",
	evidence.StageControl: "connected client", evidence.StageStreaming: "Forcing IDR", evidence.StageStop: "/cancel|disconnected client|Pausing pipeline",
}

// TestStagesOfGoodRuns: every stage that a good run of level DEBUG shows is
// there, with the time of the first line that shows it in its session.
func TestStagesOfGoodRuns(t *testing.T) {
	c := catalogue(t)
	runs, sessions := 0, 0
	for _, file := range logs(t, "wolf-runs") {
		name := filepath.Base(file)
		d := real(t, c, file)
		if header(t, file) != "ok" || len(d.Sessions) == 0 || !d.Debug {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(raw), "\n")[1:]
		runs++
		for i, s := range d.Sessions {
			sessions++
			launch, end := s.place(evidence.StageLaunch).Line, int64(len(lines))
			if i+1 < len(d.Sessions) {
				end = d.Sessions[i+1].place(evidence.StageLaunch).Line - 1
			}
			for stage, words := range stageLines {
				re := regexp.MustCompile(words)
				n := slices.IndexFunc(lines[launch-1:end], re.MatchString)
				r := s.record(stage)
				if n < 0 {
					if r != nil && !r.At.IsZero() {
						t.Errorf("%s, session %d: stage %s is %+v, and no line shows it", name, i+1, stage, r)
					}
					continue
				}
				if r == nil || r.State != Done && r.State != Began || r.Line == 0 {
					t.Errorf("%s, session %d: stage %s is %+v", name, i+1, stage, r)
					continue
				}
				shown := wolflog.Parse(lines[r.Line-1])
				if !re.MatchString(shown.Message) || !r.At.Equal(r.At.Truncate(24*time.Hour).Add(shown.Time)) || stage != evidence.StageStop && r.Line != launch+int64(n) {
					t.Errorf("%s, session %d: stage %s is %+v, its line is %q", name, i+1, stage, r, lines[launch-1:][n])
				}
			}
		}
	}
	if runs < 12 || sessions < 14 {
		t.Errorf("only %d runs with %d sessions", runs, sessions)
	}
}

// TestInfoHidesStages: what level INFO does not show is hidden, and never said
// to be missing, also what it may show.
func TestInfoHidesStages(t *testing.T) {
	d := real(t, catalogue(t), filepath.Join("testdata/logs/wolf-runs", "03-session-ok-info.log"))
	for _, r := range d.Sessions[0].Stages {
		if r.State == Absent {
			t.Errorf("at level INFO the stage %s is %+v", r.Stage, r)
		}
	}
	if r := d.Sessions[0].record(evidence.StageRTSP); r == nil || r.State != Hidden {
		t.Errorf("at level INFO the negotiation is %+v", r)
	}
}

// TestNoSecretsLeave: keys and what pairing exchanges are in no report.
func TestNoSecretsLeave(t *testing.T) {
	c := catalogue(t)
	secret := regexp.MustCompile(`aes_key="([0-9a-f]{16,})"|rikey=([0-9a-f]{16,})`)
	for _, file := range logs(t, "wolf-runs") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		report, err := json.Marshal(real(t, c, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range secret.FindAllSubmatch(raw, -1) {
			for _, key := range m[1:] {
				if len(key) > 0 && bytes.Contains(report, key) {
					t.Errorf("%s: the report has the key %s", filepath.Base(file), key)
				}
			}
		}
	}
}

// TestTheCatalogueIsWhole: every entry says what it must, and none copies the
// id of another.
func TestTheCatalogueIsWhole(t *testing.T) {
	c := catalogue(t)
	for _, f := range c.Faults() {
		if f.FirstSession == "" || f.LaterSession == "" || f.FalsePositives == "" || f.DependsOn == nil ||
			!slices.Contains([]string{"yes", "no", "unknown", "first-session-no-later-yes"}, f.RestartHelps) {
			t.Errorf("%s is not whole: %+v", f.ID, f)
		}
		if f.Benign && f.Severity.rank() <= High.rank() {
			t.Errorf("%s is noise and %s", f.ID, f.Severity)
		}
		if !strings.Contains(f.Explain(), f.Meaning) {
			t.Errorf("%s does not explain itself", f.ID)
		}
	}
	for _, own := range evidence.Faults() {
		if _, ok := c.Fault(string(own.ID)); !ok {
			t.Errorf("Kennel's own fault %s is not in the catalogue", own.ID)
		}
	}
}

// TestEffectsSaySo: what only follows from others is marked, says so, and names
// what it follows from.
func TestEffectsSaySo(t *testing.T) {
	c := catalogue(t)
	for _, id := range []string{"encoder-init", "internal-data", "sway-lost-display", "gtk-no-display", "container-fast-exit", "no-mouse-long", "broken-pipe"} {
		if f, ok := c.Fault(id); !ok || !f.Effect || len(f.DependsOn) == 0 || !strings.Contains(f.Explain(), "only an effect") {
			t.Errorf("%s is no effect: %+v", id, f)
		}
	}
	for _, id := range []string{"gl-oom", "driver-mismatch", "wolf-killed"} {
		if f, ok := c.Fault(id); !ok || f.Effect {
			t.Errorf("%s is an effect: %+v", id, f)
		}
	}
}

// TestEveryDoubtCanBeSettled: each fault has a command and what its answer means,
// in explain and with the root; commands for GPUs are for faults of GPUs.
func TestEveryDoubtCanBeSettled(t *testing.T) {
	c := catalogue(t)
	for _, f := range c.Faults() {
		if !f.Benign && (f.Settle.Run == "" || f.Settle.Means == "" || !strings.Contains(f.Explain(), "To be sure: "+f.Settle.Run)) {
			t.Errorf("%s does not say what would settle it: %+v", f.ID, f.Settle)
		}
		if f.Stage == "pair" && (f.Family != "" || strings.Contains(f.Settle.Run, "nvidia-smi")) {
			t.Errorf("%s, of pairing, looks at the GPU: %+v", f.ID, f.Settle)
		}
	}
	for file, gpu := range map[string]bool{"wolf-runs/02-pair-wrong-pin-debug": false, "03-helix-seed-bad-container-stop": true} {
		d := real(t, c, "testdata/logs/"+file+".log")
		if d.Root == nil || d.Root.Settle.Run == "" {
			t.Fatalf("%s: %+v", file, d.Root)
		}
		var text, markdown bytes.Buffer
		if err := errors.Join(d.WriteText(&text, false), d.WriteMarkdown(&markdown)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "\nTo be sure: ") || !strings.Contains(markdown.String(), "To be sure: `"+d.Root.Settle.Run+"`") {
			t.Errorf("%s does not say what would settle it:\n%s\n%s", file, text.String(), markdown.String())
		}
		if strings.Contains(markdown.String(), "nvidia-smi") != gpu {
			t.Errorf("%s: the advice is\n%s", file, markdown.String())
		}
	}
}

func TestAUsersOwnFaults(t *testing.T) {
	own := `[{"id": "mine", "name": "my fault", "stage": "app", "severity": "critical", "signs": [{"literal": "my own words"}], "meaning": "m", "cure": "c"}]`
	c, err := Load([]byte(own))
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Read(t.Context(), Source{"x", strings.NewReader("10:00:00.000 ERROR | these are my own words\n")})
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Diagnose(l); d.Verdict != Faulty || d.Root.ID != "mine" {
		t.Errorf("%s %+v", d.Verdict, d.Root)
	}
	for name, bad := range map[string]string{
		"JSON": "{", "short": strings.Replace(own, "my own words", "short", 1), "severity": strings.Replace(own, "critical", "awful", 1),
		"stage": strings.Replace(own, `"app"`, `"moon"`, 1), "cause": strings.Replace(own, `"meaning"`, `"depends_on": ["none"], "meaning"`, 1),
		"circle": strings.Replace(own, `"meaning"`, `"depends_on": ["mine"], "meaning"`, 1),
		"settle": strings.Replace(own, `"meaning"`, `"settle": {"run": "x"}, "meaning"`, 1), "family": strings.Replace(own, `"meaning"`, `"family": "x", "meaning"`, 1),
		"effect": strings.Replace(own, `"meaning"`, `"effect": true, "meaning"`, 1),
	} {
		if _, err := Load([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	c := catalogue(b)
	var log []byte
	for _, file := range logs(b, "wolf-runs") {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		log = append(log, raw...)
	}
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		if _, err := c.Read(b.Context(), Source{"log", bytes.NewReader(log)}); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDiagnose(f *testing.F) {
	for _, file := range logs(f, "")[:8] {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[:min(len(raw), 3000)])
	}
	c := catalogue(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := c.Read(t.Context(), Source{"x", bytes.NewReader(raw)})
		if err != nil {
			t.Fatal(err)
		}
		d := c.Diagnose(l)
		if err := errors.Join(d.WriteText(io.Discard, true), d.WriteMarkdown(io.Discard)); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(d); err != nil {
			t.Error(err)
		}
	})
}
