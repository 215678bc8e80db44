package app

import (
	"io/fs"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/engine"
)

// device is a device file of a group.
func device(mode fs.FileMode, gid uint32) *fstest.MapFile {
	return &fstest.MapFile{Mode: mode | fs.ModeDevice | fs.ModeCharDevice, Sys: &syscall.Stat_t{Gid: gid}}
}

// machine has a GPU of each kind, as udev and NVIDIA's driver leave them.
var machine = fstest.MapFS{
	"dev/dri/card0":        device(0o660, 44),
	"dev/dri/renderD128":   device(0o660, 109),
	"dev/nvidia0":          device(0o666, 0),
	"dev/nvidiactl":        device(0o666, 0),
	"dev/nvidia-uvm":       device(0o666, 0),
	"dev/nvidia-modeset":   {Mode: 0o644}, // LXC has mapped it wrongly
	"dev/input/event0":     device(0o660, 107),
	"dev/input/js0":        device(0o664, 107),
	"dev/null":             device(0o666, 0),
	"dev/nvidia-caps/cap1": device(0o400, 0),
}

func TestGPUsOfContainers(t *testing.T) {
	nodes := []string{"/dev/dri/card0", "/dev/dri/renderD128", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"}
	volume := engine.Bind{Source: "nvidia-driver-vol", Target: "/usr/nvidia/"}
	for _, c := range []struct {
		name    string
		root    fs.FS
		gpus    string
		devices []string
		binds   []engine.Bind
		want    engine.Spec
	}{
		{"none", machine, "", nil, nil, engine.Spec{}},
		{"none wanted of a plain machine", fstest.MapFS{}, "auto", nil, nil, engine.Spec{}},
		{"all there are", machine, "auto", nil, nil, engine.Spec{Devices: nodes, GPUs: "all", Groups: []string{"109", "44"}}},
		{"driver in a volume", machine, "auto", nil, []engine.Bind{volume}, engine.Spec{Devices: nodes, Groups: []string{"109", "44"}}},
		{"one by request", machine, "device=0", nil, nil, engine.Spec{GPUs: "device=0", Groups: []string{"109", "44"}}},
		{"one named twice", machine, "auto", []string{"/dev/dri/card0:/dev/dri/card0:rw"}, []engine.Bind{volume}, engine.Spec{
			Devices: append([]string{"/dev/dri/card0:/dev/dri/card0:rw"}, nodes[1:]...), Groups: []string{"109", "44"},
		}},
		{"a directory of devices", machine, "", []string{"/dev/input", "/dev/null"}, nil, engine.Spec{Devices: []string{"/dev/input", "/dev/null"}, Groups: []string{"107"}}},
		{"what is not there", machine, "", []string{"/dev/uinput"}, nil, engine.Spec{Devices: []string{"/dev/uinput"}}},
	} {
		got := engine.Spec{Devices: c.devices, GPUs: c.gpus, Binds: c.binds}
		giveGPUs(c.root, &ContainerSpec{GPUs: c.gpus, Devices: c.devices}, &got)
		got.Binds = nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestEnvironmentOfContainers: images that begin as root choose toolkits and a
// home by themselves, all others are told.
func TestEnvironmentOfContainers(t *testing.T) {
	place := Place{
		Session: "s", Instance: "i", WaylandDisplay: "wayland-1", Width: 1280, Height: 720, Refresh: 60, Sound: "/run/kennel/x/pulse/native",
		Env: []string{"PULSE_SERVER=unix:/run/kennel/x/pulse/native", "PULSE_SINK=kennel", "PULSE_SOURCE=kennel.monitor"}, ClientEnv: []string{"WOLF_SESSION_ID=7"},
	}
	both := []string{
		"XDG_RUNTIME_DIR=/run/kennel", "WAYLAND_DISPLAY=wayland-1", "PUID=61000", "PGID=61001", "GAMESCOPE_WIDTH=1280", "GAMESCOPE_HEIGHT=720",
		"GAMESCOPE_REFRESH=60", "PULSE_SERVER=unix:/run/kennel/pulse/native", "PULSE_SINK=kennel", "PULSE_SOURCE=kennel.monitor", "WOLF_SESSION_ID=7", "RUN_SWAY=1",
	}
	one := []string{"HOME=/home/retro", "XDG_SESSION_TYPE=wayland", "GDK_BACKEND=wayland", "QT_QPA_PLATFORM=wayland", "SDL_VIDEODRIVER=wayland", "MOZ_ENABLE_WAYLAND=1"}
	other := []string{"GOW_REQUIRED_DEVICES=/dev/input/* /dev/dri/* /dev/nvidia*"}
	for user, want := range map[string][2][]string{"": {one, other}, "root": {other, one}} {
		spec := Spec{Runner: RunnerSpec{Type: TypeDocker, User: user, Env: []string{"RUN_SWAY=1"}, Container: &ContainerSpec{}}}
		got := containerEnv(spec, place, insideHome, 61000, 61001)
		for _, entry := range slices.Concat(both, want[0]) {
			if !slices.Contains(got, entry) {
				t.Errorf("user %q lacks %s", user, entry)
			}
		}
		for _, entry := range want[1] {
			if slices.Contains(got, entry) {
				t.Errorf("user %q has %s", user, entry)
			}
		}
	}
	spec := Spec{Runner: RunnerSpec{Type: TypeDocker, User: "root", Env: []string{"GOW_REQUIRED_DEVICES=/dev/dri/card0", "PUID=1"}, Container: &ContainerSpec{}}}
	if got := containerEnv(spec, place, insideHome, 61000, 61001); !slices.Contains(got, "GOW_REQUIRED_DEVICES=/dev/dri/card0") || !slices.Contains(got, "PUID=1") {
		t.Errorf("the configuration does not win: %q", got)
	}
}
