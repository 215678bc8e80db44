package bench

import (
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/meter"
)

// cycles books receipts of a device with 100 GiB, each of which leaves so many
// MiB, until it is full.
func cycles(n int, left int64) *GPURun {
	r := &gpuRun{}
	r.result.Total = 100 << 10
	for i := range n {
		after := 600 + int64(i+1)*left
		if after+left > r.result.Total {
			r.result.FailedAt, r.result.Failure = i+2, "out of memory"
			break
		}
		c := GPUCycle{Took: meter.Usage{meter.GPUMemory: meter.Exactly(int64(600) << 20)}, ProcessSMI: 600, During: after + 10, DuringSMI: after + 10, After: after, AfterSMI: after}
		if left > 0 {
			c.Residue = []string{"GPU memory"}
		}
		r.book(i+1, c)
	}
	return &r.result
}

func TestCyclesThatLeaveNothing(t *testing.T) {
	clean := cycles(20, 0)
	if rot := clean.Rot(); len(rot) != 0 {
		t.Errorf("nothing was left: %q", rot)
	}
	if missed := clean.Missed(); len(missed) != 3 {
		t.Errorf("a leak that is none was found: %q", missed)
	}
	for name, c := range map[string]GPUCycle{
		"device":  {ProcessSMI: -1, During: 10, DuringSMI: 12},
		"after":   {ProcessSMI: -1, After: 10, AfterSMI: 12},
		"process": {ProcessSMI: 600, Took: meter.Usage{meter.GPUMemory: meter.Exactly(int64(500) << 20)}},
		"unknown": {ProcessSMI: 600, Took: meter.Usage{}},
	} {
		r := &gpuRun{}
		r.book(1, c)
		if rot := r.result.Rot(); len(rot) != 1 || !strings.Contains(rot[0], "differ") {
			t.Errorf("%s: NVML and nvidia-smi differ: %q", name, rot)
		}
	}
}

func TestAPlantedLeakIsFound(t *testing.T) {
	leak := cycles(200, 4<<10)
	if missed := leak.Missed(); len(missed) != 0 {
		t.Errorf("missed: %q (%+v)", missed, leak)
	}
	if rot := leak.Rot(); len(rot) != 2 {
		t.Errorf("a leak is a residue and a trend: %q", rot)
	}
	leak.FailedAt = leak.Forecast + 5
	if missed := leak.Missed(); len(missed) != 1 || !strings.Contains(missed[0], "foretold") {
		t.Errorf("a wrong forecast: %q", missed)
	}
}
