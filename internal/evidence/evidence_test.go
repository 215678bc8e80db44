package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestStagesParse(t *testing.T) {
	for _, s := range Stages() {
		if got, err := ParseStage(string(s)); err != nil || got != s {
			t.Errorf("ParseStage(%q) = %q, %v", s, got, err)
		}
	}
	if _, err := ParseStage("compositor"); err == nil {
		t.Error("ParseStage accepts an unknown name")
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	seen := map[FaultID]bool{}
	for _, f := range Faults() {
		if seen[f.ID] {
			t.Errorf("%s is listed twice", f.ID)
		}
		seen[f.ID] = true
		if _, err := ParseStage(string(f.Stage)); err != nil {
			t.Errorf("%s: %v", f.ID, err)
		}
		if f.Meaning == "" || f.Cure == "" || (f.Severity != Warning && f.Severity != Critical) {
			t.Errorf("%s lacks meaning, cure or severity", f.ID)
		}
		if strings.HasSuffix(f.Meaning, ".") || strings.HasSuffix(f.Cure, ".") {
			t.Errorf("%s: texts are joined into sentences and end without a full stop", f.ID)
		}
		for _, d := range f.DependsOn {
			if _, ok := LookupFault(d); !ok || d == f.ID {
				t.Errorf("%s depends on %s, which is not another fault", f.ID, d)
			}
		}
	}
	if _, ok := LookupFault("no-such-fault"); ok {
		t.Error("LookupFault finds what is not there")
	}
}

// TestDependenciesHaveNoCycle: a fault that hid its own cause would hide all.
func TestDependenciesHaveNoCycle(t *testing.T) {
	var visit func(id FaultID, path []FaultID)
	visit = func(id FaultID, path []FaultID) {
		if len(path) > len(catalogue) {
			t.Fatalf("cycle: %v", path)
		}
		f, _ := LookupFault(id)
		for _, d := range f.DependsOn {
			visit(d, append(path, d))
		}
	}
	for _, f := range catalogue {
		visit(f.ID, nil)
	}
}

func TestErrorKinds(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	err := fmt.Errorf("outer: %w", Errorf(Full, "this host is full: %w", cause).WithFault(FaultInternal))
	if KindOf(err) != Full || !errors.Is(err, cause) || FaultOf(err) != FaultInternal {
		t.Errorf("kind %v, fault %q of %v", KindOf(err), FaultOf(err), err)
	}
	if got := err.Error(); got != "outer: this host is full: unexpected EOF" {
		t.Errorf("text = %q", got)
	}
	if e := Errorf(Invalid, "no app %d", 7); e.Error() != "no app 7" || e.Kind != Invalid || FaultOf(e) != "" {
		t.Errorf("plain = %+v", e)
	}
	if KindOf(cause) != Internal || KindOf(nil) != Internal {
		t.Error("an error without a kind must be internal")
	}
	codes := map[int]string{}
	for k := range kinds {
		kind := ErrorKind(k)
		if ParseErrorKind(kind.String()) != kind || kind.XMLStatus() < 400 || kind.HTTPStatus() < 400 {
			t.Errorf("%v does not round trip or has no status", kind)
		}
		if other, taken := codes[kind.ExitCode()]; taken || kind.ExitCode() == 0 {
			t.Errorf("%v and %v share exit code %d", kind, other, kind.ExitCode())
		}
		codes[kind.ExitCode()] = kind.String()
	}
	if ErrorKind(99).String() != "internal" {
		t.Error("an unknown kind must read as internal")
	}
}

func TestTrace(t *testing.T) {
	var mu sync.Mutex
	var got []Event
	tr := NewTrace("s1", func(e Event) { mu.Lock(); got = append(got, e); mu.Unlock() })
	tr.Began(StageDisplay, "socket", "wayland-1")
	tr.Done(StageDisplay)
	tr.Failed(StageApp, FaultAppNotFound, "path", "/x")
	tr.Ended(EndAppCrashed)
	events := tr.Events()
	if len(events) != 4 || len(got) != 4 {
		t.Fatalf("%d kept, %d at the sink, want 4", len(events), len(got))
	}
	for i, e := range events {
		if e.Seq != uint64(i+1) || e.Session != "s1" || e.Version != EventVersion || e.Mono <= 0 || e.Wall.IsZero() {
			t.Errorf("event %d = %+v", i, e)
		}
	}
	if events[1].Attrs["took"] == "" || events[0].Attrs["socket"] != "wayland-1" || events[3].Attrs["end"] != "app-crashed" {
		t.Errorf("attrs = %v", events)
	}
	if tr.State(StageDisplay) != Done || tr.State(StageApp) != Failed || tr.State(StageRTSP) != "" {
		t.Error("wrong states")
	}
	raw, err := json.Marshal(events[2])
	if err != nil || !strings.Contains(string(raw), `"fault":"kennel-app-not-found"`) || !strings.HasPrefix(string(raw), `{"v":1,"seq":3,"mono":`) {
		t.Errorf("json = %s, %v", raw, err)
	}
}

func TestTraceIsBounded(t *testing.T) {
	n := 0
	tr := NewTrace("s", func(Event) { n++ })
	for range MaxTraceEvents + 10 {
		tr.Note(StageApp)
	}
	if len(tr.Events()) != MaxTraceEvents || n != MaxTraceEvents+10 {
		t.Errorf("kept %d, told %d", len(tr.Events()), n)
	}
}

func TestEveryEndIsDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range Ends() {
		if !strings.Contains(string(raw), "| `"+string(end)+"` | ") {
			t.Errorf("docs/operations.md does not say what %s means", end)
		}
	}
}

func TestEndsAreAClosedSet(t *testing.T) {
	if len(Ends()) != 13 || !EndClientQuit.Graceful() || EndDisplayDied.Graceful() || End("x").Graceful() {
		t.Error("ends changed: keep their meaning and this test together")
	}
}

// TestEndsHaveNumbers: each its own, which clients see and which never change.
func TestEndsHaveNumbers(t *testing.T) {
	for i, e := range Ends() {
		if n := e.Number(); int(n) != i+1 {
			t.Errorf("%s has number %d, want %d: numbers are in the order of the list, and for ever", e, n, i+1)
		}
		if back, ok := EndByNumber(e.Number()); !ok || back != e {
			t.Errorf("number %d is %s, %t; want %s", e.Number(), back, ok, e)
		}
	}
	if e, ok := EndByNumber(0); ok {
		t.Errorf("number 0 is %s", e)
	}
}

// TestStagesHaveTheirPlace: by it they are found without a search.
func TestStagesHaveTheirPlace(t *testing.T) {
	for i, stage := range Stages() {
		if stage.Index() != i {
			t.Errorf("%s is at %d, not at %d", stage, stage.Index(), i)
		}
	}
	if i := Stage("startup").Index(); i != -1 {
		t.Errorf("what is no stage is at %d", i)
	}
}
