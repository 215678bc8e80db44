package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// floods counts what a stranger can cause at will, and logs each kind once a
// second with its count.
type floods struct {
	log *slog.Logger

	mu     sync.Mutex // covers counts
	counts map[string]flood
}

type flood struct {
	count int
	last  any // from whom, the last time
}

// maxFloodKinds bounds the kinds within a second; they are constant texts.
const maxFloodKinds = 64

func newFloods(log *slog.Logger) *floods { return &floods{log: log, counts: map[string]flood{}} }

func (f *floods) add(kind string, from any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, known := f.counts[kind]
	if !known && len(f.counts) >= maxFloodKinds {
		return
	}
	c.count++
	c.last = from
	f.counts[kind] = c
}

// run logs until ctx ends.
func (f *floods) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			f.flush()
			return
		case <-tick.C:
			f.flush()
		}
	}
}

func (f *floods) flush() {
	f.mu.Lock()
	counts := f.counts
	if len(counts) > 0 {
		f.counts = map[string]flood{}
	}
	f.mu.Unlock()
	for kind, c := range counts {
		f.log.Warn(kind, "times", c.count, "last", fmt.Sprint(c.last))
	}
}
