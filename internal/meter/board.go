package meter

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Gauge is one thing that is read again and again.
type Gauge struct {
	// Name is what people call it: "gpu".
	Name string
	// Read takes one reading, and returns when ctx ends. Should it not return,
	// the gauge goes dark all the same.
	Read func(ctx context.Context) error
	// Every is the time between readings, Deadline how long one may take; one
	// that has not returned a quarter of that later is taken for lost.
	Every, Deadline time.Duration
}

// Reading says how a gauge does.
type Reading struct {
	Name string `json:"name"`
	// Dark means that the newest reading failed: what it measures is unknown.
	Dark bool `json:"dark"`
	// Error is why, in words.
	Error string `json:"error,omitempty"`
	// Since is when it went dark, or came back.
	Since time.Time `json:"since"`
	// Reads and Failures count; Took is how long the newest reading took, and
	// Slowest the slowest of all.
	Reads    int64         `json:"reads"`
	Failures int64         `json:"failures"`
	Took     time.Duration `json:"took_ns"`
	Slowest  time.Duration `json:"slowest_ns"`
}

// Board reads gauges, each on a goroutine of its own, until it is closed: one
// that hangs holds up none of the others.
type Board struct {
	changed func(Reading)
	stop    context.CancelFunc
	all     sync.WaitGroup

	mu       sync.Mutex // covers what follows
	readings map[string]*Reading
}

// NewBoard starts reading. changed is told when a gauge goes dark and when it
// comes back, and must not block.
func NewBoard(ctx context.Context, gauges []Gauge, changed func(Reading)) *Board {
	ctx, stop := context.WithCancel(ctx)
	b := &Board{changed: changed, stop: stop, readings: map[string]*Reading{}}
	for _, g := range gauges {
		b.readings[g.Name] = &Reading{Name: g.Name, Since: time.Now()}
	}
	for _, g := range gauges {
		b.all.Go(func() { b.watch(ctx, g) })
	}
	return b
}

// Close ends the readings. Those under way are waited for as long as they may take.
func (b *Board) Close() {
	b.stop()
	b.all.Wait()
}

// Readings lists how every gauge does.
func (b *Board) Readings() []Reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Reading, 0, len(b.readings))
	for _, r := range b.readings {
		all = append(all, *r)
	}
	return all
}

// Dark tells whether a gauge is dark. One that does not exist is not.
func (b *Board) Dark(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.readings[name]
	return r != nil && r.Dark
}

func (b *Board) watch(ctx context.Context, g Gauge) {
	tick := time.NewTicker(g.Every)
	defer tick.Stop()
	var lost <-chan error
	for {
		lost = b.read(ctx, g, lost)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ErrLost means that a reading does not return.
var ErrLost = errors.New("the meter does not return")

// read takes one reading. It returns that when it does not return in time: no
// other is begun before it has.
func (b *Board) read(ctx context.Context, g Gauge, lost <-chan error) <-chan error {
	if lost != nil {
		select {
		case <-lost: // what it brings is old
		default:
			b.note(g, ErrLost, 0)
			return lost
		}
	}
	limited, cancel := context.WithTimeout(ctx, g.Deadline)
	began, read := time.Now(), make(chan error, 1)
	go func() {
		defer cancel()
		read <- g.Read(limited)
	}()
	patience := time.NewTimer(g.Deadline + g.Deadline/4)
	defer patience.Stop()
	select {
	case err := <-read:
		if ctx.Err() == nil {
			b.note(g, err, time.Since(began))
		}
		return nil
	case <-patience.C:
		b.note(g, ErrLost, time.Since(began))
		return read
	case <-ctx.Done():
	}
	select {
	case <-read:
	case <-patience.C:
	}
	return nil
}

// note keeps how a reading went, and tells when that is a change.
func (b *Board) note(g Gauge, err error, took time.Duration) {
	b.mu.Lock()
	r := b.readings[g.Name]
	was := r.Dark
	r.Reads, r.Slowest = r.Reads+1, max(r.Slowest, took)
	if took > 0 {
		r.Took = took
	}
	r.Dark, r.Error = err != nil, ""
	if err != nil {
		r.Failures, r.Error = r.Failures+1, err.Error()
	}
	if r.Dark != was {
		r.Since = time.Now()
	}
	now := *r
	b.mu.Unlock()
	if now.Dark != was {
		b.changed(now)
	}
}
