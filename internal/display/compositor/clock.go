package compositor

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock is the time that a compositor lives by; tests inject their own.
type clock interface {
	// Now is CLOCK_MONOTONIC in nanoseconds.
	Now() int64
	// AfterFunc runs f on another goroutine after d. Stop of the returned
	// function prevents that if it has not begun.
	AfterFunc(d time.Duration, f func()) (stop func())
}

type systemClock struct{}

func (systemClock) Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return ts.Nano()
}

func (systemClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// refresh is the output's refresh clock. Ticks lie interval apart since base;
// each gives one credit to compose a picture, and credits do not add up. The
// timer runs only while somebody waits for a tick.
type refresh struct {
	clock    clock
	interval int64 // nanoseconds
	base     int64
	spent    int64 // index of the tick whose credit is used up
	stop     func()
	tick     func() // called on another goroutine
}

func newRefresh(c clock, milliHz int, tick func()) *refresh {
	r := &refresh{clock: c, base: c.Now(), spent: -1, tick: tick}
	r.setRate(milliHz)
	return r
}

func (r *refresh) setRate(milliHz int) { r.interval = int64(time.Second) * 1000 / int64(milliHz) }

// index counts the ticks up to now.
func (r *refresh) index(now int64) int64 { return (now - r.base) / r.interval }

// at is the time of the newest tick.
func (r *refresh) at(now int64) int64 { return r.base + r.index(now)*r.interval }

// credit reports whether a picture may be composed now.
func (r *refresh) credit(now int64) bool { return r.index(now) > r.spent }

func (r *refresh) spend(now int64) { r.spent = r.index(now) }

// arm makes sure that the next tick is delivered.
func (r *refresh) arm() {
	if r.stop != nil {
		return
	}
	now := r.clock.Now()
	next := r.base + (r.index(now)+1)*r.interval
	r.stop = r.clock.AfterFunc(time.Duration(next-now), r.tick)
}

// ticked must be called first when a tick is handled.
func (r *refresh) ticked() { r.stop = nil }

func (r *refresh) close() {
	if r.stop != nil {
		r.stop()
	}
}
