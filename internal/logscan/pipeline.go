package logscan

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// hitFunc is given a line of a segment, and what number the segment's first has.
type hitFunc func(seg *segment, i int, before int64) error

// pipeline has each worker read a segment, search it, and deliver what is next in
// order, its own or another's. A goroutine that did only one of these would wait
// for a processor just when the others wait for it.
type pipeline struct {
	look func(*segment)
	hit  hitFunc
	free chan *segment // with room for all there are, so nobody waits to give one back

	reading sync.Mutex // covers what follows; held while the log is waited for
	split   splitter
	read    int64 // segments so far
	over    bool

	mu         sync.Mutex // covers what follows
	found      []*segment // searched and not delivered, by their number modulo all there are
	delivered  int64
	delivering bool // by a worker, who alone uses stats and unfinished meanwhile
	failed     error

	stats      Stats
	unfinished bool // the last line has no end
}

// spare is how many segments more than workers there are: what a worker may be
// ahead of one that delivers.
const spare = 2

func newPipeline(r io.Reader, workers int, look func(*segment), hit hitFunc) *pipeline {
	all := 1
	if workers > 1 {
		all = workers + spare
	}
	p := &pipeline{look: look, hit: hit, split: splitter{r: r}, free: make(chan *segment, all), found: make([]*segment, all)}
	for range all {
		p.free <- &segment{}
	}
	return p
}

// run returns when every worker has ended.
func (p *pipeline) run(ctx context.Context, m *Matcher, workers int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	work := func() {
		if err := p.work(ctx, newSearcher(m)); err != nil {
			p.fail(err)
			cancel()
		}
	}
	for range workers - 1 {
		running.Go(work)
	}
	work()
	running.Wait()
	if p.failed == nil && p.unfinished {
		p.stats.Lines++
	}
	return p.failed
}

// fail keeps the first error.
func (p *pipeline) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = err
	}
}

// work goes on until the end of the log or of ctx.
func (p *pipeline) work(ctx context.Context, s *searcher) error {
	var seg *segment
	for {
		if seg == nil {
			select {
			case <-ctx.Done():
			case seg = <-p.free:
			}
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("scan the log: %w", err)
		}
		if more, err := p.next(seg); err != nil || !more {
			p.free <- seg // another may wait for it, to find the end as well
			return err
		}
		s.search(seg)
		if p.look != nil {
			p.look(seg)
		}
		var err error
		if seg, err = p.deliver(ctx, seg); err != nil {
			return err
		}
	}
}

// next reads a segment; false at the end.
func (p *pipeline) next(seg *segment) (bool, error) {
	p.turnToRead()
	defer p.reading.Unlock()
	if p.over {
		return false, nil
	}
	more, err := p.split.next(seg)
	if p.over = err != nil || !more; p.over {
		return false, err
	}
	seg.number = p.read
	p.read++
	return true, nil
}

// tries is how often a worker looks whether another has read its segment, before
// it sleeps: to be woken takes longer than to read one that is in memory.
const tries = 1000

// turnToRead locks reading.
func (p *pipeline) turnToRead() {
	for range tries {
		if p.reading.TryLock() {
			return
		}
		runtime.Gosched()
	}
	p.reading.Lock() // of a log that is waited for
}

// deliver hands out the lines of a segment when its turn has come, and of those
// after it that are searched; another worker that delivers does so in its stead.
// It returns a segment that is free again, if any: best is the last, which the
// caches of this processor still hold.
func (p *pipeline) deliver(ctx context.Context, seg *segment) (free *segment, err error) {
	for next := p.begin(seg); next != nil; next = p.following() {
		err := p.give(ctx, next)
		if free != nil {
			p.free <- free
		}
		free = next
		if err != nil {
			return free, err // and nobody delivers from here on
		}
	}
	return free, nil
}

// begin keeps a segment, and returns the one to be delivered next; nil where that
// is not searched yet, or another worker delivers.
func (p *pipeline) begin(seg *segment) *segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found[seg.number%int64(len(p.found))] = seg
	if p.delivering {
		return nil
	}
	return p.turn()
}

// following is the segment after the one that was delivered, nil as above.
func (p *pipeline) following() *segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered++
	return p.turn()
}

// turn takes the segment whose turn it is, with mu held.
func (p *pipeline) turn() *segment {
	at := &p.found[p.delivered%int64(len(p.found))]
	next := *at
	*at, p.delivering = nil, next != nil
	return next
}

// give hands out the lines of one segment.
func (p *pipeline) give(ctx context.Context, seg *segment) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("scan the log: %w", err)
	}
	before := p.stats.Lines + 1
	if len(seg.hits) > 0 {
		seg.hits[0].low = seg.hits[0].low || p.stats.Low
		p.stats.Low = false
	}
	p.stats.Low = p.stats.Low || seg.low
	for i := range seg.hits {
		p.stats.Hits++
		if err := p.hit(seg, i, before); err != nil {
			return err
		}
	}
	p.stats.Lines += seg.newlines
	p.unfinished = seg.buf[seg.limit-1] != '\n'
	return nil
}
