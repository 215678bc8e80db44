package session

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
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
	// Device is what the machine's GPUs hold in all at the later look, whoever
	// holds it; nil where no driver tells it.
	Device meter.Usage `json:"device,omitempty"`
	// Beside is how many other sessions ran at the later look.
	Beside int `json:"beside"`
	// ServeChecked tells that the host's own files could be compared with
	// those of an earlier look, at which the same sessions did the same.
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

// enginePatience is how long the later look waits for a container engine that
// does not answer, and engineAgain how often it is asked.
const (
	enginePatience = time.Minute
	engineAgain    = 500 * time.Millisecond
)

// take measures what the session holds.
func (s *Session) take() meter.Usage {
	ctx, h := context.Background(), s.house
	pids, err := h.pidsOf(ctx, s)
	u := meter.UnknownProcesses()
	if err == nil {
		u = h.usageOf(ctx, pids)
	}
	for r, v := range h.groupOf(ctx, s) {
		if r != meter.Processes {
			u[r] = v
		}
	}
	if !u[meter.CPU].Known && err == nil {
		u[meter.CPU] = busy(pids)
	}
	s.held.note(pids...)
	if v, ok := h.gpuMemory(ctx, pids); ok {
		u[meter.GPUMemory] = v
	}
	u[meter.Directories] = present([]string{s.dir})
	u[meter.Cgroups] = present(s.cgroups())
	u[meter.Sinks] = present([]string{s.soundSocket()})
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

// awaitEngine waits for an engine that does not answer, and for what is still to
// be removed there: what is not known is not left yet.
func (s *Session) awaitEngine() {
	tick, deadline := time.NewTicker(engineAgain), time.After(s.house.enginePatience)
	defer tick.Stop()
	for {
		if _, err := s.containers(); err == nil && !s.house.runner.Owes(s.id) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			return
		case <-s.house.ending.Done():
			return
		}
	}
}

// left measures what there still is of a session that should have nothing.
// residue names it; what is unknown is residue only at the last look.
func (s *Session) left(last bool) (u meter.Usage, residue []string) {
	pids, err := meter.Ask(context.Background(), s.house.board, processMeter, func(context.Context) ([]int, error) { return s.strays() })
	if err != nil {
		residue = append(residue, "processes unknown: "+err.Error())
	}
	if u = meter.UnknownProcesses(); err == nil {
		u = s.house.usageOf(context.Background(), pids)
	}
	for _, pid := range pids {
		what := "?"
		if p, err := meter.Live.Process(pid); err == nil {
			what = cmp.Or(s.house.spawner.NameOf(pid), p.Name) + ", state " + p.State
		}
		residue = append(residue, fmt.Sprintf("process %d (%s)", pid, what))
	}
	names, err := s.containers()
	if err != nil && last {
		residue = append(residue, "containers unknown: "+err.Error())
	}
	residue = append(residue, names...)
	if s.pads != nil {
		residue = append(residue, s.pads.Left()...)
	}
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
	if u[meter.Sinks] = present([]string{s.soundSocket()}); u[meter.Sinks].N > 0 {
		residue = append(residue, "sink "+s.soundSocket())
	}
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
		s.awaitEngine()
		_ = s.group.Remove() // a stray may have kept it until now
		r.Later, r.Residue = s.left(true)
		h.runner.Forget(s.id)
		r.Residue = append(r.Residue, s.leftOnGPU(&r)...)
		r.Serve, r.ServeStarted, r.Beside = h.own(), h.started, len(h.everybody())
		more, checked := h.books.compare(h)
		r.Residue, r.ServeChecked = append(r.Residue, more...), checked
		h.countReceipt(r)
		if s.request.Client == canaryClient {
			h.canaryLeft(r)
			return
		}
		if fault := r.Fault(); fault != "" {
			s.trace.Failed(evidence.StageStop, fault, "residue", strings.Join(r.Residue, "; "))
		}
		if h.o.Receipt != nil {
			h.o.Receipt(r)
		}
		h.watchTrend(r)
	})
}

// own is what this process holds.
func (h *House) own() meter.Usage {
	pid := os.Getpid()
	u := h.usageOf(context.Background(), []int{pid})
	u[meter.Memory] = meter.Value{}
	if p, err := meter.Live.Process(pid); err == nil {
		u[meter.Memory], u[meter.CPU] = meter.Exactly(p.RSS), meter.Exactly(p.CPU.Nanoseconds())
	}
	return u
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
