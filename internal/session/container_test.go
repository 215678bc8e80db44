package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

const image = "kennel/test:1"

// dock opens a house with a Docker of its own, whose image has busybox and the
// demo app.
func dock(t *testing.T, options ...string) (*house, *enginetest.Docker, <-chan Receipt) {
	t.Helper()
	d := enginetest.Shared(t)
	if len(options) > 0 {
		d = enginetest.Start(t, options...)
	}
	o := dockOptions(t, d)
	receipts := make(chan Receipt, 100)
	o.Receipt = func(r Receipt) { receipts <- r }
	d.Import(image, map[string]string{"/usr/bin/kennel": o.Executable})
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	return h, d, receipts
}

func dockOptions(t *testing.T, d *enginetest.Docker) Options {
	o := options(t)
	o.EngineSockets = []string{d.Socket}
	return o
}

// boxed is an app in a container without a network.
func boxed(args ...string) app.Spec {
	return app.Spec{ID: 3, Slug: "boxed", Title: "Boxed", Runner: app.RunnerSpec{
		Type: app.TypeDocker, Args: args, Container: &app.ContainerSpec{Image: image, Network: "none", Pull: "never"},
	}}
}

func containers(t *testing.T, d *enginetest.Docker) []engine.Container {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	all, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// noContainer fails when the engine has any container, or its groups are left.
func (h *house) noContainer(d *enginetest.Docker) {
	h.t.Helper()
	t, ok := h.t.(*testing.T)
	if !ok {
		return
	}
	if all := containers(t, d); len(all) > 0 {
		t.Errorf("left at the engine: %v", all)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/kennel-" + h.o.Instance + "/*-*"); len(left) > 0 {
		t.Errorf("left groups: %v", left)
	}
}

// TestAppInAContainer: it is seen, belongs to its session, sees nothing else of
// the host, and leaves nothing.
func TestAppInAContainer(t *testing.T) {
	h, d, receipts := dock(t)
	s := h.launch(request("a", boxed("kennel", "demo")))
	next(t, h.play(s, stream))
	started := h.await("the start", 1, func(e evidence.Event) bool { return e.Stage == evidence.StageApp && e.Kind == evidence.Done })
	if !strings.HasPrefix(started.Attrs["container"], "boxed_") || started.Attrs["create"] == "" || started.Attrs["start"] == "" {
		t.Errorf("the start tells %v", started.Attrs)
	}
	all := containers(t, d)
	if len(all) != 1 || all[0].State != "running" || !strings.HasSuffix(all[0].Image, image) {
		t.Fatalf("containers %+v", all)
	}
	inside := false
	for _, pid := range s.Processes() {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		inside = inside || strings.HasPrefix(string(name), "kennel\x00demo")
	}
	if !inside && h.Hierarchy() != 0 {
		t.Errorf("the session's processes %v lack the container's", s.Processes())
	}
	r := h.endWithReceipt(s, receipts)
	if r.Fault() != "" || r.Took[meter.Containers] != meter.Exactly(1) {
		t.Errorf("receipt %+v", r)
	}
	h.noContainer(d)
}

// TestAContainerElsewhereIsMeasured: an engine that leaves control groups to
// systemd takes none of the session's for its container.
func TestAContainerElsewhereIsMeasured(t *testing.T) {
	d := enginetest.Shared(t)
	o := dockOptions(t, d)
	d.Import(image, nil)
	o.EngineSockets = []string{d.Proxy(t, "", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			delete(body["HostConfig"].(map[string]any), "CgroupParent")
			raw, _ := json.Marshal(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		}
		next.ServeHTTP(w, r)
	})}
	receipts := make(chan Receipt, 1)
	o.Receipt = func(r Receipt) { receipts <- r }
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	if h.Hierarchy() == process.None {
		t.Skip("this machine has no control groups")
	}
	s := h.launch(request("a", boxed("sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1048576 count=64; echo over; exec sleep 1000")))
	h.output(s, "over")
	if all := s.Processes(); !slices.ContainsFunc(all, func(pid int) bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return strings.HasPrefix(string(name), "sleep\x001000")
	}) {
		t.Errorf("the session's processes %v lack the container's", all)
	}
	r := h.endWithReceipt(s, receipts)
	if r.Fault() != "" || r.Took[meter.MemoryPeak].N < 64<<20 || r.Took[meter.Memory].N < 64<<20 {
		t.Errorf("receipt %+v", r)
	}
	names(t, d, "")
}

// TestAContainerSeesItsSessionOnly: who it runs as, what it may do, what is there.
func TestAContainerSeesItsSessionOnly(t *testing.T) {
	h, d, receipts := dock(t)
	spec := boxed("sh", "-c", `id -u; cat /proc/self/status | while read k v; do case $k in CapEff:|NoNewPrivs:|Seccomp:) echo $k $v;; esac; done
		ls /run/kennel; ls -d /run/kennel/pulse/native; touch /made 2>/dev/null && echo image writable; touch $HOME/made && echo home writable
		echo $WAYLAND_DISPLAY $KENNEL_WIDTH $EXTRA; cat /etc/added; touch /etc/added 2>/dev/null && echo mount writable; 
		while read a b c d m rest; do echo mount $m; done </proc/self/mountinfo
		cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null | while read n; do echo pids $n; done
		cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null | while read n rest; do echo cpu $n; done
		test -c /dev/x && echo device x; test -e /dev/kmsg && echo device kmsg; echo over; exec sleep 1000`)
	added := filepath.Join(t.TempDir(), "added")
	if err := os.WriteFile(added, []byte("from the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec.Runner.Env = []string{"EXTRA=more"}
	spec.Runner.Container.ReadOnly, spec.Runner.Container.PIDs, spec.Runner.Container.CPUs = true, 123, 0.5
	spec.Runner.Container.Devices = []string{"/dev/null:/dev/x"}
	spec.Runner.Container.Mounts = []string{added + ":/etc/added:ro"}
	s := h.launch(request("a", spec))
	text := h.output(s, "over")
	for _, want := range []string{
		fmt.Sprint(s.credential.UID), "CapEff: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2", "wayland-1", "/run/kennel/pulse/native",
		"home writable", "wayland-1 640 more", "from the host", "pids 123", "cpu 50000", "device x",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, bad := range []string{"image writable", "mount writable", "device kmsg"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s", bad)
		}
	}
	ours := []string{"/", "/run/kennel", "/run/kennel/wayland-1", "/run/kennel/pulse/native", "/home/retro", "/tmp", "/etc/added", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
	mounts := 0
	for line := range strings.Lines(text) {
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "mount ")
		if !ok {
			continue
		}
		kernels := slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(dir string) bool { return at == dir || strings.HasPrefix(at, dir+"/") })
		if mounts++; !kernels && !slices.Contains(ours, at) {
			t.Errorf("it has a mount at %s", at)
		}
	}
	if mounts < 8 { // what it needs at least, with /proc and /dev
		t.Errorf("it lists %d mounts only:\n%s", mounts, text)
	}
	want := map[string]string{"stream.kennel.instance": h.o.Instance, "stream.kennel.session": s.ID(), "stream.kennel.app": "boxed"}
	if all, err := labelled(t, d, want); err != nil || len(all) != 1 || all[0].Labels["stream.kennel.run"] == "" {
		t.Errorf("with the labels %v: %+v, %v", want, all, err)
	}
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" {
		t.Errorf("receipt %+v", r)
	}
	h.noContainer(d)
}

func labelled(t *testing.T, d *enginetest.Docker, labels map[string]string) ([]engine.Container, error) {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return e.Labelled(t.Context(), labels)
}

// output waits until the app has written a line, and returns all lines.
func (h *house) output(s *Session, last string) string {
	h.t.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		text := strings.Join(s.OutputTail("app"), "\n") + "\n"
		if strings.Contains(text, last+"\n") {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("the app did not write %q:\n%s", last, text)
		}
	}
}

// TestEndsOfContainers: each way has its fault, its end and its words.
func TestEndsOfContainers(t *testing.T) {
	h, d, receipts := dock(t)
	small := boxed("tail", "/dev/zero")
	small.Runner.Container.MemoryMiB = 16
	for _, c := range []struct {
		name   string
		spec   app.Spec
		meddle func(id string)
		fault  evidence.FaultID
		end    evidence.End
		words  string
	}{
		{"crash", boxed("sh", "-c", "echo first; echo it broke; exit 3"), nil, evidence.FaultAppCrashed, evidence.EndAppCrashed, "exit status 3"},
		{"signal", boxed("sh", "-c", "kill -9 $$; sleep 1; exit 137"), nil, evidence.FaultAppCrashed, evidence.EndAppCrashed, "killed by SIGKILL"},
		{"exit", boxed("true"), nil, evidence.FaultAppExited, evidence.EndAppExited, "exit status 0"},
		{"memory", small, nil, evidence.FaultAppOOM, evidence.EndAppCrashed, "it needed more than its 16 MiB of memory"},
		{"stop", boxed("sleep", "1000"), func(id string) { d.Tell("POST", "/containers/"+id+"/stop?t=0") }, evidence.FaultContainerStopped, evidence.EndStopped, "its container was stopped from outside"},
		{"remove", boxed("sleep", "1000"), func(id string) { d.Tell("DELETE", "/containers/"+id+"?force=1") }, evidence.FaultContainerStopped, evidence.EndStopped, "its container was stopped from outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if (c.name == "memory" || c.name == "stop") && enginetest.Podman() {
				t.Skip("podman 4.3 does not tell in time what killed it")
			}
			s := h.launch(request(c.name, c.spec))
			if c.meddle != nil {
				c.meddle(containers(t, d)[0].ID)
			}
			e := h.await("the end of "+c.name, 1, exits(s))
			if e.Fault != c.fault || e.Attrs["how"] != c.words {
				t.Errorf("the event: %s %v", e.Fault, e.Attrs)
			}
			if c.name == "crash" && (e.Attrs["last"] != "it broke" || e.Attrs["lines"] != "first\nit broke") {
				t.Errorf("last words %q, of %q", e.Attrs["last"], e.Attrs["lines"])
			}
			if after, err := time.ParseDuration(e.Attrs["after"]); err != nil || after <= 0 || after > patience {
				t.Errorf("it ended after %q of its start", e.Attrs["after"])
			}
			h.finished(s, c.end)
			if r := receive(t, receipts); r.Fault() != "" {
				t.Errorf("receipt %+v", r)
			}
			h.noContainer(d)
		})
	}
}

// TestAContainerBesideIsStopped: how an app ended that runs beside the session's
// own is told as well, and its image's own signal asks it to.
func TestAContainerBesideIsStopped(t *testing.T) {
	h, d, receipts := dock(t)
	s := h.launch(request("a", boxed("sleep", "1000")))
	beside := boxed("sleep", "1000")
	if err := s.Run(t.Context(), beside, true); err != nil {
		t.Fatal(err)
	}
	for _, c := range containers(t, d) {
		if strings.HasPrefix(c.Name, "boxed-1_") {
			d.Tell("DELETE", "/containers/"+c.ID+"?force=1")
		}
	}
	e := h.await("the end beside", 1, func(e evidence.Event) bool { return e.Attrs["beside"] != "" && e.Kind == evidence.Exited })
	if e.Fault != evidence.FaultContainerStopped {
		t.Errorf("the event: %s %v", e.Fault, e.Attrs)
	}
	h.finished(s, evidence.EndStopped)
	if r := receive(t, receipts); r.Fault() != "" {
		t.Errorf("receipt %+v", r)
	}
	asked := boxed("sh", "-c", "trap 'exit 5' INT; echo over; sleep 1000 & wait")
	asked.Runner.Container.BaseCreateJSON = `{"StopSignal":"SIGINT"}`
	s = h.launch(request("b", asked))
	h.output(s, "over")
	s.End(evidence.EndStopped, "")
	h.finished(s, evidence.EndStopped)
	if e := h.await("the end", 1, exits(s)); e.Attrs["how"] != "exit status 5" {
		t.Errorf("asked by SIGINT the app ends: %v", e.Attrs)
	}
	if r := receive(t, receipts); r.Fault() != "" {
		t.Errorf("receipt %+v", r)
	}
	h.noContainer(d)
}

// TestContainersThatCannotStart: the player reads why at once.
func TestContainersThatCannotStart(t *testing.T) {
	h, d, receipts := dock(t)
	never, unknown := boxed(), boxed()
	never.Runner.Container.Image = "kennel/absent:1"
	unknown.Runner.Container.Image, unknown.Runner.Container.Pull = "127.0.0.1:1/kennel/absent:1", "missing"
	for _, c := range []struct {
		spec  app.Spec
		fault evidence.FaultID
		words string
	}{
		{never, evidence.FaultImageMissing, "not to be fetched"},
		{unknown, evidence.FaultImageMissing, "could not be fetched"},
		{boxed("no-such-program"), evidence.FaultAppNotFound, "no-such-program"},
	} {
		if c.spec.Runner.Container.Pull == "missing" && enginetest.Podman() {
			continue // it asks three times, which takes longer than a launch waits
		}
		_, err := h.Launch(t.Context(), request("a", c.spec))
		if evidence.FaultOf(err) != c.fault || !strings.Contains(fmt.Sprint(err), c.words) {
			t.Errorf("%s: %v", evidence.FaultOf(err), err)
		}
		if r := receive(t, receipts); r.Fault() != "" || r.End != evidence.EndLaunchFailed {
			t.Errorf("receipt %+v", r)
		}
	}
	h.noContainer(d)
	d.Stop()
	if _, err := h.Launch(t.Context(), request("a", boxed("true"))); evidence.FaultOf(err) != evidence.FaultEngine {
		t.Errorf("%s: %v", evidence.FaultOf(err), err)
	}
	d.Restart()
}

// TestSessionsOutliveTheirEngine: where containers do, and always those without
// one. What they end of later is not the engine's fault.
func TestSessionsOutliveTheirEngine(t *testing.T) {
	h, d, receipts := dock(t, "--live-restore")
	const untilTold = `kennel demo & until test -s $HOME/status; do sleep 0.1; done; exit $(cat $HOME/status)`
	s, plain := h.launch(request("a", boxed("sh", "-c", untilTold))), h.launch(request("b", demo()))
	quits := h.launch(request("c", boxed("sh", "-c", untilTold)))
	frames, others := h.play(s, stream), h.play(plain, stream)
	next(t, frames)
	next(t, others)
	d.Kill()
	for _, one := range []*Session{s, quits} {
		h.await("the loss", 1, func(e evidence.Event) bool {
			return e.Session == one.ID() && strings.Contains(e.Attrs["warning"], "goes on without it")
		})
	}
	drain(frames)
	drain(others)
	next(t, frames)
	next(t, others)
	d.Restart()
	for _, one := range []*Session{s, quits} {
		h.await("the return", 1, func(e evidence.Event) bool { return e.Session == one.ID() && e.Attrs["engine"] != "" })
	}
	drain(frames)
	next(t, frames)
	for one, want := range map[*Session]struct {
		status string
		fault  evidence.FaultID
		end    evidence.End
	}{s: {"3", evidence.FaultAppCrashed, evidence.EndAppCrashed}, quits: {"0", evidence.FaultAppExited, evidence.EndAppExited}} {
		if err := os.WriteFile(filepath.Join(one.home, "status"), []byte(want.status), 0o644); err != nil {
			t.Fatal(err)
		}
		if e := h.await("the end", 1, exits(one)); e.Fault != want.fault || e.Attrs["how"] != "exit status "+want.status {
			t.Errorf("after the engine's return: %s %v", e.Fault, e.Attrs)
		}
		h.finished(one, want.end)
		if r := receive(t, receipts); r.Fault() != "" {
			t.Errorf("receipt %+v", r)
		}
	}
	if r := h.endWithReceipt(plain, receipts); r.Fault() != "" {
		t.Errorf("receipt %+v", r)
	}
	h.noContainer(d)
}

func drain(frames <-chan bool) {
	for {
		select {
		case <-frames:
		default:
			return
		}
	}
}

// TestTheEngineTakesAContainerWithIt: that one session ends, and says why; what
// could not be removed meanwhile is removed when the engine is back. Only where
// that takes too long is it a residue.
func TestTheEngineTakesAContainerWithIt(t *testing.T) {
	h, d, receipts := dock(t)
	plain := h.launch(request("b", demo()))
	for _, back := range []bool{true, false} {
		if !back {
			h.enginePatience = time.Millisecond
		}
		s := h.launch(request("a", boxed("sh", "-c", "trap 'exit 143' TERM; echo over; sleep 1000 & wait")))
		h.output(s, "over")
		d.Stop()
		if e := h.await("the end", 1, exits(s)); e.Fault != evidence.FaultEngineRestarted {
			t.Errorf("%s %v", e.Fault, e.Attrs)
		}
		<-s.Done()
		if back {
			h.nothingLeft(s.ID())
			d.Restart()
		}
		r := receive(t, receipts)
		if unknown := strings.Contains(strings.Join(r.Residue, " "), "containers unknown"); unknown == back || back && r.Fault() != "" {
			t.Errorf("with the engine back %t the receipt is %+v", back, r)
		}
		if !back {
			d.Restart()
		}
		names(t, d, "")
	}
	if end, _ := plain.EndReason(); end != "" {
		t.Errorf("the other session ends: %s", end)
	}
	plain.End(evidence.EndStopped, "")
	<-plain.Done()
	receive(t, receipts)
}

// TestAnEngineThatHangs costs no session its stream, and keeps none from its end.
func TestAnEngineThatHangs(t *testing.T) {
	h, d, receipts := dock(t, "--live-restore")
	s := h.launch(request("a", boxed("sh", "-c", `kennel demo & until test -s $HOME/status; do sleep 0.1; done; exit $(cat $HOME/status)`)))
	stopped := h.launch(request("b", boxed("sleep", "1000")))
	frames := h.play(s, stream)
	next(t, frames)
	d.Freeze()
	stopped.End(evidence.EndStopped, "")
	drain(frames)
	next(t, frames)
	if err := os.WriteFile(filepath.Join(s.home, "status"), []byte("3"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Launch(t.Context(), request("c", boxed("true"))); evidence.FaultOf(err) != evidence.FaultEngine {
		t.Errorf("%s: %v", evidence.FaultOf(err), err)
	}
	if e := h.await("the end", 1, exits(s)); e.Fault != evidence.FaultEngine || !strings.Contains(e.Attrs["how"], "does not answer how") {
		t.Errorf("the event: %s %v", e.Fault, e.Attrs)
	}
	<-stopped.Done()
	h.nothingLeft(stopped.ID())
	d.Thaw()
	h.finished(s, evidence.EndAppCrashed)
	for range 3 {
		if r := receive(t, receipts); r.Fault() != "" {
			t.Errorf("receipt %+v", r)
		}
	}
	h.noContainer(d)
}
