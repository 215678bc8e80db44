package meter

import (
	"os"
	"path/filepath"
	"strings"
)

// DRMClient is one opening of a GPU as its driver accounts it
// (Documentation/gpu/drm-usage-stats.rst). Several descriptors of one opening
// have the same client id and count once.
type DRMClient struct {
	Driver string `json:"driver"` // amdgpu, i915, xe, ...
	// Device is a PCI address, "" where the driver does not tell.
	Device string `json:"device"`
	ID     string `json:"id"`
	// Memory is in bytes of all regions, resident where the driver tells it
	// and allocated otherwise.
	Memory Value `json:"memory"`
	// Busy is the time in nanoseconds that all engines worked for it; unknown
	// with xe, which counts cycles.
	Busy Value `json:"busy"`
}

// DRMClients lists the openings of GPUs that a process holds, each once. A
// proprietary NVIDIA driver tells nothing here.
func (p Proc) DRMClients(pid int) ([]DRMClient, error) {
	dir := p.path(pid, "fdinfo")
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []DRMClient
	seen := map[string]bool{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		c, ok := parseFDInfo(string(raw))
		if key := c.Device + " " + c.ID; ok && !seen[key] {
			seen[key] = true
			all = append(all, c)
		}
	}
	return all, nil
}

func parseFDInfo(text string) (c DRMClient, ok bool) {
	var resident, total, memory regions
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		switch {
		case key == "drm-driver":
			c.Driver = value
		case key == "drm-client-id":
			c.ID = value
		case key == "drm-pdev":
			c.Device = value
		case strings.HasPrefix(key, "drm-resident-"):
			resident.add(value)
		case strings.HasPrefix(key, "drm-total-") && !strings.HasPrefix(key, "drm-total-cycles-"):
			total.add(value)
		case strings.HasPrefix(key, "drm-memory-"):
			memory.add(value)
		case strings.HasPrefix(key, "drm-engine-") && !strings.HasPrefix(key, "drm-engine-capacity-"):
			if ns, isTime := strings.CutSuffix(value, " ns"); isTime {
				c.Busy = Value{c.Busy.N, true}.Add(parse(ns))
			}
		}
	}
	switch {
	case resident.found:
		c.Memory = resident.sum
	case memory.found:
		c.Memory = memory.sum
	case total.found:
		c.Memory = total.sum
	}
	return c, c.Driver != "" && c.ID != ""
}

// regions sums the memory regions of one kind.
type regions struct {
	sum   Value
	found bool
}

func (r *regions) add(value string) {
	if !r.found {
		r.sum, r.found = Exactly(0), true
	}
	amount, unit, _ := strings.Cut(value, " ")
	factor := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[strings.TrimSpace(unit)]
	v := parse(amount)
	if factor == 0 {
		v = Value{}
	}
	r.sum = r.sum.Add(times(v, factor))
}

// DRM sums the GPU memory of processes as the drivers of their open files tell
// it (drm-usage-stats of the kernel's documentation). ok is false where none of
// them has such a file.
func (p Proc) DRM(pids []int) (sum Value, ok bool) {
	sum = Exactly(0)
	for _, pid := range pids {
		clients, err := p.DRMClients(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		for _, c := range clients {
			ok, sum = true, sum.Add(c.Memory)
		}
	}
	return sum, ok
}
