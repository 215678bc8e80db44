package meter

import (
	"context"
	"sync"
	"time"
)

// A Gauge is one thing that is read again and again.
type Gauge struct {
	// Name is what people call it: "gpu".
	Name string
	// Read takes one reading, and returns when ctx ends.
	Read func(ctx context.Context) error
	// Every is the time between readings, Deadline how long one may take.
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
		b.all.Go(func() { b.watch(ctx, g) })
	}
	return b
}

// Close ends the readings and waits for those under way.
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
	for {
		b.read(ctx, g)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Board) read(ctx context.Context, g Gauge) {
	limited, cancel := context.WithTimeout(ctx, g.Deadline)
	began := time.Now()
	err := g.Read(limited)
	took := time.Since(began)
	cancel()
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	r := b.readings[g.Name]
	was := r.Dark
	r.Reads, r.Took, r.Slowest = r.Reads+1, took, max(r.Slowest, took)
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
