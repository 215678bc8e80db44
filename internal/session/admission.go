package session

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

// Limits bound what sessions may take. They can be changed while the host runs
// (House.SetLimits).
type Limits struct {
	// Sessions is how many may run at once; 0 for no limit.
	Sessions int
	// FilesFor is how many sessions the open files are enough for that this process
	// may have; 0 for no limit, below 0 for none at all.
	FilesFor int
	// Cores is how many processor cores encoders may take together, by what
	// encoding was measured to cost; 0 for all of the machine, below 0 for no
	// limit. One session is always let in.
	Cores float64
	// MemoryReserve and GPUMemoryReserve are bytes that are kept free.
	MemoryReserve, GPUMemoryReserve int64
	// GPUFiles bounds the open files of GPU devices of all sessions, 0 for no limit.
	GPUFiles int
	// NVENCSessions bounds the encoders on an NVIDIA GPU, those of other
	// programs counted; further sessions encode on the next rung. 0 for no limit.
	NVENCSessions int
	// Launch bounds the start of a session's display and app, Connect the time
	// from launch or resume until a client streams, Stop the time that an app may
	// take to end by itself. Lease is how long the app of a client that left is
	// kept. Each is above 0.
	Launch, Connect, Stop, Lease time.Duration
	// Idle is after what time without any input a session ends; 0 for never.
	Idle time.Duration
}

const (
	// firstEstimate is what a session is taken to need before any of its app
	// has been measured, in bytes.
	firstEstimate = 192 << 20
	// firstGPUMemory and firstGPUFiles likewise of a session that a GPU encodes:
	// one CUDA context with its encoder (590 MiB and 17 files on an H200; less on
	// small chips).
	firstGPUMemory = 600 << 20
	firstGPUFiles  = 20
	// settled is how old a session must be for what it holds to show in what
	// the machine has left; until then its estimate is reserved.
	settled = 15 * time.Second
	// nearlyFull is the share of a budget at which the operator is warned.
	nearlyFull = 0.8
	// apps whose needs are remembered.
	maxEstimates = 1024
)

// Share is how much of a budget is in use.
type Share struct {
	// Resource is "sessions", "files", "cores", "memory", "gpu_memory", "gpu_files".
	Resource string `json:"resource"`
	// Used and Limit are in the resource's unit: sessions, cores, bytes, files.
	// What is free is Limit-Used.
	Used  float64 `json:"used"`
	Limit float64 `json:"limit"`
}

// need is what one session takes of the budgets.
type need struct {
	cores              float64
	memory, gpu, files int64
}

// budget is what admission knows. House.mu covers the reservations, which lie
// in the sessions.
type budget struct {
	mu       sync.Mutex         // covers what follows
	perPixel float64            // nanoseconds of a core that encoding a pixel costs on the best rung
	costs    map[string]float64 // likewise, by the encoder's element
	memory   map[string]int64   // by slug: the most that a session of late has held
	gpu      map[string]int64
	files    map[string]int64
	warned   map[string]bool // resources that are nearly full
}

func newBudget() *budget {
	return &budget{
		costs: map[string]float64{}, memory: map[string]int64{}, gpu: map[string]int64{}, files: map[string]int64{}, warned: map[string]bool{},
	}
}

// calibrate takes what encoding was measured to cost on the best rung, in
// nanoseconds per pixel.
func (b *budget) calibrate(perPixel float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.perPixel = perPixel
}

// measured takes what encoding costs on a rung.
func (b *budget) measured(element string, perPixel float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.costs[element] = perPixel
}

// learn takes what a session held. A large one is forgotten slowly.
func (b *budget) learn(slug string, took meter.Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind, v := range map[*map[string]int64]meter.Value{&b.memory: took[meter.MemoryPeak], &b.gpu: took[meter.GPUMemory], &b.files: took[meter.GPUFiles]} {
		known := *kind
		if _, ok := known[slug]; !v.Known || (!ok && len(known) >= maxEstimates) {
			continue
		}
		known[slug] = max(v.N, known[slug]*9/10)
	}
}

// needs estimates what a session will take that is encoded by an element.
func (b *budget) needs(r *Request, element string) need {
	b.mu.Lock()
	defer b.mu.Unlock()
	cost, ok := b.costs[element]
	if !ok {
		cost = b.perPixel
	}
	n := need{
		cores:  cost * float64(r.Width) * float64(r.Height) * float64(r.FPS) / 1e9,
		memory: firstEstimate,
	}
	if media.EncoderOf(element).Hardware {
		n.gpu, n.files = firstGPUMemory, firstGPUFiles
	}
	for kind, learned := range map[*int64]map[string]int64{&n.memory: b.memory, &n.gpu: b.gpu, &n.files: b.files} {
		if v, ok := learned[r.App.Slug]; ok {
			*kind = v
		}
	}
	return n
}

// needs estimates what a session will take on the rung that it would get now.
func (h *House) needs(r *Request) need {
	element, _ := h.ladder().rung()
	return h.budget.needs(r, element)
}

// Budgets tells how much of each budget is in use; a budget without a limit, or
// of something that is not known, is left out.
func (h *House) Budgets() []Share {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shares(need{})
}

// shares are the budgets with one more session. The caller holds mu.
func (h *House) shares(more need) []Share {
	l := h.limits()
	var all []Share
	sum, young := more, more
	files := more.files
	for _, s := range h.sessions {
		sum.cores += s.need.cores
		if time.Since(s.started) < settled {
			young.memory, young.gpu = young.memory+s.need.memory, young.gpu+s.need.gpu
		}
		// What it has open shows at once, so that the larger of both counts.
		held := s.gpuFiles.Load()
		if time.Since(s.started) < settled || s.unseen.Load() {
			held = max(held, s.need.files)
		}
		files += held
	}
	if l.Sessions > 0 {
		n := len(h.sessions)
		if more != (need{}) {
			n++
		}
		all = append(all, Share{"sessions", float64(n), float64(l.Sessions)})
	}
	if l.FilesFor != 0 {
		n := len(h.sessions)
		if more != (need{}) {
			n++
		}
		all = append(all, Share{"files", float64(n), float64(max(l.FilesFor, 0))})
	}
	if cores := l.cores(); cores > 0 {
		all = append(all, Share{"cores", sum.cores, cores})
	}
	if free, total := meter.Live.FreeMemory(), meter.Live.AllMemory(); free.Known && total.Known {
		all = append(all, Share{"memory", float64(total.N - free.N + young.memory), float64(total.N - l.MemoryReserve)})
	}
	if reading, ok := h.gpus.newest(); ok {
		if d, known := reading.Fullest(); known {
			all = append(all, Share{"gpu_memory", float64(d.Used.N + young.gpu), float64(d.Total.N - l.GPUMemoryReserve)})
		}
	}
	if l.GPUFiles > 0 {
		all = append(all, Share{"gpu_files", float64(files), float64(l.GPUFiles)})
	}
	return all
}

func (l *Limits) cores() float64 {
	if l.Cores == 0 {
		return float64(runtime.NumCPU())
	}
	return l.Cores
}

// admit tells why one more session does not fit, in words for its player. The
// caller holds mu, and registers the session before it lets go.
func (h *House) admit(s *Session) error {
	shares := h.shares(s.need)
	for _, share := range shares {
		if share.Used <= share.Limit || share.Resource == "cores" && len(h.sessions) == 0 {
			continue
		}
		return h.refuse(&s.request, share.Resource, h.full(share))
	}
	h.warn(shares)
	return nil
}

// refuse counts a launch or return for which there is no room, and tells of it.
func (h *House) refuse(r *Request, resource string, why error) error {
	h.refused.Add(1)
	h.event("refused", "resource", resource, "app", r.App.Title, "client", r.Client, "because", why.Error())
	return why
}

// AdmitSize reserves what the session takes when its client returns with
// another mode, or tells, in words for the player, why that does not fit. The
// session itself stays as it is then. Sizes are in pixels, fps above 0.
func (s *Session) AdmitSize(width, height, fps int) error {
	as := s.sized(width, height, fps)
	want := s.house.needs(&as).cores
	h := s.house
	h.mu.Lock()
	defer h.mu.Unlock()
	if want > s.need.cores && len(h.sessions) > 1 {
		for _, share := range h.shares(need{cores: want - s.need.cores}) {
			if share.Resource == "cores" && share.Used > share.Limit {
				return h.refuse(&as, share.Resource, evidence.Errorf(evidence.Full, "%w. Your session goes on: return to it with a smaller picture, or with fewer frames per second", h.full(share)))
			}
		}
	}
	s.need.cores = want
	return nil
}

// warn tells the operator of a budget that is nearly full, once until it is not.
func (h *House) warn(shares []Share) {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	for _, share := range shares {
		near := share.Used >= nearlyFull*share.Limit
		if share.Resource == "sessions" || share.Resource == "files" {
			near = share.Used >= share.Limit
		}
		if near && !h.budget.warned[share.Resource] {
			h.event("admission", "resource", share.Resource, "warning", "nearly all is taken: further launches may be refused", "used", share.amount(share.Used), "limit", share.amount(share.Limit))
		}
		h.budget.warned[share.Resource] = near
	}
}

// amount is an amount of the resource for people.
func (s Share) amount(v float64) string {
	switch s.Resource {
	case "memory", "gpu_memory":
		return fmt.Sprintf("%.0f MiB", v/(1<<20))
	case "cores":
		return fmt.Sprintf("%.1f cores", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// String is the share for people.
func (s Share) String() string { return s.amount(s.Used) + " of " + s.amount(s.Limit) }

// full is the refusal that a player reads. The caller holds mu.
func (h *House) full(share Share) error {
	l := h.limits()
	n := len(h.sessions)
	why := fmt.Sprintf("%d of %d sessions are running", n, l.Sessions)
	switch share.Resource {
	case "cores":
		why = fmt.Sprintf("its processors have enough to do with %s", sessions(n))
	case "memory":
		why = fmt.Sprintf("its memory is taken, with %s running", sessions(n))
	case "files":
		why = fmt.Sprintf("it may not open files for more than %s", sessions(int(share.Limit)))
	case "gpu_memory":
		why = fmt.Sprintf("the memory of its GPU is taken, with %s running", sessions(n))
	case "gpu_files":
		why = fmt.Sprintf("its GPU driver has too many files open, with %s running", sessions(n))
	}
	if n == 0 {
		return evidence.Errorf(evidence.Full, "this host is full: %s", why)
	}
	all := make([]*Session, 0, n)
	for _, s := range h.sessions {
		all = append(all, s)
	}
	oldest := slices.MinFunc(all, func(a, b *Session) int { return a.started.Compare(b.started) })
	state := "has been idle for " + inWords(oldest.Idle())
	if oldest.Idle() < time.Minute {
		state = "has been running for " + inWords(time.Since(oldest.started))
	}
	return evidence.Errorf(evidence.Full, "this host is full: %s. The oldest, %s, %s", why, oldest.request.App.Title, state)
}

func sessions(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// sized is the session's request with another mode.
func (s *Session) sized(width, height, fps int) Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	as := s.request
	as.Width, as.Height, as.FPS = width, height, fps
	return as
}

// rebook takes what a session that runs needs now, as after a change of its
// size or of its encoder; it is never refused for that. Without an element it is
// the one that the session would get now.
func (s *Session) rebook(width, height, fps int, element string) {
	as := s.sized(width, height, fps)
	h := s.house
	if element == "" {
		element, _ = h.ladder().rung()
	}
	n := h.budget.needs(&as, element)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.need.cores = n.cores
	h.warn(h.shares(need{}))
}
