package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kennel-stream/kennel/internal/meter"
)

// holders are processes of a session that may hold a GPU's memory, also those
// that are gone: encoders that were replaced, programs that an app ran.
type holders struct {
	mu     sync.Mutex // covers starts
	starts map[int]int64
}

// maxHolders bounds them. An app may start any number of programs.
const maxHolders = 4096

// note remembers processes that are alive.
func (o *holders) note(pids ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.starts == nil {
		o.starts = map[int]int64{}
	}
	for _, pid := range pids {
		if p, err := meter.Live.Process(pid); err == nil && len(o.starts) < maxHolders {
			o.starts[pid] = p.Start
		}
	}
}

// all lists them, without those whose pid belongs to somebody else by now.
func (o *holders) all() []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var pids []int
	for pid, start := range o.starts {
		if p, err := meter.Live.Process(pid); err != nil || p.Start == start {
			pids = append(pids, pid)
		}
	}
	return pids
}

// noteHolders remembers, for each session, the processes of it that a driver
// lists.
func (h *House) noteHolders(reading meter.GPUs) {
	listed := map[int]bool{}
	for _, d := range reading.Devices {
		for _, p := range d.Processes {
			listed[p.PID] = true
		}
	}
	if len(listed) == 0 {
		return
	}
	for _, s := range h.everybody() {
		s.held.note(slices.DeleteFunc(s.Processes(), func(pid int) bool { return !listed[pid] })...)
	}
}

// gpuTolerance is by how many bytes the memory of a device that no process
// holds may sway without a word: drivers keep small pools. A leak beneath it
// is told when it has added up to more.
const gpuTolerance = 16 << 20

// gpuPages are the least bytes of a device that no process held, by the device
// and the processes on it: a driver needs some for each of those, so that only
// moments with the same ones can be compared.
type gpuPages map[string]int64

func pageOf(d meter.GPU) string {
	pids := make([]int, 0, len(d.Processes))
	for _, p := range d.Processes {
		pids = append(pids, p.PID)
	}
	slices.Sort(pids)
	return fmt.Sprint(d.Index, " ", d.UUID, " ", pids)
}

// see takes a moment at which nothing can have been left by a session.
func (p gpuPages) see(reading meter.GPUs) {
	for _, d := range reading.Devices {
		if v := d.Unowned(); v.Known {
			p.write(pageOf(d), v.N)
		}
	}
}

func (p gpuPages) write(page string, n int64) {
	if old, ok := p[page]; ok {
		n = min(n, old)
	} else if len(p) >= maxPages {
		// Those without a process come back, most others never.
		maps.DeleteFunc(p, func(other string, _ int64) bool { return !strings.HasSuffix(other, "[]") })
	}
	p[page] = n
}

// compare names the devices on which more is held by nobody than before. It is
// told once.
func (p gpuPages) compare(reading meter.GPUs) (residue []string) {
	for _, d := range reading.Devices {
		now, page := d.Unowned(), pageOf(d)
		if !now.Known {
			continue
		}
		old, ok := p[page]
		if ok && now.N-old > gpuTolerance {
			residue = append(residue, fmt.Sprintf("%d MiB of memory of GPU %d (%s) that no process holds", (now.N-old)>>20, d.Index, d.Name))
			delete(p, page)
		}
		p.write(page, now.N)
	}
	return residue
}

// leftOnGPU names what drivers still hold for the session's processes, and what
// they hold for nobody: one that forgets to take back a dead process's memory
// lists no process for it. Drivers take it back shortly after a process is gone,
// so that only the later look counts.
func (s *Session) leftOnGPU(r *Receipt) (residue []string) {
	h := s.house
	reading, pids := h.readGPUs(h.ending), s.held.all()
	v, ok := h.gpuMemoryOf(h.ending, reading, pids)
	if ok {
		r.Later[meter.GPUMemory] = v
	}
	if v.Known && v.N > 0 {
		residue = append(residue, fmt.Sprintf("%d MiB of GPU memory of processes that are gone", v.N>>20))
	}
	if reading == nil || len(reading.Devices) == 0 {
		return residue
	}
	r.Device = reading.Usage()
	h.gpus.mu.Lock()
	defer h.gpus.mu.Unlock()
	return append(residue, h.gpus.pages.compare(*reading)...)
}
