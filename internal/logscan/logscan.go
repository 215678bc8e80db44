// Package logscan finds the lines of a log that hold one of many literals, at
// the speed of memory: whatever does not hold one is never looked at as a line.
package logscan

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

const (
	// MaxLine is how much of a line is looked at and delivered, in bytes; the
	// rest is cut.
	MaxLine = 64 << 10
	// chunk is how much is read at a time.
	chunk = 256 << 10
	// afterBytes is how much of what follows a line is delivered.
	afterBytes = 512
	// maxWorkers bounds memory: each has a segment or two.
	maxWorkers = 16
)

// Line is a line with at least one of the literals.
type Line struct {
	// Number counts from 1, Offset is that of its first byte.
	Number, Offset int64
	// Text is the line without its end, cut at MaxLine; valid during the call.
	Text []byte
	// After is what follows the line, up to a few hundred bytes and to the end
	// of a line: some messages go on there. Valid during the call.
	After []byte
	// Signs are the indices of the literals that it holds, in no order, each
	// once. Of literals of which one is a part of the other both are told.
	// Valid during the call.
	Signs []int
	// Cut says that the line was longer.
	Cut bool
}

// Stats counts what was read.
type Stats struct {
	Bytes, Lines, Hits int64
}

// Scan reads r to its end and calls hit, in order and never at the same time,
// for each line that holds a literal. As many segments are searched at the same
// time as the program may use processors. Memory is bounded, whatever the
// lines' lengths. It ends early with the error of hit or of ctx, as soon as r
// returns from what it is reading.
//
// A reader that follows a growing log says by a Read of no bytes and no error
// that nothing more comes for now: what is there is delivered then, even where
// what follows the last line is not complete.
func (m *Matcher) Scan(ctx context.Context, r io.Reader, hit func(Line) error) (Stats, error) {
	return m.scan(ctx, runtime.GOMAXPROCS(0), r, func(*segment) {}, func(seg *segment, i int, before int64) error {
		return hit(seg.line(seg.hits[i], before))
	})
}

// ScanBy is Scan with so many segments at the same time, at least one, for those
// who scan several logs at once; and what can be said of a line by itself is found
// out by look, for several lines at the same time. Its second argument is what
// hit is given with the line's number, and is as an earlier line has left it. The
// line that look is given has no number yet.
func ScanBy[T any](ctx context.Context, m *Matcher, workers int, r io.Reader, look func(*Line, *T), hit func(number int64, looked *T) error) (Stats, error) {
	each := func(seg *segment) {
		looked, _ := seg.looked.([]T)
		looked = slices.Grow(looked[:0], len(seg.hits))[:len(seg.hits)]
		var line Line
		for i, h := range seg.hits {
			line = seg.line(h, 0)
			look(&line, &looked[i])
		}
		seg.looked = looked
	}
	return m.scan(ctx, workers, r, each, func(seg *segment, i int, before int64) error {
		return hit(before+seg.hits[i].newlines, &seg.looked.([]T)[i])
	})
}

// scan has look called by the workers for each segment, and hit for each line in
// order.
func (m *Matcher) scan(ctx context.Context, workers int, r io.Reader, look func(*segment), hit func(seg *segment, i int, before int64) error) (Stats, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	workers = max(1, min(workers, maxWorkers))
	p := &pipeline{
		split: splitter{r: r},
		free:  make(chan *segment, workers+2), work: make(chan *segment, workers+2), ordered: make(chan *segment, workers+2),
	}
	for range cap(p.free) {
		p.free <- &segment{done: make(chan struct{}, 1)}
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			s := newSearcher(m)
			for seg := range p.work {
				s.search(seg)
				look(seg)
				seg.done <- struct{}{}
			}
		})
	}
	running.Go(func() { p.read(ctx) })
	stats, err := p.deliver(ctx, hit)
	cancel(err)
	running.Wait()
	if err == nil {
		err = p.failed
	}
	stats.Bytes = p.split.bytes
	return stats, err
}

// pipeline moves segments. No channel ever blocks a sender, since there are as
// many segments as room in each; read closes work and ordered.
type pipeline struct {
	split               splitter
	free, work, ordered chan *segment
	failed              error // of read; to be looked at after it has ended
}

// read fills segments until the end of the log or of ctx.
func (p *pipeline) read(ctx context.Context) {
	defer close(p.work)
	defer close(p.ordered)
	for {
		var seg *segment
		select {
		case <-ctx.Done():
			return
		case seg = <-p.free:
		}
		more, err := p.split.next(seg)
		if p.failed = err; err != nil || !more {
			return
		}
		p.ordered <- seg
		p.work <- seg
	}
}

// deliver hands out the lines in their order.
func (p *pipeline) deliver(ctx context.Context, hit func(seg *segment, i int, before int64) error) (stats Stats, err error) {
	before := int64(1)
	unfinished := false
	for seg := range p.ordered {
		<-seg.done
		if err := ctx.Err(); err != nil {
			return stats, fmt.Errorf("scan the log: %w", err)
		}
		for i := range seg.hits {
			stats.Hits++
			if err := hit(seg, i, before); err != nil {
				return stats, err
			}
		}
		before += seg.newlines
		unfinished = seg.buf[seg.limit-1] != '\n'
		stats.Lines = before - 1
		p.free <- seg
	}
	if unfinished {
		stats.Lines++
	}
	if err := ctx.Err(); err != nil {
		return stats, fmt.Errorf("scan the log: %w", err)
	}
	return stats, nil
}
