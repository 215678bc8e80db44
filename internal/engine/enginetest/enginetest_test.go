package enginetest

import (
	"errors"
	"strings"
	"testing"
)

// TestUntested: without an engine a CI fails, unless it says that this is meant.
func TestUntested(t *testing.T) {
	why := errors.New("no dockerd")
	for _, c := range []struct {
		ci, reason string
		fails      bool
	}{{"", "", false}, {"true", "", true}, {"true", "a runner without root", false}, {"", "no root", false}} {
		text, fails := verdict(why, c.ci, c.reason)
		if fails != c.fails || !strings.Contains(text, "NO CONTAINER IS TESTED") || !strings.Contains(text, "no dockerd") || !strings.Contains(text, c.reason) {
			t.Errorf("CI=%q, reason %q: %t, %s", c.ci, c.reason, fails, text)
		}
	}
	if text, fails := verdict(errNotRoot, "true", ""); fails {
		t.Errorf("who may not start an engine fails: %s", text)
	}
}
