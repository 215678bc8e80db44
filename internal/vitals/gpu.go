package vitals

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/process"
)

// mostUsed is the share of GPU memory above which a further session may fail.
const mostUsed = 90

// lookGPU tells of memory and processes of GPUs: from nvidia-smi, and of others
// from sysfs.
func lookGPU(ctx context.Context, m *Machine) []Finding {
	var all []Finding
	for _, used := range m.glob("/sys/class/drm/card*/device/mem_info_vram_used") {
		dir := filepath.Dir(used)
		all = append(all, gpuMemory("gpu "+filepath.Base(filepath.Dir(dir)), number(used)>>20, number(filepath.Join(dir, "mem_info_vram_total"))>>20))
	}
	smi := ""
	for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/usr/local/nvidia/bin"} {
		if info, err := os.Stat(m.path(dir, "nvidia-smi")); err == nil && info.Mode()&0o111 != 0 {
			smi = m.path(dir, "nvidia-smi")
		}
	}
	_, noDevice := os.Stat(m.path("/dev/nvidiactl"))
	switch {
	case smi != "":
		all = append(all, nvidiaMemory(ctx, m, smi)...)
	case noDevice == nil:
		all = append(all, unknown("gpu memory", "there is an NVIDIA GPU and no nvidia-smi to ask").cured("install the driver's utils, or add the capability utility to the container"))
	case len(all) == 0 && m.only("Intel"):
		all = append(all, ok("gpu memory", "the GPU is Intel's, and uses the machine's own memory"))
	case len(all) == 0:
		all = append(all, unknown("gpu memory", "no GPU that tells of its memory is visible here").cured("on a host with a GPU: load its driver; in a container: pass it in"))
	}
	return all
}

func number(path string) uint64 {
	text, _ := os.ReadFile(path)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// gpuMemory judges; both are in MiB.
func gpuMemory(name string, used, total uint64) Finding {
	if total == 0 {
		return unknown(name, "the driver says that it has no memory at all: it may have died").cured("look at the end of dmesg for Xid or amdgpu; restart the host")
	}
	if used*100 > total*mostUsed {
		return finding(name, Fault, "%d of %d MiB in use: a further session finds no memory", used, total).cured("end what holds it: nvidia-smi lists the processes; restart Wolf if its own memory grows with each session")
	}
	return ok(name, "%d of %d MiB in use", used, total)
}

func nvidiaMemory(ctx context.Context, m *Machine, smi string) []Finding {
	text, err := run(ctx, smi, "--query-gpu=index,name,memory.used,memory.total", "--format=csv,noheader,nounits")
	if err != nil {
		state := Fault
		if ctx.Err() != nil {
			state = Unknown
		}
		return []Finding{finding("gpu memory", state, "nvidia-smi fails: %v %s", err, firstLine(text)).cured("the driver does not answer: compare the versions of module and libraries, look at dmesg for Xid, reboot if in doubt")}
	}
	var all []Finding
	for _, row := range rows(text, 4) {
		used, err1 := strconv.ParseUint(row[2], 10, 64)
		total, err2 := strconv.ParseUint(row[3], 10, 64)
		if err1 != nil || err2 != nil {
			all = append(all, unknown("gpu "+row[0], "%s does not tell of its memory (%s of %s)", row[1], row[2], row[3]))
			continue
		}
		all = append(all, gpuMemory("gpu "+row[0], used, total))
	}
	if len(all) == 0 {
		return []Finding{finding("gpu memory", Fault, "nvidia-smi sees no GPU").cured("pass the GPU into this machine or container, and load the driver")}
	}
	return append(all, nvidiaProcesses(ctx, m, smi))
}

func nvidiaProcesses(ctx context.Context, m *Machine, smi string) Finding {
	text, err := run(ctx, smi, "--query-compute-apps=pid,used_memory,process_name", "--format=csv,noheader,nounits")
	if err != nil {
		return unknown("gpu processes", "nvidia-smi does not list them: %v", err)
	}
	var list []string
	for _, row := range rows(text, 3) {
		list = append(list, fmt.Sprintf("%s (%s, %s MiB)", filepath.Base(row[2]), row[0], row[1]))
	}
	if len(list) == 0 && m.bare() {
		return ok("gpu processes", "none")
	}
	if len(list) == 0 {
		// From within a container the host's processes are not seen.
		return unknown("gpu processes", "none is visible; within a container those of others never are")
	}
	if len(list) > 8 {
		list = append(list[:8], fmt.Sprintf("and %d more", len(list)-8))
	}
	return ok("gpu processes", "%s", strings.Join(list, ", "))
}

// rows reads lines of so many fields.
func rows(text string, fields int) (all [][]string) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.TrimLeadingSpace, r.LazyQuotes = -1, true, true
	for len(all) < 256 {
		row, err := r.Read()
		if err != nil {
			return all
		}
		if len(row) == fields {
			all = append(all, row)
		}
	}
	return all
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// mostOutput bounds what a program may say.
const mostOutput = 256 << 10

// run runs a program to its end, or kills it at that of ctx.
func run(ctx context.Context, path string, args ...string) (string, error) {
	spawner := process.NewSpawner()
	defer spawner.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	p, err := spawner.Start(ctx, process.Spec{Name: filepath.Base(path), Path: path, Args: args, Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, Stdout: w, Stderr: w})
	_ = w.Close()
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() {
		p.Kill()
		_ = r.Close()
	})
	defer stop()
	text, _ := io.ReadAll(io.LimitReader(r, mostOutput))
	select {
	case <-p.Done():
	case <-time.After(time.Second): // it goes on with its output closed
	}
	exit := p.End()
	if ctx.Err() != nil {
		return string(text), ctx.Err()
	}
	if exit.Code != 0 && exit.Signal == 0 {
		return string(text), errors.New(exit.String())
	}
	return string(text), nil
}

var (
	moduleVersion  = regexp.MustCompile(`(?:Kernel Module|NVRM version:.*?)\s+(?:for \S+\s+)?(\d+\.\d+(?:\.\d+)?)`)
	libraryVersion = regexp.MustCompile(`\.so\.(\d+\.\d+(?:\.\d+)?)$`)
)

// lookDriver compares the kernel module with the libraries.
func lookDriver(_ context.Context, m *Machine) []Finding {
	text := m.read("/proc/driver/nvidia/version")
	if text == "" {
		if _, err := os.Stat(m.path("/dev/nvidiactl")); err == nil {
			return []Finding{unknown("nvidia driver", "/proc/driver/nvidia/version cannot be read")}
		}
		if m.only("AMD", "Intel") {
			return []Finding{ok("nvidia driver", "not needed: no GPU here is NVIDIA's")}
		}
		return []Finding{unknown("nvidia driver", "not loaded: nothing to compare").cured("on a host with a GPU of NVIDIA's: install and load its driver")}
	}
	found := moduleVersion.FindStringSubmatch(text)
	if found == nil {
		return []Finding{unknown("nvidia driver", "the module does not tell its version: %s", firstLine(text))}
	}
	versions := map[string]string{}
	for _, dir := range []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/nvidia/lib", "/usr/local/nvidia/lib64"} {
		for _, name := range []string{"libcuda.so.*", "libnvidia-encode.so.*", "libEGL_nvidia.so.*"} {
			for _, path := range m.glob(filepath.Join(dir, name)) {
				if v := libraryVersion.FindStringSubmatch(path); v != nil {
					versions[v[1]] = path
				}
			}
		}
	}
	if len(versions) == 0 {
		return []Finding{unknown("nvidia driver", "the module is %s; no library of it is here (within Wolf's container there may be)", found[1])}
	}
	if _, same := versions[found[1]]; same && len(versions) == 1 {
		return []Finding{ok("nvidia driver", "module and libraries are %s", found[1])}
	}
	for v, path := range versions {
		if v != found[1] {
			return []Finding{finding("nvidia driver", Fault, "the module is %s, %s is %s", found[1], path, v).cured("reboot after an update of the driver; remake the driver volume of the container with the version of the module")}
		}
	}
	return nil
}

// lookModeset looks at the parameter without which no Wayland compositor gets
// buffers from the driver.
func lookModeset(_ context.Context, m *Machine) []Finding {
	switch value := m.read("/sys/module/nvidia_drm/parameters/modeset"); value {
	case "Y", "1":
		return []Finding{ok("nvidia modeset", "nvidia_drm.modeset is on")}
	case "N", "0":
		return []Finding{finding("nvidia modeset", Fault, "nvidia_drm.modeset is off: the compositor gets no buffers").cured("echo 'options nvidia-drm modeset=1' > /etc/modprobe.d/nvidia-drm.conf, then reboot")}
	}
	if m.read("/proc/driver/nvidia/version") != "" {
		return []Finding{finding("nvidia modeset", Warning, "the NVIDIA driver is loaded, its module nvidia_drm is not, or hides its parameter").cured("modprobe nvidia-drm modeset=1, and look again as root")}
	}
	if m.only("AMD", "Intel") {
		return []Finding{ok("nvidia modeset", "not needed: no GPU here is NVIDIA's")}
	}
	return []Finding{unknown("nvidia modeset", "no NVIDIA driver is loaded").cured("on a host with a GPU of NVIDIA's: install and load its driver")}
}

// lookNodes tries to open render nodes.
func lookNodes(_ context.Context, m *Machine) []Finding {
	nodes := m.glob("/dev/dri/renderD*")
	if len(nodes) == 0 {
		return []Finding{unknown("render nodes", "there is none: no GPU, or it was not passed in").cured("on a host with a GPU: load its driver; in a container: --device /dev/dri")}
	}
	for _, node := range nodes {
		if err := unix.Access(node, unix.R_OK|unix.W_OK); err != nil {
			f := finding("render nodes", Fault, "%s may not be opened by this user: %v", node, err).cured("add the user to the group of the file (render or video), or in a container: --group-add and --device /dev/dri")
			if errors.Is(err, fs.ErrPermission) {
				f = f.unless("wolf") // which runs as root
			}
			return []Finding{f}
		}
	}
	return []Finding{ok("render nodes", "%s", strings.Join(nodes, " "))}
}

var vendors = map[string]string{"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x1af4": "virtio"}

// only tells whether it is known that every GPU is of one of these makers: that
// some are there, and none of another or of NVIDIA's without a render node.
func (m *Machine) only(makers ...string) bool {
	nodes := m.glob("/sys/class/drm/renderD*/device/vendor")
	for _, path := range nodes {
		text, _ := os.ReadFile(path)
		if !slices.Contains(makers, vendors[strings.TrimSpace(string(text))]) {
			return false
		}
	}
	for _, class := range m.glob("/sys/bus/pci/devices/*/class") {
		text, _ := os.ReadFile(class)
		maker, _ := os.ReadFile(filepath.Join(filepath.Dir(class), "vendor"))
		const display = "0x03"
		if strings.HasPrefix(string(text), display) && vendors[strings.TrimSpace(string(maker))] == "NVIDIA" {
			return false
		}
	}
	return len(nodes) > 0
}

// bare tells whether this is known to be no container: all processes show.
func (m *Machine) bare() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(m.path(mark)); err == nil {
			return false
		}
	}
	return m.read("/proc/2/comm") == "kthreadd"
}

// lookMixed looks for set-ups in which the wrong GPU is taken.
func lookMixed(_ context.Context, m *Machine) []Finding {
	var list []string
	nvidia, others := 0, 0
	for _, path := range m.glob("/sys/class/drm/renderD*/device/vendor") {
		node := filepath.Base(filepath.Dir(filepath.Dir(path)))
		text, _ := os.ReadFile(path)
		id := strings.TrimSpace(string(text))
		vendor := vendors[id]
		if vendor == "" {
			vendor = "vendor " + id
		}
		if vendor == "NVIDIA" {
			nvidia++
		} else {
			others++
		}
		list = append(list, node+" "+vendor)
	}
	_, nouveau := os.Stat(m.path("/sys/module/nouveau"))
	_, closed := os.Stat(m.path("/sys/module/nvidia"))
	set := strings.Join(list, ", ")
	switch {
	case nouveau == nil && closed == nil:
		return []Finding{finding("gpus", Fault, "nouveau and nvidia are both loaded").cured("blacklist nouveau, remake the initramfs, reboot")}
	case nouveau == nil:
		return []Finding{finding("gpus", Warning, "the NVIDIA GPU runs with nouveau, which has no encoder").cured("install NVIDIA's driver")}
	case nvidia > 0 && others > 0:
		return []Finding{finding("gpus", Warning, "of several makers: %s; the first may be the wrong one", set).cured("name the node: WOLF_RENDER_NODE=/dev/dri/renderD129, and the same one for the encoder")}
	case nvidia > 1:
		return []Finding{finding("gpus", Warning, "several NVIDIA GPUs: %s; compositor and encoder must use the same one", set).cured("name the node: WOLF_RENDER_NODE, and NVIDIA_VISIBLE_DEVICES for the container")}
	case len(list) == 0:
		return []Finding{unknown("gpus", "none is listed in /sys/class/drm").cured("on a host with a GPU: load its driver")}
	}
	return []Finding{ok("gpus", "%s", set)}
}
