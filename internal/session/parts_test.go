package session

import (
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBreaker: never more than n in any window, and no fewer than it may.
func TestBreaker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		const window = 10 * time.Second
		b := newBreaker(n, window)
		now := time.Unix(1000, 0)
		var allowed []time.Time
		for _, step := range rapid.SliceOfN(rapid.Int64Range(0, 6000), 1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(step) * time.Millisecond)
			recent := 0
			for _, a := range allowed {
				if now.Sub(a) < window {
					recent++
				}
			}
			if got, want := b.allow(now), recent < n; got != want {
				t.Fatalf("allow with %d of %d in the window = %v", recent, n, got)
			}
			if recent < n {
				allowed = append(allowed, now)
			}
		}
	})
}

func TestUserIDs(t *testing.T) {
	if os.Geteuid() != 0 {
		if c, err := newUserIDs(64000, 2).take(); c != nil || err != nil {
			t.Errorf("a host without root hands out %v, %v", c, err)
		}
		return
	}
	ids := newUserIDs(64000, 2)
	a, _ := ids.take()
	b, _ := ids.take()
	if a.UID != 64000 || b.UID != 64001 || a.GID != 64000 {
		t.Errorf("%+v and %+v", a, b)
	}
	if _, err := ids.take(); err == nil {
		t.Error("a third id of two")
	}
	ids.giveBack(a)
	ids.giveBack(nil)
	if c, err := ids.take(); err != nil || c.UID != 64000 {
		t.Errorf("%v, %v: want the id that was given back", c, err)
	}
}
