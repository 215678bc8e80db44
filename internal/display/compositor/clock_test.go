package compositor

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeClock stands still until a test moves it.
type fakeClock struct {
	mu     sync.Mutex // covers all below
	now    int64
	timers []*fakeTimer
}

type fakeTimer struct {
	at int64
	f  func()
}

func newFakeClock() *fakeClock { return &fakeClock{now: int64(time.Hour)} }

func (c *fakeClock) Now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{c.now + int64(d), f}
	c.timers = append(c.timers, t)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(o *fakeTimer) bool { return o == t })
	}
}

// advance moves the time and runs what is due.
func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now += int64(d)
	var due []*fakeTimer
	c.timers = slices.DeleteFunc(c.timers, func(t *fakeTimer) bool {
		if t.at <= c.now {
			due = append(due, t)
		}
		return t.at <= c.now
	})
	c.mu.Unlock()
	for _, t := range due {
		t.f()
	}
}

func (c *fakeClock) armed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

func TestCreditsDoNotAddUp(t *testing.T) {
	clk := newFakeClock()
	r := newRefresh(clk, 50_000, func() {})
	if !r.credit(clk.Now()) {
		t.Fatal("no credit at the start")
	}
	r.spend(clk.Now())
	if r.credit(clk.Now()) {
		t.Fatal("a second credit in one interval")
	}
	clk.advance(19 * time.Millisecond)
	if r.credit(clk.Now()) {
		t.Fatal("a credit before the tick")
	}
	clk.advance(time.Second)
	if !r.credit(clk.Now()) {
		t.Fatal("no credit after many ticks")
	}
	r.spend(clk.Now())
	if r.credit(clk.Now()) {
		t.Fatal("credits added up while nobody used them")
	}
}

func TestTicksKeepTheirPhase(t *testing.T) {
	clk := newFakeClock()
	start := clk.Now()
	ticks := 0
	r := newRefresh(clk, 50_000, func() { ticks++ })
	clk.advance(33 * time.Millisecond)
	r.arm()
	r.arm()
	if clk.armed() != 1 {
		t.Fatalf("%d timers", clk.armed())
	}
	clk.advance(6 * time.Millisecond)
	if ticks != 0 {
		t.Fatal("tick before its time")
	}
	clk.advance(time.Millisecond)
	if ticks != 1 || r.at(clk.Now()) != start+int64(40*time.Millisecond) || r.index(clk.Now()) != 2 {
		t.Fatalf("%d ticks, at %v, index %d", ticks, time.Duration(r.at(clk.Now())-start), r.index(clk.Now()))
	}
	r.ticked()
	r.arm()
	r.close()
	if clk.armed() != 0 {
		t.Error("the timer survives close")
	}
}
