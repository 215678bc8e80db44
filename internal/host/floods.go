package host

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// floods counts events that a stranger can cause at will. It logs each kind once
// a second at most, with its count.
type floods struct {
	log *slog.Logger

	mu     sync.Mutex // covers what follows
	counts map[string]*flood
}

// flood is one kind of event.
type flood struct {
	total   uint64
	pending int // since the last line
	// The last one came from an address, or concerned a session.
	from    netip.AddrPort
	session string
}

// maxFloodKinds bounds the kinds. Most are constant texts, and some hold the
// error of a system call.
const maxFloodKinds = 64

func newFloods(log *slog.Logger) *floods { return &floods{log: log, counts: map[string]*flood{}} }

// add counts an event of a session.
func (f *floods) add(kind, session string) { f.count(kind, netip.AddrPort{}, session) }

// addFrom counts an event of an address.
func (f *floods) addFrom(kind string, from netip.AddrPort) { f.count(kind, from, "") }

// count allocates for the first event of a kind only.
func (f *floods) count(kind string, from netip.AddrPort, session string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts[kind] == nil && len(f.counts) >= maxFloodKinds {
		return
	}
	c := f.of(kind)
	c.total++
	c.pending++
	c.from, c.session = from, session
}

// of finds or makes the counter of a kind. It needs the lock.
func (f *floods) of(kind string) *flood {
	c := f.counts[kind]
	if c == nil {
		c = &flood{}
		f.counts[kind] = c
	}
	return c
}

// totals is how often each kind has been counted so far.
func (f *floods) totals() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]uint64, len(f.counts))
	for kind, c := range f.counts {
		all[kind] = c.total
	}
	return all
}

// run logs until ctx ends. elsewhere returns the totals of kinds that are counted
// by others.
func (f *floods) run(ctx context.Context, elsewhere func() map[string]uint64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		}
		for kind, total := range elsewhere() {
			f.raise(kind, total)
		}
		f.flush()
	}
}

// raise counts the events of a kind up to a total.
func (f *floods) raise(kind string, total uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(kind)
	c.pending += int(total - c.total)
	c.total = total
}

func (f *floods) flush() {
	for kind, c := range f.take() {
		args := []any{"times", c.pending}
		if c.from.IsValid() {
			args = append(args, "last", netip.AddrPortFrom(c.from.Addr().Unmap(), c.from.Port()).String())
		}
		if c.session != "" {
			args = append(args, "session", c.session)
		}
		f.log.Warn(kind, args...)
	}
}

// take returns the kinds that have something to log.
func (f *floods) take() map[string]flood {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due map[string]flood
	for kind, c := range f.counts {
		if c.pending == 0 {
			continue
		}
		if due == nil {
			due = map[string]flood{}
		}
		due[kind] = *c
		c.pending = 0
	}
	return due
}
