// Package bench measures a host as its users would see it: it starts kennel
// serve and many clients as processes of their own, and counts.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/session"
)

// ChurnOptions say how much.
type ChurnOptions struct {
	// Executable is the kennel program.
	Executable string
	// Sessions is how many sessions are opened, streamed and closed, at least 1.
	Sessions int
	// Parallel is how many clients do so at a time, 1 to 16.
	Parallel int
	// Port is the base of the host's ports.
	Port int
	// WarmUp and Progress, if set, are told after every session: those that come
	// first and are not measured, and those that are.
	WarmUp   func(done, all int)
	Progress func(done, failed int)
}

// Point is what kennel serve held at one moment, after garbage collection.
type Point struct {
	// Sessions is how many had been closed by then.
	Sessions int `json:"sessions"`
	// RSS is resident memory in bytes: Anon is what of it the program wrote, File
	// the pages of files, its own program's among them.
	RSS        int64       `json:"rss_bytes"`
	Anon       meter.Value `json:"rss_anon_bytes"`
	File       meter.Value `json:"rss_file_bytes"`
	Heap       int64       `json:"heap_bytes"`
	Goroutines int         `json:"goroutines"`
	// GoroutinesBy counts them by the function that started them.
	GoroutinesBy map[string]int `json:"goroutines_by"`
	Files        meter.Value    `json:"files"`
	// Sockets are of every family, UnixSockets the local ones of them.
	Sockets     meter.Value `json:"sockets"`
	UnixSockets meter.Value `json:"unix_sockets"`
	// Cgroups counts the directories below the host's own control groups.
	Cgroups meter.Value `json:"cgroups"`
	// Runtime is what Go's runtime has from the system, by use.
	Runtime      map[string]int64 `json:"runtime_bytes"`
	LiveSessions int              `json:"live_sessions"`
}

// Churn is what came of it.
type Churn struct {
	Sessions int `json:"sessions"`
	// Quit, Resumed and Vanished count what the clients did.
	Quit     int `json:"quit"`
	Resumed  int `json:"resumed"`
	Vanished int `json:"vanished"`
	// Failures are sessions that did not do what they should, in words.
	Failures []string `json:"failures"`
	// Receipts counts those with residue 0, Residue what the others name.
	Receipts int      `json:"receipts"`
	Residue  []string `json:"residue"`
	// Before and After were measured without sessions.
	Before Point `json:"before"`
	After  Point `json:"after"`
	// Left names what of the host's children was there at the end and not at
	// the beginning.
	Left []string `json:"left"`
	// Points were measured on the way, without any session. RSS is the trend of
	// memory over them, per session, without the first quarter.
	Points []Point     `json:"points"`
	RSS    meter.Trend `json:"rss_trend"`
	// Anon is the same of what the program wrote.
	Anon meter.Trend `json:"rss_anon_trend"`
	// Took is how long it all took.
	Took time.Duration `json:"took_ns"`
}

const (
	// trendWorth is from how many sessions on the trend of memory is judged: with
	// fewer the interval is wider than any leak.
	trendWorth = 200
	// growth is how much memory per session, in bytes, a shorter run may have more
	// at its end than after its warm-up.
	growth = 128 << 10
)

// Rot names what the host held more of at the end than at the beginning, and
// what went wrong on the way; nothing for a host that does not rot. What could
// not be measured is named, too.
func (c *Churn) Rot() []string {
	rot := slices.Concat(c.Failures, c.Residue, c.Left)
	if missing := c.Sessions - c.Receipts - len(c.Residue); missing > 0 {
		rot = append(rot, fmt.Sprintf("%d sessions without a receipt", missing))
	}
	for _, r := range []struct {
		name          string
		before, after meter.Value
	}{
		{"goroutines", meter.Exactly(c.Before.Goroutines), meter.Exactly(c.After.Goroutines)},
		{"open files", c.Before.Files, c.After.Files},
		{"sockets", c.Before.Sockets, c.After.Sockets},
		{"unix sockets", c.Before.UnixSockets, c.After.UnixSockets},
		{"control groups", c.Before.Cgroups, c.After.Cgroups},
	} {
		switch more := r.after.Sub(r.before); {
		case !more.Known:
			rot = append(rot, r.name+" could not be counted")
		case more.N > 0:
			rot = append(rot, fmt.Sprintf("%d %s more than before: %s, then %s", more.N, r.name, r.before, r.after)+c.starters(r.name))
		}
	}
	switch more := c.After.RSS - c.Before.RSS; {
	case c.Sessions >= trendWorth && c.RSS.Rising():
		rot = append(rot, fmt.Sprintf("memory grows by %.2f KiB per session (95%%: %.2f to %.2f)", c.RSS.Slope/1024, c.RSS.Low/1024, c.RSS.High/1024))
	case c.Sessions < trendWorth && more > int64(c.Sessions)*growth:
		rot = append(rot, fmt.Sprintf("%d KiB of memory more than before", more>>10))
	}
	return rot
}

// starters names, of goroutines, the functions that have more running than before.
func (c *Churn) starters(resource string) string {
	if resource != "goroutines" {
		return ""
	}
	var by []string
	for name, n := range c.After.GoroutinesBy {
		if more := n - c.Before.GoroutinesBy[name]; more > 0 {
			by = append(by, fmt.Sprintf("%d by %s", more, name))
		}
	}
	slices.Sort(by)
	return " (" + strings.Join(by, ", ") + ")"
}

// Sound reports that nothing rots.
func (c *Churn) Sound() bool { return len(c.Rot()) == 0 }

// churning is a run in progress.
type churning struct {
	o     ChurnOptions
	host  *host
	start time.Time

	floor sync.RWMutex // read by sessions that run; written to have none

	mu     sync.Mutex // covers what follows
	next   int
	done   int
	ids    []string // of the sessions that ended and whose receipts are not read yet
	result Churn
}

// RunChurn opens and closes sessions, some at a time, whose clients in turn
// quit, leave and resume, or vanish. A fresh host is started for it and ended.
func RunChurn(ctx context.Context, o ChurnOptions) (*Churn, error) {
	if o.Sessions < 1 || o.Parallel < 1 || o.Parallel > 16 {
		return nil, evidence.Errorf(evidence.Invalid, "churn wants 1 session or more, and 1 to 16 clients at a time; not %d and %d", o.Sessions, o.Parallel)
	}
	h, err := startHost(ctx, o.Executable, o.Port)
	if err != nil {
		return nil, err
	}
	defer h.close()
	c := &churning{o: o, host: h, start: time.Now(), result: Churn{Sessions: o.Sessions, Failures: []string{}, Residue: []string{}, Left: []string{}, Points: []Point{}}}
	// What a host opens once, at its first sessions, is no growth.
	clients, err := c.warmUp(ctx)
	if err != nil {
		return nil, err
	}
	if c.result.Before, err = h.settled(ctx, 0); err != nil {
		return nil, err
	}
	family := h.children()
	var all sync.WaitGroup
	for _, who := range clients {
		all.Go(func() { c.work(ctx, who) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("churn: %w", ctx.Err())
	}
	if err := c.count(ctx); err != nil {
		return nil, err
	}
	c.result.RSS = memoryTrend(c.result.Points, func(p Point) meter.Value { return meter.Exactly(p.RSS) })
	c.result.Anon = memoryTrend(c.result.Points, func(p Point) meter.Value { return p.Anon })
	if c.result.After, err = h.settled(ctx, o.Sessions); err != nil {
		return nil, err
	}
	c.result.Left = beyond(family, h.children())
	c.result.Took = time.Since(c.start)
	return &c.result, nil
}

const (
	// peak is how many times as many clients as later, and warmUpShare which share
	// of the sessions, the host gets before it is measured: what it maps at its
	// busiest it keeps, and would else take at some chance meeting in the middle.
	peak        = 2
	warmUpShare = 10
	// warmUpLeast is how many sessions come first where the trend of memory is
	// judged. Go's heap and the database's hold pages that nobody has written to
	// yet; each session puts its objects elsewhere, and so for some hundred
	// sessions ever more of them become resident, up to what the heaps hold.
	warmUpLeast = 240
)

// warmUpSessions is how many sessions come before those that are measured.
func warmUpSessions(sessions int) int {
	if sessions < trendWorth {
		return sessions / warmUpShare
	}
	return max(warmUpLeast, sessions/warmUpShare)
}

// warmUp pairs the clients and lets each have its sessions, all at one time.
// It returns those for the measured part.
func (c *churning) warmUp(ctx context.Context) ([]client, error) {
	var clients []client
	for i := range peak * c.o.Parallel {
		dir := filepath.Join(c.host.dir, fmt.Sprintf("client-%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a client: %w", err)
		}
		id, err := c.host.pair(ctx, dir)
		if err != nil {
			return nil, err
		}
		clients = append(clients, client{id, dir})
	}
	var all sync.WaitGroup
	errs := make(chan error, len(clients))
	each, done := 1+warmUpSessions(c.o.Sessions)/len(clients), 0
	for _, who := range clients {
		all.Go(func() {
			var err error
			for range each {
				err = errors.Join(err, c.host.probe(ctx, who, "--seconds", "1"))
				c.mu.Lock()
				if done++; c.o.WarmUp != nil {
					c.o.WarmUp(done, each*len(clients))
				}
				c.mu.Unlock()
			}
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return nil, err
		}
	}
	// A receipt is taken twice, the second time some seconds after the end.
	for _, who := range clients {
		id, err := c.host.last(ctx, who)
		if err != nil {
			return nil, err
		}
		if _, err := c.host.receipt(ctx, id); err != nil {
			return nil, err
		}
	}
	return clients[:c.o.Parallel], nil
}

// work is one client's share, a session after the other.
func (c *churning) work(ctx context.Context, who client) {
	for {
		c.mu.Lock()
		n := c.next
		c.next++
		c.mu.Unlock()
		if n >= c.o.Sessions || ctx.Err() != nil {
			return
		}
		c.floor.RLock()
		kind, err := c.session(ctx, who, n)
		id, lookErr := c.host.last(ctx, who)
		c.floor.RUnlock()
		c.finish(kind, n, id, errors.Join(err, lookErr))
		if (n+1)%c.every() == 0 {
			c.pause(ctx)
		}
	}
}

// every is after how many sessions the host is measured.
func (c *churning) every() int { return max(10, c.o.Sessions/40) }

// pause lets the sessions that run come to their end and measures the host
// without any: with some it holds more or less, as they happen to be.
func (c *churning) pause(ctx context.Context) {
	c.floor.Lock()
	defer c.floor.Unlock()
	if err := c.count(ctx); err != nil {
		return // it is found at the end, where what is not read yet is read
	}
	c.mu.Lock()
	done, goroutines := c.done, c.result.Before.Goroutines
	c.mu.Unlock()
	p, err := c.host.quiet(ctx, done, goroutines)
	if err != nil {
		return // a host that does not come to rest is found at the end
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Points = append(c.result.Points, p)
}

func (c *churning) finish(kind string, n int, id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	if id != "" {
		c.ids = append(c.ids, id)
	}
	switch {
	case err != nil:
		c.result.Failures = append(c.result.Failures, fmt.Sprintf("session %d (%s): %v", n+1, kind, err))
	case kind == "quit":
		c.result.Quit++
	case kind == "resume":
		c.result.Resumed++
	case kind == "vanish":
		c.result.Vanished++
	}
	if c.o.Progress != nil {
		c.o.Progress(c.done, len(c.result.Failures))
	}
}

// session runs one session; which way is decided by its number.
func (c *churning) session(ctx context.Context, who client, n int) (kind string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	switch n % 3 {
	case 0:
		return "quit", c.host.probe(ctx, who, "--seconds", "1")
	case 1:
		if err := c.host.probe(ctx, who, "--seconds", "1", "--keep"); err != nil {
			return "resume", err
		}
		return "resume", c.host.probe(ctx, who, "--seconds", "1")
	}
	return "vanish", c.host.vanish(ctx, who)
}

// count reads the receipts of the sessions that ended, before the host forgets
// them.
func (c *churning) count(ctx context.Context) error {
	for {
		id, more := c.ended()
		if !more {
			return nil
		}
		receipt, err := c.host.receipt(ctx, id) // which may take some seconds
		if err != nil {
			return err
		}
		c.book(id, receipt)
	}
}

// ended is the first session whose receipt is not read yet.
func (c *churning) ended() (id string, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ids) == 0 {
		return "", false
	}
	return c.ids[0], true
}

// book books the receipt of that session.
func (c *churning) book(id string, receipt *session.Receipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = c.ids[1:]
	if len(receipt.Residue) == 0 {
		c.result.Receipts++
	}
	for _, what := range receipt.Residue {
		c.result.Residue = append(c.result.Residue, id+": "+what)
	}
}

// settledAfter is the share of a run that is left out of the trend of memory:
// in it caches of the runtime and of the database fill.
const settledAfter = 0.25

// memoryTrend is that of a kind of memory after the warm-up, per session.
func memoryTrend(points []Point, kind func(Point) meter.Value) meter.Trend {
	points = slices.SortedFunc(slices.Values(points), func(a, b Point) int { return a.Sessions - b.Sessions })
	points = points[int(float64(len(points))*settledAfter):]
	values := make([]meter.Value, 0, len(points))
	for _, p := range points {
		values = append(values, kind(p))
	}
	t := meter.TrendOf(values)
	if n := len(points); n > 1 {
		perPoint := float64(points[n-1].Sessions-points[0].Sessions) / float64(n-1)
		t.Slope, t.Low, t.High = t.Slope/perPoint, t.Low/perPoint, t.High/perPoint
	}
	return t
}

// beyond names the processes of the second list that are not in the first.
func beyond(before, after []meter.Process) []string {
	known := map[int]bool{}
	for _, p := range before {
		known[p.PID] = true
	}
	var more []string
	// The spare worker is another one each time, but one.
	if extra := len(after) - len(before); extra > 0 {
		for _, p := range after {
			if !known[p.PID] {
				more = append(more, fmt.Sprintf("process %d (%s)", p.PID, p.Name))
			}
		}
	}
	return more
}
