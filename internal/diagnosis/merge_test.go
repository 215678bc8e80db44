package diagnosis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// conclusion is what of a diagnosis must not depend on how its lines came.
func conclusion(d *Diagnosis) string {
	var b strings.Builder
	fmt.Fprint(&b, d.Verdict)
	for _, r := range d.Candidates {
		fmt.Fprint(&b, " ", r.ID)
	}
	for _, link := range d.Chain {
		fmt.Fprint(&b, " >", link.Fault, " ", link.Count)
	}
	for _, s := range d.Sessions {
		fmt.Fprint(&b, "\n", s.Ordinal, s.Life, s.End, s.Verdict, s.Display, s.Sink)
		for _, r := range s.Stages {
			fmt.Fprint(&b, " ", r.Stage, " ", r.State)
		}
	}
	return b.String()
}

func together(t *testing.T, c *Catalogue, parts map[string]string) *Diagnosis {
	t.Helper()
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	var sources []Source
	for _, name := range names {
		sources = append(sources, Source{name, strings.NewReader(parts[name])})
	}
	l, err := c.Read(t.Context(), sources...)
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

// TestSourcesOfOneClock: the lines of a real log, spread over several sources
// which all say when they were written, say what the log says.
func TestSourcesOfOneClock(t *testing.T) {
	c := catalogue(t)
	for _, file := range logs(t, "wolf-runs") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
		at := time.Date(2025, 10, 2, 0, 0, 0, 0, time.UTC)
		parts := map[string]string{}
		var whole strings.Builder
		for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
			if l := wolflog.Parse(line); l.Clock == wolflog.UTCDay {
				at = time.Date(2025, 10, 2, 0, 0, 0, 0, time.UTC).Add(l.Time)
			}
			stamped := at.Format("2006-01-02T15:04:05.000000000Z ") + line + "\n"
			at = at.Add(1) // the order of lines of one moment
			whole.WriteString(stamped)
			// Of three sources, the last one begins late.
			parts[fmt.Sprintf("part-%d.log", min(i%3, i/20))] += stamped
		}
		want := conclusion(together(t, c, map[string]string{"whole.log": whole.String()}))
		if got := conclusion(together(t, c, parts)); got != want {
			t.Errorf("%s: together\n%s\nwant\n%s", filepath.Base(file), got, want)
		}
	}
}

// TestSourcesOfDifferentClocks: what Wolf, its compositor and GStreamer print,
// each into a log of its own: without a date, with one, and since the start of
// the process.
func TestSourcesOfDifferentClocks(t *testing.T) {
	c := catalogue(t)
	raw, err := os.ReadFile("testdata/seed/bad.log")
	if err != nil {
		t.Fatal(err)
	}
	// 10 minutes and 2.661 s after the start was 06:40:13.031.
	const start = "06:30:10.370000000 INFO  | Gstreamer version: 1.26.2-0\n"
	parts := map[string]string{"wolf.log": start}
	for line := range strings.Lines(strings.ReplaceAll(string(raw), "40:56:30.661", "0:10:02.661")) {
		name := "wolf.log"
		switch wolflog.Parse(line).Shape {
		case wolflog.Tracing:
			name = "compositor.log"
		case wolflog.GStreamer:
			name = "gstreamer.log"
		case wolflog.Sway:
			// Just before the app's end.
			name, line = "sway.log", strings.Replace(line, "00:00:00.200", "00:00:00.619", 1)
		}
		parts[name] += line
	}
	d := together(t, c, parts)
	if d.Verdict != Faulty || d.Root.ID != "gl-oom" || d.Root.File != "compositor.log" || d.Root.Line != 2 {
		t.Errorf("%s %+v", d.Verdict, d.Root)
	}
	var chain []string
	for _, link := range d.Chain {
		chain = append(chain, fmt.Sprintf("%s %s:%d", link.Fault, link.File, link.Line))
	}
	want := []string{"gl-oom compositor.log:2", "egl-dmabuf-bind compositor.log:4", "cuda-not-permitted gstreamer.log:1", "encoder-init gstreamer.log:4", "sway-lost-display sway.log:1", "container-fast-exit wolf.log:8"}
	if diff := cmp.Diff(want, chain); diff != "" {
		t.Error(diff)
	}
	// Without the start nothing tells when GStreamer's lines were written: they
	// are read last, and are no cause.
	parts["wolf.log"] = strings.TrimPrefix(parts["wolf.log"], start)
	if d := together(t, c, parts); d.Verdict != Faulty || d.Root.ID != "gl-oom" || d.Chain[0].Fault != "gl-oom" {
		t.Errorf("without the start: %s %+v", d.Verdict, d.Chain)
	}
}

// TestPiecesOfARotatedLog tell no date: they are read as they are named, over
// midnight too.
func TestPiecesOfARotatedLog(t *testing.T) {
	c := catalogue(t)
	text := lives(5, 7, 6)
	lines := strings.SplitAfter(text, "\n")
	third := len(lines) / 3
	parts := map[string]string{"1": strings.Join(lines[:third], ""), "2": strings.Join(lines[third:2*third], ""), "3": strings.Join(lines[2*third:], "")}
	whole := together(t, c, map[string]string{"whole": text})
	if got, want := conclusion(together(t, c, parts)), conclusion(whole); got != want {
		t.Errorf("pieces\n%s\nwant\n%s", got, want)
	}
}

// TestADirectoryOfLogs: many logs of different days, in any order, are opened
// when their time has come.
func TestADirectoryOfLogs(t *testing.T) {
	c := catalogue(t)
	parts := map[string]string{}
	for day := range 40 {
		at := time.Date(2025, 1, 1+day, 10, 0, 0, 0, time.UTC)
		stamp := func() string { at = at.Add(time.Second); return at.Format("2006-01-02T15:04:05.000000000Z ") }
		// The names go the other way.
		parts[fmt.Sprintf("%02d.log", 99-day)] = stamp() + "INFO | Gstreamer version: 1\n" + stamp() + fmt.Sprintf("INFO | Wayland display ready, listening on: wayland-%d\n", day+1)
	}
	d := together(t, c, parts)
	if len(d.Lives) != 40 || len(d.Sessions) != 40 || len(d.Files) != 40 || d.Lines != 80 {
		t.Fatalf("%d lives, %d sessions, %d files, %d lines", len(d.Lives), len(d.Sessions), len(d.Files), d.Lines)
	}
	for i, s := range d.Sessions {
		if s.Display != fmt.Sprintf("wayland-%d", i+1) {
			t.Errorf("session %d is on %s", i, s.Display)
		}
	}
}

// endless gives lines with a sign until its context ends, as a log that is
// written faster than it is read, later than all others.
type endless struct{ ctx context.Context }

func (e endless) Read(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, io.EOF
	}
	const line = "2026-10-02T06:40:11.752176Z ERROR smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY\n"
	return copy(p, strings.Repeat(line, 1+len(p)/len(line))), nil
}

// TestMergeEnds with its context, and with the first source that fails; nothing
// is left running.
func TestMergeEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := catalogue(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(ctx, Source{"a", endless{t.Context()}}, Source{"b", endless{t.Context()}})
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	failing := io.MultiReader(strings.NewReader(strings.Repeat("2025-10-02T06:40:11.752176Z ERROR a: [GL] GL_OUT_OF_MEMORY\n", 50_000)), iotest.ErrReader(errors.New("the disk is gone")))
	_, err := c.Read(t.Context(), Source{"a", endless{t.Context()}}, Source{"b.log", failing})
	if err == nil || !strings.Contains(err.Error(), "b.log: ") || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("of a source that fails: %v", err)
	}
	if _, err = c.Read(t.Context(), Source{"a", strings.NewReader("x\n")}, Source{"b.log", iotest.ErrReader(errors.New("the disk is gone"))}); err == nil || !strings.Contains(err.Error(), "b.log: ") {
		t.Errorf("of a source that fails at once: %v", err)
	}
}

// FuzzMerge: whatever two sources hold, they are read to their ends, and all
// their lines are counted.
func FuzzMerge(f *testing.F) {
	for _, name := range []string{"good.log", "bad.log"} {
		raw, err := os.ReadFile(filepath.Join("testdata/seed", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, raw[len(raw)/2:])
	}
	f.Add([]byte("0:00:01.5 1 0x1 WARN x a.c:1:f: CUDA_ERROR_NOT_PERMITTED\n"), []byte("00:00:00.200 [ERROR] [wlr] [x.c:1] Failed to read from remote Wayland display\n"))
	c := catalogue(f)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		l, err := c.Read(t.Context(), Source{"a", bytes.NewReader(a)}, Source{"b", bytes.NewReader(b)})
		if err != nil {
			t.Fatal(err)
		}
		if l.Bytes != int64(len(a)+len(b)) {
			t.Errorf("%d bytes of %d and %d", l.Bytes, len(a), len(b))
		}
		if _, err := json.Marshal(c.Diagnose(l)); err != nil {
			t.Error(err)
		}
	})
}
