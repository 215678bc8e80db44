package meter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Reads and Failures count, those out of turn too; Took is how long the
	// newest reading took, and Slowest the slowest of all.
	Reads    int64         `json:"reads"`
	Failures int64         `json:"failures"`
	Took     time.Duration `json:"took_ns"`
	Slowest  time.Duration `json:"slowest_ns"`
}

// Board reads gauges, each on a goroutine of its own, until it is closed: one
// that hangs holds up none of the others, nor the board.
type Board struct {
	changed func(Reading)
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	all     sync.WaitGroup

	mu     sync.Mutex // covers what follows
	gauges map[string]*gauge
}

// gauge is one that is watched; Board.mu covers it.
type gauge struct {
	Reading
	deadline time.Duration
	lost     int // readings that have not returned though their time is over
}

// ErrLost means that a reading does not return.
var ErrLost = errors.New("the meter does not return")

// NewBoard starts reading. changed is told when a gauge goes dark and when it
// comes back, and must not block.
func NewBoard(ctx context.Context, gauges []Gauge, changed func(Reading)) *Board {
	ctx, stop := context.WithCancel(ctx)
	b := &Board{changed: changed, ctx: ctx, stop: stop, gauges: map[string]*gauge{}}
	for _, g := range gauges {
		b.add(g)
		b.all.Go(func() { b.watch(ctx, g) })
	}
	return b
}

// Close ends the readings and waits for those under way, but for any that are
// lost.
func (b *Board) Close() {
	b.stop()
	b.all.Wait()
}

// Watch reads one more gauge until ctx ends or the board is closed; then it is
// on the board no more.
func (b *Board) Watch(ctx context.Context, g Gauge) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	b.add(g)
	b.watch(ctx, g)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.gauges, g.Name)
}

func (b *Board) add(g Gauge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gauges[g.Name] = &gauge{Reading: Reading{Name: g.Name, Since: time.Now()}, deadline: g.Deadline}
}

// Readings lists how every gauge does, by name.
func (b *Board) Readings() []Reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Reading, 0, len(b.gauges))
	for _, g := range b.gauges {
		all = append(all, g.Reading)
	}
	slices.SortFunc(all, func(a, b Reading) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Dark tells whether a gauge is dark. One that does not exist is not.
func (b *Board) Dark(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.gauges[name]
	return g != nil && g.Dark
}

// Watched tells whether a gauge is on the board.
func (b *Board) Watched(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gauges[name] != nil
}

func (b *Board) watch(ctx context.Context, g Gauge) {
	tick := time.NewTicker(g.Every)
	defer tick.Stop()
	for {
		err := b.take(ctx, g.Name, g.Read)
		if ctx.Err() != nil {
			return
		}
		b.judge(g.Name, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judge says whether a gauge is dark by its newest reading in turn.
func (b *Board) judge(name string, err error) {
	b.mu.Lock()
	g := b.gauges[name]
	was := g.Dark
	g.Dark, g.Error = err != nil, ""
	if err != nil {
		g.Error = err.Error()
	}
	if g.Dark != was {
		g.Since = time.Now()
	}
	now := g.Reading
	b.mu.Unlock()
	if now.Dark != was {
		b.changed(now)
	}
}

// Ask takes one reading out of turn, counted, timed and bounded like those of
// the gauge; whether that is dark is not decided by it. Where the error is not
// nil nothing is known.
func Ask[T any](ctx context.Context, b *Board, name string, read func(context.Context) (T, error)) (T, error) {
	found := make(chan T, 1)
	err := b.take(ctx, name, func(ctx context.Context) error {
		v, err := read(ctx)
		found <- v
		return err
	})
	select {
	case v := <-found:
		return v, err
	default:
		var none T
		return none, cmp.Or(err, ErrLost)
	}
}

// take takes one reading. One that does not return in its time is left alone,
// and no other is begun before it does.
func (b *Board) take(ctx context.Context, name string, read func(context.Context) error) error {
	b.mu.Lock()
	g := b.gauges[name]
	if g == nil {
		b.mu.Unlock()
		return fmt.Errorf("read the meter %q: it is not watched", name)
	}
	began := time.Now()
	if g.lost > 0 {
		g.Reads, g.Failures = g.Reads+1, g.Failures+1
		b.mu.Unlock()
		return ErrLost
	}
	limited, cancel := context.WithTimeout(ctx, g.deadline)
	b.mu.Unlock()
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- read(limited) }()
	var err error
	select {
	case err = <-done:
	case <-limited.Done():
		select {
		case err = <-done:
		case <-time.After(g.deadline / 4):
			err = ErrLost
			b.leave(g, done)
		}
	}
	if ctx.Err() == nil {
		b.count(g, time.Since(began), err)
	}
	return err
}

func (b *Board) count(g *gauge, took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g.Reads, g.Took, g.Slowest = g.Reads+1, took, max(g.Slowest, took)
	if err != nil {
		g.Failures++
	}
}

// leave waits in the background for a reading that is lost.
func (b *Board) leave(g *gauge, done <-chan error) {
	b.mu.Lock()
	g.lost++
	b.mu.Unlock()
	go func() {
		<-done
		b.mu.Lock()
		defer b.mu.Unlock()
		g.lost--
	}()
}
