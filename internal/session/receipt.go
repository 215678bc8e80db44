package session

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// Receipt says what a session took and what came back, measured from outside.
type Receipt struct {
	Session string    `json:"session"`
	App     string    `json:"app"` // slug
	Client  string    `json:"client"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// End is why it ended.
	End evidence.End `json:"end"`
	// Took is what the session's processes held when it was told to end, and
	// the peak of its memory.
	Took meter.Usage `json:"took"`
	// Left is what was still there right after its processes were reaped, and
	// Later what was five seconds after that.
	Left  meter.Usage `json:"left"`
	Later meter.Usage `json:"later"`
	// Serve is what kennel serve itself holds at the later look, ServeStarted
	// when it was started.
	Serve        meter.Usage `json:"serve"`
	ServeStarted time.Time   `json:"serve_started"`
	// Residue names what did not come back, by the later look; nil when
	// everything did. It is the fault leak.
	Residue []string `json:"residue,omitempty"`
	// ServeChecked tells that the host's own files could be compared with
	// those before, which is so when no other session was running.
	ServeChecked bool `json:"serve_checked"`
}

// Fault is evidence.FaultResidue where something was left, "" otherwise.
func (r *Receipt) Fault() evidence.FaultID {
	if len(r.Residue) > 0 {
		return evidence.FaultResidue
	}
	return ""
}

// receiptDelay is when what is left is looked at once more: drivers and
// control groups give back shortly after a process is gone.
const receiptDelay = 5 * time.Second

// take measures what the session holds.
func (s *Session) take() meter.Usage {
	u := meter.Usage{}
	pids, err := s.group.PIDs()
	if err == nil {
		u.AddAll(meter.Live.Of(pids))
	}
	for r, v := range meter.Cgroup(s.group.Dirs()) {
		if r != meter.Processes {
			u[r] = v
		}
	}
	if !u[meter.CPU].Known {
		u[meter.CPU] = busy(pids)
	}
	s.took = pids
	if v, ok := s.house.gpuMemory(context.Background(), pids); ok {
		u[meter.GPUMemory] = v
	}
	u[meter.Directories] = present([]string{s.dir})
	u[meter.Cgroups] = present(s.cgroups())
	if names, _ := s.containers(); len(names) > 0 {
		u[meter.Containers] = meter.Exactly(len(names))
	}
	return u
}

// cgroups are the directories that may be the session's.
func (s *Session) cgroups() []string {
	return append(slices.Sorted(maps.Values(s.group.Dirs())), s.group.Strange()...)
}

// containers names those that the session has at the engine.
func (s *Session) containers() ([]string, error) {
	return s.house.runner.Left(context.Background(), s.id)
}

// leftOnGPU adds what drivers still hold for the session's processes. They take
// it back shortly after a process is gone, so that only a later look counts.
func (s *Session) leftOnGPU(u meter.Usage) (residue []string) {
	v, ok := s.house.gpuMemory(s.house.ending, s.took)
	if !ok {
		return nil
	}
	u[meter.GPUMemory] = v
	if v.Known && v.N > 0 {
		residue = append(residue, fmt.Sprintf("%d MiB of GPU memory of processes that are gone", v.N>>20))
	}
	return residue
}

// busy is the time that live processes have worked.
func busy(pids []int) meter.Value {
	sum := meter.Exactly(0)
	for _, pid := range pids {
		p, err := meter.Live.Process(pid)
		if err != nil {
			return meter.Value{}
		}
		sum = sum.Add(meter.Exactly(p.CPU.Nanoseconds()))
	}
	return sum
}

// left measures what there still is of a session that should have nothing.
// residue names it.
func (s *Session) left() (u meter.Usage, residue []string) {
	pids, err := s.house.groups.Strays(s.id)
	if err != nil {
		residue = append(residue, "processes unknown: "+err.Error())
	}
	u = meter.Live.Of(pids)
	for _, pid := range pids {
		name := "?"
		if p, err := meter.Live.Process(pid); err == nil {
			name = p.Name
		}
		residue = append(residue, fmt.Sprintf("process %d (%s)", pid, name))
	}
	names, err := s.containers()
	if err != nil {
		residue = append(residue, "containers unknown: "+err.Error())
	}
	residue = append(residue, names...)
	if len(names) > 0 {
		u[meter.Containers] = meter.Exactly(len(names))
	}
	for _, dir := range append(s.cgroups(), s.dir) {
		if dir != "" && present([]string{dir}).N > 0 {
			kind := "directory "
			if dir != s.dir {
				kind = "cgroup "
			}
			residue = append(residue, kind+dir)
		}
	}
	u[meter.Directories] = present([]string{s.dir})
	u[meter.Cgroups] = present(s.cgroups())
	return u, residue
}

// present counts the paths that exist.
func present(paths []string) meter.Value {
	n := 0
	for _, path := range paths {
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			n++
		}
	}
	return meter.Exactly(n)
}

// receipt writes the session's receipt once the later look is done. It ends
// early when the house closes.
func (s *Session) receipt(took, left meter.Usage, end evidence.End) {
	h := s.house
	r := Receipt{
		Session: s.id, App: s.request.App.Slug, Client: s.request.Client, Started: s.started, Ended: time.Now(), End: end,
		Took: took, Left: left,
	}
	h.receipts.Go(func() {
		select {
		case <-time.After(h.receiptDelay):
		case <-h.ending.Done():
		}
		h.budget.learn(r.App, r.Took)
		r.Later, r.Residue = s.left()
		h.runner.Forget(s.id)
		r.Residue = append(r.Residue, s.leftOnGPU(r.Later)...)
		r.Serve, r.ServeStarted = own(), h.started
		more, checked := h.books.compare(h)
		r.Residue, r.ServeChecked = append(r.Residue, more...), checked
		h.countReceipt(r)
		if s.request.Client == canaryClient {
			h.canaryLeft(r)
			return
		}
		if h.o.Receipt != nil {
			h.o.Receipt(r)
		}
		h.watchTrend(r)
	})
}

// own is what this process holds.
func own() meter.Usage {
	pid := os.Getpid()
	u := meter.Live.Of([]int{pid})
	u[meter.Memory] = meter.Value{}
	if p, err := meter.Live.Process(pid); err == nil {
		u[meter.Memory], u[meter.CPU] = meter.Exactly(p.RSS), meter.Exactly(p.CPU.Nanoseconds())
	}
	return u
}

// books are the host's own open files while no session runs. One page is kept
// from the first quiet moment after a session: what a host opens once, at its
// first session, is no leak.
type books struct {
	page chan map[string]int // holds the one page, nil before the first
}

func newBooks() *books {
	b := &books{page: make(chan map[string]int, 1)}
	b.page <- nil
	return b
}

// looks is how often a growth is looked at again: an API client may just be
// connected.
const looks = 10

// compare names what the host has open beyond its first page; checked is false
// where sessions run, whose files cannot be told apart.
func (b *books) compare(h *House) (more []string, checked bool) {
	page := <-b.page
	defer func() { b.page <- page }()
	for range looks {
		if len(h.everybody()) > 0 {
			return nil, false
		}
		// The next spare worker may just be starting.
		if now, ok := h.quietFiles(); ok {
			if page == nil {
				page = h.steadyFiles(now)
				return nil, true
			}
			if more, checked = grown(page, now), true; len(more) == 0 {
				page = now // what has been given back since must not be taken again
				return nil, true
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-h.ending.Done():
		}
	}
	if !checked {
		return nil, false
	}
	// It is told once, and belongs to the host from now on.
	if now, ok := h.quietFiles(); ok {
		page = now
	}
	return more, true
}

// steadyFiles leaves out what is open for a moment only: it would hide a leak
// of the same kind for ever.
func (h *House) steadyFiles(files map[string]int) map[string]int {
	for range looks {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-h.ending.Done():
			return files
		}
		now, ok := h.quietFiles()
		if !ok {
			continue
		}
		for target, n := range files {
			if least := min(n, now[target]); least > 0 {
				files[target] = least
			} else {
				delete(files, target)
			}
		}
	}
	return files
}

// quietFiles lists what this process has open, when no session runs and the
// spare worker stands ready. Files of the database and sockets of the network
// come and go with clients.
func (h *House) quietFiles() (map[string]int, bool) {
	if len(h.everybody()) > 0 || !h.spares.rest() {
		return nil, false
	}
	files, err := meter.Live.Targets(os.Getpid())
	if err != nil || len(h.everybody()) > 0 || !h.spares.rest() {
		return nil, false
	}
	maps.DeleteFunc(files, func(target string, _ int) bool {
		return target == "network socket" || slices.ContainsFunc(h.o.Private, func(dir string) bool {
			return strings.HasPrefix(target, filepath.Clean(dir)+"/")
		})
	})
	return files, true
}

func grown(before, now map[string]int) []string {
	var more []string
	for target, n := range now {
		if d := n - before[target]; d > 0 {
			more = append(more, fmt.Sprintf("%d open files of kennel serve: %s", d, target))
		}
	}
	slices.SortFunc(more, cmp.Compare)
	return more
}

// closeReceipts lets the receipts that wait be written now.
func (h *House) closeReceipts(ctx context.Context) {
	h.endReceipts()
	done := make(chan struct{})
	go func() {
		h.receipts.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
