package session

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

// driver is a GPU meter whose driver answers, or not. Like real ones it lists
// the processes that are alive.
type driver struct {
	dead  atomic.Bool
	users atomic.Pointer[func() []int] // the processes with a context
	kept  atomic.Int64                 // bytes that it holds for nobody
	ghost atomic.Int64                 // a process that it lists, though it is gone
}

// contextBytes is what a process with a context holds.
const contextBytes = 3 << 20

func (d *driver) Read(context.Context) (meter.GPUs, error) {
	if d.dead.Load() {
		return meter.GPUs{}, errors.New("NVML: GPU is lost (15)")
	}
	gpu := meter.GPU{Name: "Test", Total: meter.Exactly(8 << 30), Used: meter.Exactly(1<<30 + d.kept.Load()), ProcessesKnown: true}
	list := func(pid int) {
		gpu.Processes = append(gpu.Processes, meter.GPUProcess{PID: pid, Memory: meter.Exactly(contextBytes)})
		gpu.Used.N += contextBytes
	}
	if users := d.users.Load(); users != nil {
		for _, pid := range (*users)() {
			if p, err := meter.Live.Process(pid); err == nil && p.State != "Z" {
				list(pid)
			}
		}
	}
	if pid := d.ghost.Load(); pid > 0 {
		list(int(pid))
	}
	return meter.GPUs{Driver: "1", Devices: []meter.GPU{gpu}, Taken: time.Now()}, nil
}

// withDriver opens a house with that driver, of whose sessions every process
// has a context.
func withDriver(t *testing.T) (*house, *driver, <-chan Receipt) {
	t.Helper()
	d := &driver{}
	o := options(t)
	receipts := make(chan Receipt, 10)
	o.GPUMeter, o.Receipt = d, func(r Receipt) { receipts <- r }
	h := open(t, o)
	h.receiptDelay = 10 * time.Millisecond
	users := func() (pids []int) {
		for _, s := range h.everybody() {
			pids = append(pids, s.Processes()...)
		}
		return pids
	}
	d.users.Store(&users)
	t.Cleanup(h.watchGPUs())
	return h, d, receipts
}

// watchGPUs returns once the meter is watched; the returned function ends that.
func (h *house) watchGPUs() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.WatchGPUs(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !h.board.Watched(media.GPUMeterName); <-tick.C {
		if time.Now().After(deadline) {
			h.t.Fatal("the meter is not watched")
		}
	}
	return func() { cancel(); <-done }
}

// TestAMeterGoesDark: within 5 s it is told, the rungs of that GPU are closed
// and no others, sessions go on and start; it comes back by itself.
func TestAMeterGoesDark(t *testing.T) {
	d := &driver{}
	o := options(t)
	o.GPUMeter, o.Encoders = d, []string{"nvh264enc", "x264enc"}
	h := open(t, o)
	defer h.watchGPUs()()
	is := func(part string) func(evidence.Event) bool {
		return func(e evidence.Event) bool {
			return e.Session == "" && e.Attrs["meter"] == media.GPUMeterName && strings.Contains(string(e.Fault)+e.Attrs["state"], part)
		}
	}
	closed := func() []bool {
		var all []bool
		for _, r := range h.Rungs() {
			all = append(all, r.Closed)
		}
		return all
	}
	if got := closed(); !slices.Equal(got, []bool{false, false}) {
		t.Fatalf("closed at first: %v", got)
	}
	d.dead.Store(true)
	h.await("the dark meter", 1, is(string(evidence.FaultMeterDark)))
	if got := closed(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("closed in the dark: %v", got)
	}
	steps := h.ladder()
	if first, _ := steps.rung(); first != "x264enc" || len(steps.leftOut()) != 1 || !strings.Contains(steps.leftOut()[0], "not measured") {
		t.Errorf("in the dark: %s, without %q", first, steps.leftOut())
	}
	readings, gpus := h.Meters()
	for _, r := range readings {
		if r.Dark != (r.Name == media.GPUMeterName) || r.Reads == 0 || (r.Failures > 0) != r.Dark {
			t.Errorf("meter %+v", r)
		}
	}
	if gpus != nil || len(readings) != 4 {
		t.Errorf("meters: %+v, %v", readings, gpus)
	}
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	if s.Encoder() != "x264enc" {
		t.Errorf("encoder %q", s.Encoder())
	}
	works := h.await("the encoder", 1, func(e evidence.Event) bool {
		return e.Session == s.ID() && e.Stage == evidence.StageVideoPipeline && e.Kind == evidence.Done
	})
	if why := works.Attrs["left_out"]; !strings.Contains(why, "nvh264enc") || !strings.Contains(why, "not measured") {
		t.Errorf("the session's events do not say why it runs on software: %q", why)
	}
	d.dead.Store(false)
	h.await("the meter again", 1, is("answers"))
	if got := closed(); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("closed again: %v", got)
	}
}

// drmHouse opens a house on a machine with an NVIDIA GPU and one of another
// maker, whose driver's accounts of files lie in a directory.
func drmHouse(t *testing.T) (h *house, d *driver, receipts <-chan Receipt, node string, account func(pid int, text string)) {
	t.Helper()
	root := t.TempDir()
	node = filepath.Join(root, "renderD128")
	if err := os.WriteFile(node, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d = &driver{}
	all := make(chan Receipt, 10)
	o := options(t)
	o.GPUMeter, o.DRM, o.Receipt = d, &meter.DRM{Proc: meter.Proc(root), Nodes: []string{node}}, func(r Receipt) { all <- r }
	o.Encoders = []string{"nvh264enc", "vah264enc", "qsvh264enc", "x264enc"}
	h = open(t, o)
	h.receiptDelay = 10 * time.Millisecond
	return h, d, all, node, func(pid int, text string) {
		dir := filepath.Join(root, strconv.Itoa(pid), "fdinfo")
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "7"), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDRMBesideNVML: on a machine with GPUs of both kinds what a session holds
// is the sum, an opening that two processes share counts once, and what may not
// be known is unknown.
func TestDRMBesideNVML(t *testing.T) {
	h, d, receipts, _, account := drmHouse(t)
	defer h.watchGPUs()()
	s := h.launch(request("a", demo()))
	pids := s.Processes()
	if len(pids) < 2 {
		t.Fatalf("processes %v", pids)
	}
	users := func() []int { return pids[:1] }
	d.users.Store(&users)
	const opening = "drm-driver:\tamdgpu\ndrm-client-id:\t42\ndrm-pdev:\t0000:0a:00.0\ndrm-memory-vram:\t100 MiB\n"
	account(pids[0], opening)
	account(pids[1], opening)
	if v, ok := h.gpuMemory(t.Context(), pids); !ok || v != meter.Exactly(100<<20+contextBytes) {
		t.Errorf("GPU memory %v, %t", v, ok)
	}
	account(pids[1], strings.Replace(opening, "100 MiB", "? MiB", 1))
	account(pids[0], "")
	if v, ok := h.gpuMemory(t.Context(), pids); !ok || v.Known {
		t.Errorf("with an amount that is not told: %v, %t", v, ok)
	}
	account(pids[1], "")
	// The display is there until it has been measured.
	display := s.display.Process().PID()
	shown := func() []int { return []int{display} }
	d.users.Store(&shown)
	account(display, opening)
	if r := h.endWithReceipt(s, receipts); r.Took[meter.GPUMemory] != meter.Exactly(100<<20+contextBytes) {
		t.Errorf("took %v", r.Took)
	}
}

// TestDRMGoesDark: the rungs of that GPU are closed, not those of the other.
func TestDRMGoesDark(t *testing.T) {
	h, _, _, node, _ := drmHouse(t)
	closed := func() (all []string) {
		for _, r := range h.Rungs() {
			if r.Closed {
				all = append(all, r.Element)
			}
		}
		return all
	}
	if got := closed(); len(got) > 0 {
		t.Fatalf("closed at first: %v", got)
	}
	if err := os.Remove(node); err != nil {
		t.Fatal(err)
	}
	told := h.await("the dark meter", 1, func(e evidence.Event) bool { return e.Fault == evidence.FaultMeterDark })
	if told.Attrs["meter"] != media.DRMMeterName || !strings.Contains(told.Attrs["error"], node) {
		t.Errorf("told %v", told.Attrs)
	}
	if got := closed(); !slices.Equal(got, []string{"vah264enc", "qsvh264enc"}) {
		t.Errorf("closed in the dark: %v", got)
	}
	if v, ok := h.gpuMemory(t.Context(), nil); !ok || v.Known {
		t.Errorf("GPU memory in the dark: %v, %t", v, ok)
	}
}

// TestGPUFilesAreCounted without any GPU meter, and unknown ones are not 0.
func TestGPUFilesAreCounted(t *testing.T) {
	o := options(t)
	o.Limits.GPUFiles = 100
	h := open(t, o)
	s := h.launch(request("a", demo()))
	s.gpuFiles.Store(7)
	if err := h.readFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.gpuFiles.Load(); got != 0 || s.unseen.Load() {
		t.Errorf("%d files of GPUs, unknown %t", got, s.unseen.Load())
	}
	h.mu.Lock()
	s.need.files = 9
	h.mu.Unlock()
	s.started = time.Now().Add(-2 * settled)
	used := func() float64 {
		for _, b := range h.Budgets() {
			if b.Resource == "gpu_files" {
				return b.Used
			}
		}
		return -1
	}
	if got := used(); got != 0 {
		t.Errorf("%v files in use", got)
	}
	s.unseen.Store(true)
	if got := used(); got != 9 {
		t.Errorf("unknown files count %v, not as was reserved", got)
	}
}

// TestGPUMemoryThatStays with a process that is gone is a residue, also where
// it was an encoder that was replaced long before the end.
func TestGPUMemoryThatStays(t *testing.T) {
	h, d, receipts := withDriver(t)
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	_, p := s.rendition.current()
	p.Kill()
	h.await("another encoder", 1, func(e evidence.Event) bool { return e.Attrs["next"] != "" })
	d.ghost.Store(int64(p.PID()))
	r := h.endWithReceipt(s, receipts)
	if r.Fault() != evidence.FaultResidue || !strings.Contains(strings.Join(r.Residue, " "), "3 MiB of GPU memory of processes that are gone") || r.Took[meter.GPUMemory].N < contextBytes {
		t.Errorf("receipt: %+v", r)
	}
	d.ghost.Store(0)
	s = h.launch(request("a", demo()))
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || r.Later[meter.GPUMemory] != meter.Exactly(0) || r.Device[meter.GPUMemory] != meter.Exactly(1<<30) {
		t.Errorf("receipt: %+v", r)
	}
	d.dead.Store(true)
	s = h.launch(request("a", demo()))
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || r.Took[meter.GPUMemory].Known || r.Device != nil {
		t.Errorf("what is unknown was shown as %v: %+v", r.Took[meter.GPUMemory], r)
	}
}

// TestGPUMemoryThatNobodyHolds: real drivers list no process that is gone; what
// they keep of it shows only in what the device has in use.
func TestGPUMemoryThatNobodyHolds(t *testing.T) {
	h, d, receipts := withDriver(t)
	const leak = 100 << 20
	cycle := func(client string, keep int64, want string) {
		t.Helper()
		s := h.launch(request(client, demo()))
		d.kept.Add(keep)
		r := h.endWithReceipt(s, receipts)
		if got := strings.Join(r.Residue, " "); (want == "") != (got == "") || !strings.Contains(got, want) || r.Device[meter.GPUUnowned] != meter.Exactly(1<<30+d.kept.Load()) {
			t.Errorf("the driver keeps %d MiB more: residue %q, device %v", keep>>20, r.Residue, r.Device)
		}
	}
	cycle("a", 0, "")
	for range 3 {
		cycle("a", leak, "100 MiB of memory of GPU 0 (Test) that no process holds")
	}
	// Little is told when it has added up.
	cycle("a", gpuTolerance/2, "")
	cycle("a", gpuTolerance/2, "")
	cycle("a", gpuTolerance/2, "24 MiB of memory")
	cycle("a", -leak, "")
	cycle("a", leak, "100 MiB of memory")
	// Beside a session whose own memory is known, likewise.
	h.launch(request("long", demo()))
	cycle("b", 0, "")
	cycle("b", leak, "100 MiB of memory")
}

// TestHolders: a process that is gone counts, one that only has its pid does not.
func TestHolders(t *testing.T) {
	var o holders
	gone := exec.Command("cat")
	in, err := gone.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Start(); err != nil {
		t.Fatal(err)
	}
	o.note(gone.Process.Pid, os.Getpid())
	_ = in.Close()
	_ = gone.Wait()
	if all := o.all(); len(all) != 2 {
		t.Errorf("holders %v", all)
	}
	o.starts[os.Getpid()]-- // another one had this pid
	if all := o.all(); !slices.Equal(all, []int{gone.Process.Pid}) {
		t.Errorf("holders %v, of which %d is somebody else", all, os.Getpid())
	}
	o.note(gone.Process.Pid + 1<<22) // no such process
	if len(o.starts) != 2 {
		t.Errorf("holders %v", o.starts)
	}
}

// TestEncodersAreTried: each in a process of its own; what fails is named and
// left out, and a host without any says so to the player.
func TestEncodersAreTried(t *testing.T) {
	o := options(t)
	o.Encoders = []string{"nosuchenc", "x264enc"}
	h := open(t, o)
	h.TryEncoders(t.Context())
	rungs := h.Rungs()
	if rungs[0].Works || !strings.Contains(rungs[0].Reason, "nosuchenc") || !rungs[1].Works || rungs[1].Took <= 0 {
		t.Errorf("rungs: %v", rungs)
	}
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("first: %s", first)
	}
	o = options(t)
	o.Encoders = []string{"nosuchenc"}
	h = open(t, o)
	h.TryEncoders(t.Context())
	if _, err := h.Launch(t.Context(), request("a", demo())); err == nil || evidence.FaultOf(err) != evidence.FaultEncoderMissing || !strings.Contains(err.Error(), "nosuchenc") {
		t.Errorf("launch without an encoder: %v", err)
	}
}
