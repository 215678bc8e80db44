package vitals

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// planted is a machine whose files are a map of paths and contents; what ends in
// * may be executed.
func planted(t *testing.T, files map[string]string) *Machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name, program := strings.CutSuffix(name, "*")
		mode := os.FileMode(0o600)
		if program {
			mode = 0o700
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return &Machine{Root: root, Getenv: func(string) string { return "" }}
}

// states are the findings by name.
func states(found []Finding) map[string]State {
	all := map[string]State{}
	for _, f := range found {
		all[f.Name] = f.State
	}
	return all
}

func TestEmptyMachineIsUnknown(t *testing.T) {
	r := Look(t.Context(), planted(t, nil))
	for _, f := range r.Findings {
		if f.State == OK || f.State == Fault {
			t.Errorf("%s is %s: %s", f.Name, f.State, f.Found)
		}
	}
	if r.Verdict != VerdictInconclusive || len(r.Findings) < len(probes) {
		t.Errorf("%+v", r)
	}
	var out bytes.Buffer
	if err := r.Render(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(strings.TrimRight(line, "\n")) > width {
			t.Errorf("wide: %q", line)
		}
	}
}

const smi = "#!/bin/sh\ncase $1 in *gpu=*) echo '0, NVIDIA RTX 4080, %s, 16376' ;; *) echo '812, 300, /wolf/wolf' ;; esac\n"

const idle = "#!/bin/sh\ncase $1 in *gpu=*) echo '0, NVIDIA RTX 4080, 300, 16376' ;; esac\n"

func TestGPUs(t *testing.T) {
	const version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:15:33 UTC 2025\nGCC version: 12"
	const open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
	library := func(v string) string { return "/usr/lib/x86_64-linux-gnu/libcuda.so." + v }
	for name, c := range map[string]struct {
		files map[string]string
		look  func(context.Context, *Machine) []Finding
		want  map[string]State
	}{
		"room":         {map[string]string{"/usr/bin/nvidia-smi*": fmt.Sprintf(smi, "2900")}, lookGPU, map[string]State{"gpu 0": OK, "gpu processes": OK}},
		"full":         {map[string]string{"/usr/bin/nvidia-smi*": fmt.Sprintf(smi, "16000")}, lookGPU, map[string]State{"gpu 0": Fault, "gpu processes": OK}},
		"secret":       {map[string]string{"/usr/bin/nvidia-smi*": fmt.Sprintf(smi, "[N/A]")}, lookGPU, map[string]State{"gpu 0": Unknown, "gpu processes": OK}},
		"broken":       {map[string]string{"/usr/bin/nvidia-smi*": "#!/bin/sh\necho Failed to initialize NVML: Driver/library version mismatch\nexit 18\n"}, lookGPU, map[string]State{"gpu memory": Fault}},
		"no tool":      {map[string]string{"/dev/nvidiactl": ""}, lookGPU, map[string]State{"gpu memory": Unknown}},
		"amd":          {map[string]string{"/sys/class/drm/card0/device/mem_info_vram_used": "1073741824\n", "/sys/class/drm/card0/device/mem_info_vram_total": "8589934592\n"}, lookGPU, map[string]State{"gpu card0": OK}},
		"same":         {map[string]string{"/proc/driver/nvidia/version": version, library("580.65.06"): ""}, lookDriver, map[string]State{"nvidia driver": OK}},
		"open module":  {map[string]string{"/proc/driver/nvidia/version": open, library("580.65.06"): ""}, lookDriver, map[string]State{"nvidia driver": OK}},
		"mismatch":     {map[string]string{"/proc/driver/nvidia/version": version, library("575.51.02"): ""}, lookDriver, map[string]State{"nvidia driver": Fault}},
		"two versions": {map[string]string{"/proc/driver/nvidia/version": version, library("575.51.02"): "", library("580.65.06"): ""}, lookDriver, map[string]State{"nvidia driver": Fault}},
		"no library":   {map[string]string{"/proc/driver/nvidia/version": version}, lookDriver, map[string]State{"nvidia driver": Unknown}},
		"modeset":      {map[string]string{"/sys/module/nvidia_drm/parameters/modeset": "Y\n"}, lookModeset, map[string]State{"nvidia modeset": OK}},
		"no modeset":   {map[string]string{"/sys/module/nvidia_drm/parameters/modeset": "N\n"}, lookModeset, map[string]State{"nvidia modeset": Fault}},
		"intel": {map[string]string{"/sys/class/drm/renderD128/device/vendor": "0x8086\n"}, func(ctx context.Context, m *Machine) []Finding {
			return slices.Concat(lookGPU(ctx, m), lookDriver(ctx, m), lookModeset(ctx, m))
		}, map[string]State{"gpu memory": OK, "nvidia driver": OK, "nvidia modeset": OK}},
		"nvidia without a node": {map[string]string{
			"/sys/class/drm/renderD128/device/vendor": "0x8086\n", "/sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n", "/sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
		}, lookDriver, map[string]State{"nvidia driver": Unknown}},
		"idle, in a container": {map[string]string{"/usr/bin/nvidia-smi*": idle}, lookGPU, map[string]State{"gpu 0": OK, "gpu processes": Unknown}},
		"idle, on the host":    {map[string]string{"/usr/bin/nvidia-smi*": idle, "/proc/2/comm": "kthreadd\n"}, lookGPU, map[string]State{"gpu 0": OK, "gpu processes": OK}},
		"no module":            {map[string]string{"/proc/driver/nvidia/version": version}, lookModeset, map[string]State{"nvidia modeset": Warning}},
		"node":                 {map[string]string{"/dev/dri/renderD128": ""}, lookNodes, map[string]State{"render nodes": OK}},
		"one gpu":              {map[string]string{"/sys/class/drm/renderD128/device/vendor": "0x8086\n"}, lookMixed, map[string]State{"gpus": OK}},
		"two makers":           {map[string]string{"/sys/class/drm/renderD128/device/vendor": "0x8086\n", "/sys/class/drm/renderD129/device/vendor": "0x10de\n"}, lookMixed, map[string]State{"gpus": Warning}},
		"two nvidia":           {map[string]string{"/sys/class/drm/renderD128/device/vendor": "0x10de\n", "/sys/class/drm/renderD129/device/vendor": "0x10de\n"}, lookMixed, map[string]State{"gpus": Warning}},
		"two drivers":          {map[string]string{"/sys/module/nouveau/x": "", "/sys/module/nvidia/x": ""}, lookMixed, map[string]State{"gpus": Fault}},
	} {
		t.Run(name, func(t *testing.T) {
			found := c.look(t.Context(), planted(t, c.files))
			if diff := cmp.Diff(c.want, states(found)); diff != "" {
				t.Errorf("%s\n%+v", diff, found)
			}
			for _, f := range found {
				if f.State == Fault && f.Cure == "" {
					t.Errorf("a fault without a cure: %+v", f)
				}
			}
		})
	}
}

// TestDisplays: real sockets, one that is listened at and one left behind.
func TestDisplays(t *testing.T) {
	dir, err := os.MkdirTemp("", "vitals")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &Machine{Root: t.TempDir(), Getenv: func(name string) string { return map[string]string{"XDG_RUNTIME_DIR": dir}[name] }}
	listen := func(name string) net.Listener {
		t.Helper()
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	expect := func(name string, want State) {
		t.Helper()
		found := append(lookDisplays(t.Context(), m), lookSound(t.Context(), m)...)
		if got := states(found)[name]; got != want {
			t.Errorf("%s is %s, want %s: %+v", name, got, want, found)
		}
	}
	expect("displays", OK) // a directory of its own, and nothing in it
	expect("sound", Unknown)
	listen("wayland-1")
	_ = os.WriteFile(filepath.Join(dir, "wayland-1.lock"), nil, 0o600)
	expect("displays", OK)
	left := listen("wayland-2").(*net.UnixListener)
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	expect("displays", Warning)
	listen("wayland-32")
	expect("displays", Fault)
	listen("pulse-socket")
	expect("sound", OK)
}

// TestPorts: tables of the kernel as they are.
func TestPorts(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	row := func(port int, state, inode string) string {
		return fmt.Sprintf("   0: 00000000:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %s 1 0000000000000000 100 0 0 10 0\n", port, state, inode)
	}
	for name, c := range map[string]struct {
		tcp, holder string
		want        State
	}{
		"free":              {head, "", OK},
		"another's port":    {head + row(22, "0A", "7"), "sshd", OK},
		"a connection":      {head + row(47984, "01", "7"), "wolf", OK},
		"wolf":              {head + row(47984, "0A", "7"), "wolf", OK},
		"an orphan":         {head + row(47984, "0A", "7"), "sh", Fault},
		"published":         {head + row(47984, "0A", "7"), "docker-proxy", OK},
		"nobody we can see": {head + row(47984, "0A", "7"), "", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := planted(t, map[string]string{"/proc/net/tcp": c.tcp, "/proc/12/comm": c.holder + "\n", "/proc/12/fd/x": ""})
			if c.holder != "" {
				if err := os.Symlink("socket:[7]", m.path("/proc/12/fd/3")); err != nil {
					t.Fatal(err)
				}
			}
			if found := lookPorts(t.Context(), m); found[0].State != c.want {
				t.Errorf("%+v", found)
			}
		})
	}
}

// TestHangingProbe: a probe that never comes back is unknown, and the others are told.
func TestHangingProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := look(t.Context(), &Machine{}, []probe{
			{"hangs", time.Second, func(context.Context, *Machine) []Finding { <-release; return nil }},
			{"works", time.Second, func(context.Context, *Machine) []Finding { return []Finding{ok("works", "it does")} }},
		})
		if diff := cmp.Diff(map[string]State{"hangs": Unknown, "works": OK}, states(r.Findings)); diff != "" || r.Verdict != VerdictInconclusive {
			t.Errorf("%s\n%+v", diff, r)
		}
	})
}
