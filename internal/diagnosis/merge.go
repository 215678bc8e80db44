package diagnosis

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"
)

// queueSize is how many lines of a stream wait at most for those of the others.
const queueSize = 256

// merger takes the lines of streams in the order of their times. A stream's own
// lines stay in their order: what has no time, or an earlier one than the line
// before, goes with that line. A stream is opened when its first time has come,
// so that of a directory of logs only those of one time are in memory.
type merger struct {
	r       *reader
	ctx     context.Context
	waiting []*feed // not opened yet, in the order of their first times
	open    []*feed

	mu      sync.Mutex // covers the feeds' fields below, and stopped
	changed *sync.Cond
	stopped bool
	running sync.WaitGroup
}

// feed is an open stream.
type feed struct {
	st  *stream
	key time.Time // of the newest line that was taken: the next is not before it

	queue []record
	ended bool
	quiet bool // a stream that is followed, and has no more for now
	err   error
}

// merge reads streams in the order of time.
func (r *reader) merge(ctx context.Context, streams []*stream) error {
	ctx, cancel := context.WithCancel(ctx)
	m := &merger{r: r, ctx: ctx}
	m.changed = sync.NewCond(&m.mu)
	for _, st := range streams {
		m.waiting = append(m.waiting, &feed{st: st, key: st.head.first})
	}
	slices.SortStableFunc(m.waiting, func(a, b *feed) int {
		if a.key.IsZero() != b.key.IsZero() {
			return b.key.Compare(a.key) // what tells no time at all comes last
		}
		return a.key.Compare(b.key)
	})
	unhook := context.AfterFunc(ctx, m.stop)
	err := m.run()
	cancel()
	unhook()
	m.stop()
	m.running.Wait()
	return err
}

func (m *merger) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.changed.Broadcast()
}

func (m *merger) run() error {
	var last time.Time
	for {
		f, rec, err := m.next()
		if err != nil || f == nil {
			return err
		}
		if !rec.dated || rec.at.IsZero() {
			// It tells no time of its own: that of its neighbours, in its log or else
			// among all.
			if rec.at = f.key; rec.at.IsZero() {
				rec.at = last
			}
		}
		last = rec.at
		m.r.take(rec)
	}
}

// next takes the earliest line, and opens streams whose time has come. It
// returns no feed at the end of all.
func (m *merger) next() (*feed, *record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		if m.stopped {
			return nil, nil, m.ctx.Err()
		}
		first, at, complete, err := m.earliest()
		switch {
		case err != nil:
			return nil, nil, err
		case !complete:
			m.changed.Wait()
			continue
		}
		// What tells no time is read when all others are, unless they are followed.
		if n := m.waiting; len(n) > 0 && (first == nil || !n[0].key.IsZero() && !n[0].key.After(at) || m.r.tell != nil) {
			m.start()
			continue
		}
		if first == nil {
			if len(m.open) == 0 {
				return nil, nil, nil
			}
			m.changed.Wait() // all are quiet
			continue
		}
		rec := first.queue[0]
		first.queue = first.queue[1:]
		if at.After(first.key) {
			first.key = at
		}
		m.changed.Broadcast()
		return first, &rec, nil
	}
}

// earliest is the feed whose next line comes first, nil for none. It is complete
// where every open feed has a line or is quiet; those that ended are closed.
func (m *merger) earliest() (first *feed, at time.Time, complete bool, err error) {
	complete = true
	for i := 0; i < len(m.open); i++ {
		f := m.open[i]
		switch {
		case len(f.queue) > 0:
			if key := f.next(); first == nil || key.Before(at) {
				first, at = f, key
			}
		case f.ended:
			if f.err != nil {
				return nil, at, false, f.err
			}
			m.open = slices.Delete(m.open, i, i+1)
			i--
		case !f.quiet:
			complete = false
		}
	}
	return first, at, complete, nil
}

// next is the time by which the next line is taken.
func (f *feed) next() time.Time {
	if rec := &f.queue[0]; rec.dated && rec.at.After(f.key) {
		return rec.at
	}
	return f.key
}

// start opens the next stream. Its goroutine ends with the stream or the merger.
func (m *merger) start() {
	f := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.open = append(m.open, f)
	workers := runtime.GOMAXPROCS(0) / len(m.open)
	for i := range f.st.sources {
		f.st.sources[i].Reader = &listener{from: f.st.sources[i].Reader, m: m, f: f}
	}
	m.running.Go(func() {
		err := m.r.scan(m.ctx, f.st, workers, func(rec *record) error { return m.put(f, rec) })
		m.mu.Lock()
		defer m.mu.Unlock()
		f.ended, f.err = true, err
		m.changed.Broadcast()
	})
}

// put waits for room.
func (m *merger) put(f *feed, rec *record) error {
	one := *rec
	one.fits, one.about = slices.Clone(rec.fits), slices.Clone(rec.about)
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(f.queue) >= queueSize && !m.stopped {
		m.changed.Wait()
	}
	if m.stopped {
		return context.Canceled
	}
	f.queue = append(f.queue, one)
	m.changed.Broadcast()
	return nil
}

// listener notices that a stream has no more for now: nothing came twice in a
// row, the lines from before are delivered by then.
type listener struct {
	from io.Reader
	m    *merger
	f    *feed
	idle int
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.m.r.tell == nil {
		return n, err
	}
	was := l.idle >= 2
	if l.idle++; n > 0 || err != nil {
		l.idle = 0
	}
	if is := l.idle >= 2; is != was {
		l.m.mu.Lock()
		l.f.quiet = is
		l.m.changed.Broadcast()
		l.m.mu.Unlock()
	}
	return n, err
}
