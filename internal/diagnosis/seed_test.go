package diagnosis

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func seed(t *testing.T, c *Catalogue, name string) *Diagnosis {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/seed", name))
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Read(t.Context(), Source{name, bytes.NewReader(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

var embeddedOnly = sync.OnceValues(func() (*Catalogue, error) { return Load(nil) })

// catalogue is a copy of the embedded one, of which a test may change the limits.
func catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := embeddedOnly()
	if err != nil {
		t.Fatal(err)
	}
	mine := *c
	return &mine
}

// TestTheReportIsWritten: every row of the tables that a person wrote by hand,
// its chain in order, its root, its warning as benign, and its advice.
func TestTheReportIsWritten(t *testing.T) {
	c := catalogue(t)
	good, bad := seed(t, c, "good.log"), seed(t, c, "bad.log")
	if good.Verdict != OK || bad.Verdict != Faulty || bad.Root.ID != "gl-oom" || bad.Root.RestartHelps != "yes" {
		t.Fatalf("good %s, bad %s %+v", good.Verdict, bad.Verdict, bad.Root)
	}
	var chain []string
	for _, link := range bad.Chain {
		chain = append(chain, link.Fault)
	}
	order := []string{"gl-oom", "egl-dmabuf-bind", "cuda-not-permitted", "encoder-init"}
	if got := slices.DeleteFunc(slices.Clone(chain), func(id string) bool { return !slices.Contains(order, id) }); !slices.Equal(got, order) {
		t.Errorf("chain %v, want %v in this order", chain, order)
	}
	comparison, err := c.Compare(good, bad)
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	if err := comparison.WriteMarkdown(&report); err != nil {
		t.Fatal(err)
	}
	text := report.String()
	for _, row := range []string{
		"| GL memory | ✅ available | ❌ GL_OUT_OF_MEMORY |",
		"| EGL images | ✅ created | ❌ BAD_PARAMETER |",
		"| DMA buffers | ✅ bound | ❌ bind failed |",
		"| CUDA context | ✅ created | ❌ NOT_PERMITTED |",
		"| Display socket | wayland-1 | wayland-2 |",
		"| Compositor state | ✅ healthy | ❌ out of memory |",
		"| Container connection | ✅ connected | ❌ failed to read |",
		"| Audio pipeline | ✅ started | ✅ started |",
		"| Video pipeline | ✅ started | ❌ CUDA error |",
		"| Encoder (nvh265enc) | ✅ working | ❌ init failed |",
		"| Sway startup | ✅ running | ❌ crashes |",
		"| Container state | ✅ running | ❌ stopped |",
		"| Client connection | ✅ streaming | ❌ terminated |",
		"They part at 06:40:11.752, stage display",
		"| launch | 06:46:02 done +0.000 s | 06:40:11 done +0.000 s | +0.000 s |",
		"(no-gpu-for-node), in the good session as well",
		"A restart of Wolf helps", "nvidia-smi --query-gpu=memory.used,memory.free", "grep CUDA_ERROR", "limit concurrent sessions",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("the report lacks %q", row)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestJSONIsStable: what programs rely on.
func TestJSONIsStable(t *testing.T) {
	c := catalogue(t)
	raw, err := json.Marshal(seed(t, c, "bad.log"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Verdict  string
		Root     *struct{ ID string }
		Chain    []struct{ ID string }
		Sessions []struct {
			Ordinal int
			Stages  []struct{ Stage, State string }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil || d.Verdict != "fault" || d.Root == nil || d.Root.ID != "gl-oom" || len(d.Chain) < 4 || d.Chain[0].ID != "gl-oom" ||
		len(d.Sessions) != 1 || d.Sessions[0].Ordinal != 1 || len(d.Sessions[0].Stages) < 9 {
		t.Errorf("%v\n%s", err, raw)
	}
	raw, err = json.Marshal(seed(t, c, "good.log"))
	if err != nil || !bytes.Contains(raw, []byte(`"root":null`)) || !bytes.Contains(raw, []byte(`"verdict":"ok"`)) {
		t.Errorf("%v\n%s", err, raw)
	}
}

// TestTextIsOfEightyColumns, and its first screen answers what matters.
func TestTextIsOfEightyColumns(t *testing.T) {
	c := catalogue(t)
	var out bytes.Buffer
	if err := seed(t, c, "bad.log").WriteText(&out, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for _, l := range lines {
		if n := len([]rune(l)); n > columns {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	screen := strings.Join(lines[:min(24, len(lines))], "\n")
	for _, part := range []string{"What broke: ", "Since when: on 2025-10-02 06:40:11 UTC", "Do now: ", "restart"} {
		if !strings.Contains(screen, part) {
			t.Errorf("the first screen lacks %q:\n%s", part, screen)
		}
	}
}
