package diagnosis

import (
	"fmt"
	"slices"
	"testing"
)

// TestWhoStillAsksIsThere: a client that left and polls did not vanish; another's
// polls, and those from before, say nothing.
func TestWhoStillAsksIsThere(t *testing.T) {
	poll := func(minute int, ip string) string {
		return fmt.Sprintf("10:%02d:00.000000000 DEBUG | %s [GET] HTTP://10.0.0.1/serverinfo", minute, ip)
	}
	begun := append([]string{"09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"}, launched("10:01", "10.0.0.7")...)
	left := "10:05:00.000000000 DEBUG | [ENET] disconnected client: 10.0.0.7:5511"
	var other []string
	for i := range 1000 {
		other = append(other, poll(10+i/20, "10.0.0.8"))
	}
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"it asks":         {slices.Concat(begun, []string{left, poll(6, "10.0.0.7")}), OK},
		"it asks at last": {slices.Concat(begun, []string{left}, other, []string{poll(59, "10.0.0.7")}), OK},
		"it asked before": {slices.Concat(begun, []string{poll(4, "10.0.0.7"), left}), Inconclusive},
		"another asks":    {slices.Concat(begun, []string{left}, other), Faulty},
		"nobody asks":     {slices.Concat(begun, []string{left}), Inconclusive},
	} {
		if d := diagnose(t, c.lines...); d.Verdict != c.want {
			t.Errorf("%s: %s", name, d.Verdict)
		}
	}
}
