package session

import (
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// TestHowAnAppEnded: a player reads whether it ever ran.
func TestHowAnAppEnded(t *testing.T) {
	s := &Session{request: Request{App: app.Spec{Title: "Box"}}}
	failed := process.Exit{Code: 3}
	for want, result := range map[string]app.Result{
		"Box has ended.": {Ran: time.Second},
		"Box ended 0.4 s after its start: exit status 3.": {Exit: failed, Ran: 400 * time.Millisecond},
		"Box ended: exit status 3.":                       {Exit: failed, Ran: time.Minute},
		"Box ended: the image is missing.":                {Exit: process.Exit{Code: -1}, Fault: evidence.FaultImageMissing, Why: "the image is missing"},
	} {
		if got := s.howEnded(result); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestLastLinesAreBounded in number and in length.
func TestLastLinesAreBounded(t *testing.T) {
	output, err := app.NewOutput(t.TempDir() + "/output")
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	s := &Session{output: output}
	if got := s.lastLines("app"); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	for range 20 {
		output.Add("app", strings.Repeat("é", 1000))
	}
	output.Add("app", "the end")
	lines := strings.Split(s.lastLines("app"), "\n")
	if len(lines) != mostLast || lines[mostLast-1] != "the end" || lines[0] != strings.Repeat("é", longestLast/2)+"…" {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}
