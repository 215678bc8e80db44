package meter

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestUnknownIsNotZero(t *testing.T) {
	u := Usage{Memory: Exactly(5)}
	u.Add(Memory, Value{})
	u.Add(CPU, Exactly(3))
	if u[Memory].Known || !u[CPU].Known {
		t.Errorf("usage = %v", u)
	}
	raw, err := json.Marshal(u)
	if err != nil || string(raw) != `{"cpu":3,"memory":null}` {
		t.Errorf("json = %s, %v", raw, err)
	}
	var back Usage
	if err := json.Unmarshal(raw, &back); err != nil || back[Memory].Known || back[CPU] != Exactly(3) {
		t.Errorf("read back %v, %v", back, err)
	}
	if got := Describe(Memory, u[Memory]); got != "unknown" {
		t.Errorf("described as %q", got)
	}
}

// TestOpenFiles counts what this process really opens.
func TestOpenFiles(t *testing.T) {
	before, err := Live.OpenFiles(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.MemfdCreate("meter", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(mem) }()
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	after, err := Live.OpenFiles(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for r, want := range map[Resource]int64{Memfds: 1, UnixSockets: 1, Sockets: 2, GPUFiles: 0, DMABufs: 0} {
		if got := after[r].Sub(before[r]); got != Exactly(want) {
			t.Errorf("%s grew by %v, want %d", r, got, want)
		}
	}
	for _, kind := range []Resource{Memfds, Sockets, GPUFiles} {
		if got := Live.OfKind([]int{os.Getpid()}, kind); got != after[kind] {
			t.Errorf("%v %s alone, %v with all", got, kind, after[kind])
		}
	}
	if got := after[Files].Sub(before[Files]); got.N < 3 {
		t.Errorf("files grew by %v", got)
	}
}

func TestOpenFilesOfTheDeadAndOfStrangers(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	u, err := Live.OpenFiles(cmd.Process.Pid)
	if err != nil || u[Files] != Exactly(0) || Live.OfKind([]int{cmd.Process.Pid}, Sockets) != Exactly(0) {
		t.Errorf("the dead hold %v, %v", u, err)
	}
	if os.Geteuid() == 0 {
		return
	}
	if u := Live.Of([]int{1}); u[Files].Known || Live.OfKind([]int{1}, Sockets).Known {
		t.Errorf("the files of another user's process are %v", u[Files])
	}
}

// TestKinds are as the kernel writes the links.
func TestKinds(t *testing.T) {
	for target, want := range map[string]Resource{
		"/dev/nvidia0": GPUFiles, "/dev/nvidiactl": GPUFiles, "/dev/nvidia-uvm": GPUFiles, "/dev/nvidia-caps/nvidia-cap1": GPUFiles,
		"/dev/dri/renderD128": GPUFiles, "/dev/kfd": GPUFiles, "/dev/driver": "",
		"/dmabuf:": DMABufs, "/dmabuf:buffer": DMABufs, "anon_inode:dmabuf": DMABufs,
		"/memfd:kennel-scene (deleted)": Memfds, "/memfd: (deleted)": Memfds, "socket:[1234]": Sockets, "pipe:[1]": "", "/tmp/memfd:x": "",
	} {
		if got := kindOf(target); got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
}

func TestProcessTree(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	all, err := Live.Descendants(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, p := range all {
		pids = append(pids, p.PID)
	}
	if len(all) != 2 || all[0].Name != "sh" || all[0].PID != cmd.Process.Pid || all[1].Parent != all[0].PID {
		t.Errorf("processes %+v", all)
	}
	if u := Live.Of(pids); u[Processes] != Exactly(2) || u[Threads] != Exactly(2) || u[Files].N < 4 {
		t.Errorf("both hold %v", u)
	}
	for _, p := range all {
		_ = unix.Kill(p.PID, unix.SIGKILL)
	}
}

func TestStatLines(t *testing.T) {
	line := "4211 (a) b (c) S 1 4211 4211 0 -1 4194560 1032 0 0 0 12 30 0 0 20 0 7 0 881 12345 250 18446744073709551615 1"
	p, err := parseStat(line)
	want := Process{PID: 4211, Parent: 1, Name: "a) b (c", State: "S", Threads: 7, RSS: 250 * int64(os.Getpagesize()), CPU: 420_000_000, Start: 881}
	if err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "1", "1 (a", "1 a) S", "1 (a) S 1 2", "x (a) S 1 4211 4211 0 -1 4194560 1032 0 0 0 12 30 0 0 20 0 7 0 881 12345 250"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestUnowned: what no process holds is told only where every process is known.
func TestUnowned(t *testing.T) {
	d := GPU{Used: Exactly(700), ProcessesKnown: true, Processes: []GPUProcess{{PID: 1, Memory: Exactly(100)}, {PID: 2, Memory: Exactly(50)}}}
	if got := d.Unowned(); got != Exactly(550) {
		t.Errorf("unowned %v", got)
	}
	d.Processes[1].Memory = Value{}
	if got := d.Unowned(); got.Known {
		t.Errorf("with a process that is not told: %v", got)
	}
	if got := (GPU{Used: Exactly(1)}).Unowned(); got.Known {
		t.Errorf("without a list of processes: %v", got)
	}
	if u := (GPUs{Devices: []GPU{{Used: Exactly(700), ProcessesKnown: true}, d}}).Usage(); u[GPUMemory] != Exactly(1400) || u[GPUUnowned].Known {
		t.Errorf("usage %v", u)
	}
}

func FuzzStat(f *testing.F) {
	f.Add("1 (init) S 0 1 1 0 -1 4194560 1 0 0 0 1 3 0 0 20 0 1 0 8 1 2 3")
	f.Add("1 () (")
	f.Fuzz(func(t *testing.T, line string) { _, _ = parseStat(line) })
}

func TestCgroups(t *testing.T) {
	write := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	v2 := write(map[string]string{
		"memory.current": "4096\n", "memory.peak": "8192\n", "pids.current": "3\n",
		"cpu.stat": "usage_usec 1500\nuser_usec 1000\n", "memory.events": "low 0\nhigh 0\noom 2\noom_kill 1\n",
	})
	want := Usage{Memory: Exactly(4096), MemoryPeak: Exactly(8192), Processes: Exactly(3), CPU: Exactly(1_500_000), OOMKills: Exactly(1)}
	if diff := cmp.Diff(want, Cgroup(map[string]string{"": v2})); diff != "" {
		t.Errorf("v2: %s", diff)
	}
	memory := write(map[string]string{"memory.usage_in_bytes": "1\n", "memory.max_usage_in_bytes": "2\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"})
	pids := write(map[string]string{"pids.current": "5\n"})
	want = Usage{Memory: Exactly(1), MemoryPeak: Exactly(2), Processes: Exactly(5), CPU: {}, OOMKills: Exactly(4)}
	if diff := cmp.Diff(want, Cgroup(map[string]string{"memory": memory, "pids": pids})); diff != "" {
		t.Errorf("v1: %s", diff)
	}
	for r, v := range Cgroup(nil) {
		if v.Known {
			t.Errorf("without a cgroup %s is %v", r, v)
		}
	}
}

// TestTrendFindsALeak and lets noise be noise.
func TestTrendFindsALeak(t *testing.T) {
	leak := TrendOf([]Value{Exactly(12), Exactly(29), {}, Exactly(63), Exactly(80)})
	if !leak.Rising() || math.Abs(leak.Slope-17) > 1e-9 || leak.Last != 80 {
		t.Errorf("leak: %+v", leak)
	}
	if n, ok := leak.Exhausts(1024); !ok || n != 55 {
		t.Errorf("exhausted after %d more, %v", n, ok)
	}
	flat := TrendOf([]Value{Exactly(100), Exactly(104), Exactly(98), Exactly(101), Exactly(99), Exactly(103)})
	if flat.Rising() || flat.Low > 0 || flat.High < 0 {
		t.Errorf("noise: %+v", flat)
	}
	if _, ok := flat.Exhausts(200); ok {
		t.Error("noise was forecast")
	}
	for _, few := range [][]Value{nil, {Exactly(1)}, {Exactly(1), Exactly(100)}, {{}, {}, {}}} {
		if got := TrendOf(few); got.Rising() {
			t.Errorf("%v rises: %+v", few, got)
		}
	}
}

// TestTrendCoversTheTruth: the interval holds the real slope about as often as
// it says.
func TestTrendCoversTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slope := rapid.IntRange(-50, 50).Draw(t, "slope")
		n := rapid.IntRange(3, 60).Draw(t, "n")
		values := make([]Value, n)
		for i := range values {
			values[i] = Exactly(1000 + slope*i)
		}
		got := TrendOf(values)
		if math.Abs(got.Slope-float64(slope)) > 1e-6 || got.Low > got.Slope || got.High < got.Slope {
			t.Fatalf("slope %d: %+v", slope, got)
		}
	})
}

// TestTrendBesideALoad: what sessions that run hold is no growth, whether they
// come or go; what grows beneath them is found, and where nothing can be said,
// nothing is.
func TestTrendBesideALoad(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	amounts := func(perCycle float64, load func(int) float64) (values []Value, loads []float64) {
		for i := range 40 {
			loads = append(loads, load(i))
			values = append(values, Exactly(int64(50+perCycle*float64(i)+20*loads[i]+random.Float64()*2)))
		}
		return values, loads
	}
	rises := func(i int) float64 { return float64(i/10) + float64(i%2) }
	steady, loads := amounts(0, rises)
	if !TrendOf(steady).Rising() {
		t.Error("the test is no test: the load is no growth even without being told")
	}
	if got := TrendBeside(steady, loads); got.Rising() || math.Abs(got.Slope) > 0.1 {
		t.Errorf("a load is taken for growth: %+v", got)
	}
	leak, loads := amounts(2, func(i int) float64 { return 4 - rises(i) })
	if got := TrendBeside(leak, loads); !got.Rising() || math.Abs(got.Slope-2) > 0.1 {
		t.Errorf("a leak beneath a load: %+v", got)
	}
	same, loads := amounts(1, func(i int) float64 { return float64(i) })
	got := TrendBeside(same, loads)
	if _, err := json.Marshal(got); got.Rising() || got.Low > -math.MaxFloat64 || err != nil {
		t.Errorf("a load that grows with the cycles: %+v, %v", got, err)
	}
}

// TestTrendOfWhatWanders: memory that wanders without growing is not taken for
// one that grows, however often it is measured.
func TestTrendOfWhatWanders(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const runs = 400
	rising := func(r, slope float64) (n int) {
		for range runs {
			values, at := make([]Value, 40), 0.0
			for i := range values {
				at = r*at + 1e5*random.NormFloat64()
				values[i] = Exactly(int64(3e7 + at + slope*float64(i)))
			}
			if TrendOf(values).Rising() {
				n++
			}
		}
		return n
	}
	for r, most := range map[float64]int{0: 16, 0.5: 24, 0.8: 48} {
		if n := rising(r, 0); n > most {
			t.Errorf("with %v of the amount before: %d of %d are said to rise", r, n, runs)
		}
	}
	if n := rising(0.5, 3e4); n < runs*95/100 {
		t.Errorf("only %d of %d that rise are found", n, runs)
	}
}

func TestResidentTellsOwnMemoryFromFiles(t *testing.T) {
	anon, file := Live.Resident(os.Getpid())
	if !anon.Known || !file.Known || anon.N < 1<<20 || file.N < 1<<20 {
		t.Errorf("own %s, of files %s bytes", anon, file)
	}
	p, err := Live.Process(os.Getpid())
	if sum := anon.Add(file).N; err != nil || sum < p.RSS*8/10 || sum > p.RSS*12/10 {
		t.Errorf("%d bytes in all, %d by another way (%v)", sum, p.RSS, err)
	}
	if anon, file := Live.Resident(1 << 30); anon.Known || file.Known {
		t.Errorf("no process has %s and %s bytes", anon, file)
	}
}

func TestTheFullestDevice(t *testing.T) {
	device := func(index int, total, used Value) GPU { return GPU{Index: index, Total: total, Used: used} }
	g := GPUs{Devices: []GPU{
		device(0, Exactly(80), Exactly(10)), device(1, Exactly(8), Exactly(5)), device(2, Value{}, Exactly(0)), device(3, Exactly(16), Exactly(12)),
	}}
	if d, known := g.Fullest(); !known || d.Index != 1 {
		t.Errorf("device %d, %t; want 1, which has 3 left", d.Index, known)
	}
	if d, known := (GPUs{Devices: g.Devices[2:3]}).Fullest(); known {
		t.Errorf("device %+v, of which nothing is known", d)
	}
}
