package main

import (
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/web"
)

// TestSessionsShowTellsFailovers, and nothing of those that were not.
func TestSessionsShowTellsFailovers(t *testing.T) {
	for _, f := range []*session.Failovers{nil, {Count: 3, From: "nvh264enc", To: "x264enc", Why: "the media worker is gone"}} {
		var out strings.Builder
		if err := printSession(&out, web.SessionDetail{Session: web.Session{ID: "1", Failovers: f}}); err != nil {
			t.Fatal(err)
		}
		const want = "failovers: 3, the last at -: nvh264enc ended, x264enc took its place (the media worker is gone)\n"
		if got := strings.Contains(out.String(), want); got != (f != nil) || f == nil && strings.Contains(out.String(), "failover") {
			t.Errorf("failovers %+v: %s", f, out.String())
		}
	}
}
