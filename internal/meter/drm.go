package meter

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// maxFDInfo bounds what is read of one descriptor's account.
const maxFDInfo = 64 << 10

// DRMClients lists the openings of GPUs that a process holds, each once. A
// process that is gone holds none; one that may not be looked into, or whose
// driver does not answer, is an error. A proprietary NVIDIA driver tells nothing
// here.
func (p Proc) DRMClients(pid int) ([]DRMClient, error) {
	dir := p.path(pid, "fdinfo")
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list what process %d has open of GPUs: %w", pid, err)
	}
	var all []DRMClient
	seen := map[string]bool{}
	for _, e := range entries {
		raw, err := readStart(filepath.Join(dir, e.Name()), maxFDInfo)
		if gone(err) {
			continue // closed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read what process %d has open of GPUs: %w", pid, err)
		}
		if c, ok := parseFDInfo(string(raw)); ok && !seen[c.key()] {
			seen[c.key()] = true
			all = append(all, c)
		}
	}
	return all, nil
}

// key is the same for descriptors of one opening, in whatever process: a client
// id is unique for a driver's device.
func (c *DRMClient) key() string { return c.Driver + " " + c.Device + " " + c.ID }

func readStart(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
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

// DRM measures GPUs whose drivers account the files that processes have open of
// them (drm-usage-stats of the kernel's documentation): amdgpu, i915, xe.
type DRM struct {
	// Proc is where the processes are, Live but in tests.
	Proc Proc
	// Nodes are the devices that programs draw with, as "/dev/dri/renderD128".
	Nodes []string
}

// FindDRM finds the devices of a machine; there are no nodes on one without.
// Those of NVIDIA's own driver are left out, since NVML measures them. root is
// "/" but in tests.
func FindDRM(root string) DRM {
	found := DRM{Proc: Proc(filepath.Join(root, "proc"))}
	nodes, _ := filepath.Glob(filepath.Join(root, "dev/dri/renderD*"))
	for _, node := range nodes {
		driver, err := os.Readlink(filepath.Join(root, "sys/class/drm", filepath.Base(node), "device/driver"))
		if err != nil || filepath.Base(driver) != "nvidia" {
			found.Nodes = append(found.Nodes, node)
		}
	}
	return found
}

// Check fails where a device has vanished.
func (d DRM) Check() error {
	for _, node := range d.Nodes {
		if _, err := os.Stat(node); err != nil {
			return fmt.Errorf("look for a GPU that was there: %w", err)
		}
	}
	return nil
}

// Of sums the GPU memory of processes; an opening that several share counts
// once. What one holds that may not be looked into is unknown, and so is the
// sum then. The error is a driver's that does not answer.
func (d DRM) Of(pids []int) (Value, error) {
	sum := Exactly(0)
	seen := map[string]bool{}
	for _, pid := range pids {
		clients, err := d.Proc.DRMClients(pid)
		if errors.Is(err, fs.ErrPermission) {
			sum = Value{}
			continue
		}
		if err != nil {
			return Value{}, err
		}
		for _, c := range clients {
			if !seen[c.key()] {
				seen[c.key()] = true
				sum = sum.Add(c.Memory)
			}
		}
	}
	return sum, nil
}
