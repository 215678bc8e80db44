package vitals

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostDisplays is how many sockets smithay looks for a free name in: wayland-1
// to wayland-32.
const mostDisplays = 32

// runtimeDirs are where displays and sound servers have their sockets.
func (m *Machine) runtimeDirs() []string {
	dirs := []string{m.path("/tmp/sockets"), m.path("/run/user/wolf")}
	if dir := m.env("XDG_RUNTIME_DIR"); dir != "" {
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

// lookDisplays looks for sockets of displays that nobody listens at.
func lookDisplays(ctx context.Context, m *Machine) []Finding {
	total, highest := 0, 0
	var stale, hidden, empty []string
	for _, dir := range m.runtimeDirs() {
		paths, _ := filepath.Glob(filepath.Join(dir, "wayland-*"))
		if _, err := os.ReadDir(dir); err == nil && len(paths) == 0 {
			empty = append(empty, dir)
		}
		for _, path := range paths {
			n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "wayland-"))
			if err != nil {
				continue // wayland-1.lock
			}
			total++
			highest = max(highest, n)
			switch err := dial(ctx, path); {
			case errors.Is(err, syscall.ECONNREFUSED):
				stale = append(stale, path)
			case err != nil:
				hidden = append(hidden, fmt.Sprintf("%s: %v", path, err))
			}
		}
	}
	switch {
	case highest >= mostDisplays-1:
		return []Finding{finding("displays", Fault, "wayland-%d is taken: there are only %d names", highest, mostDisplays).cured("end sessions that hang; restart Wolf, and remove sockets that stay: %s", strings.Join(stale, " "))}
	case len(stale) > 0:
		return []Finding{finding("displays", Warning, "%d of %d sockets are stale: %s", len(stale), total, strings.Join(stale, " ")).cured("remove them when Wolf is down: each takes one of %d names", mostDisplays)}
	case len(hidden) > 0:
		return []Finding{unknown("displays", "%s", strings.Join(hidden, "; "))}
	case total == 0 && len(empty) > 0:
		return []Finding{ok("displays", "no session is up: no socket in %s", strings.Join(empty, " "))}
	case total == 0:
		return []Finding{unknown("displays", "no session is up, or its sockets are elsewhere: none in %s", strings.Join(m.runtimeDirs(), " ")).cured("XDG_RUNTIME_DIR=DIR kennel doctor check, with that of Wolf")}
	}
	return []Finding{ok("displays", "%d, the highest is wayland-%d, all are listened at", total, highest)}
}

func dial(ctx context.Context, path string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	return c.Close()
}

// streamPorts are those that Moonlight expects.
var streamPorts = map[string][]int{"tcp": {47984, 47989, 48010}, "udp": {47998, 47999, 48000, 48100, 48200}}

// listening is the state of a socket that waits for connections, or of one that
// takes datagrams from everybody (net/tcp_states.h, in hexadecimal).
var listening = map[string]string{"tcp": "0A", "udp": "07"}

// lookPorts finds out who holds the ports of streaming.
func lookPorts(ctx context.Context, m *Machine) []Finding {
	sockets, readable := m.streamSockets()
	if !readable {
		return []Finding{unknown("ports", "/proc/net cannot be read")}
	}
	if len(sockets) == 0 {
		return []Finding{ok("ports", "all free: no host is up")}
	}
	holders := map[string][]string{}
	for inode, port := range sockets {
		holder := m.holder(ctx, inode)
		holders[holder] = append(holders[holder], port)
	}
	return judgePorts(holders)
}

// streamSockets are the sockets at streaming's ports by their inodes, such as
// "tcp 47984".
func (m *Machine) streamSockets() (sockets map[string]string, readable bool) {
	sockets = map[string]string{}
	for _, network := range []string{"tcp", "udp"} {
		for _, version := range []string{"", "6"} {
			file, err := os.Open(m.path("/proc/net", network+version))
			if err != nil {
				continue
			}
			readable = true
			heldPorts(bufio.NewScanner(file), network, sockets)
			_ = file.Close()
		}
	}
	return sockets, readable
}

// heldPorts notes the inodes of sockets at streaming's ports (proc(5), /proc/net/tcp).
func heldPorts(lines *bufio.Scanner, network string, sockets map[string]string) {
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening[network] {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		for _, wanted := range streamPorts[network] {
			if err == nil && int(port) == wanted {
				sockets[fields[9]] = fmt.Sprintf("%s %d", network, wanted)
			}
		}
	}
}

// holder returns the name of the program that has a socket; empty where it is
// not visible.
func (m *Machine) holder(ctx context.Context, inode string) string {
	for _, fd := range m.glob("/proc/[0-9]*/fd") {
		if ctx.Err() != nil {
			return ""
		}
		links, _ := os.ReadDir(fd)
		for _, link := range links {
			if target, _ := os.Readlink(filepath.Join(fd, link.Name())); target == "socket:["+inode+"]" {
				name, _ := os.ReadFile(filepath.Join(filepath.Dir(fd), "comm"))
				return strings.TrimSpace(string(name))
			}
		}
	}
	return ""
}

func judgePorts(holders map[string][]string) []Finding {
	var all []Finding
	hosts := 0
	for holder, ports := range holders {
		list := strings.Join(slices.Sorted(slices.Values(ports)), ", ")
		switch holder {
		case "wolf", "kennel":
			hosts++
			all = append(all, ok("ports", "%s holds %s", holder, list))
		case "docker-proxy", "rootlessport", "pasta", "slirp4netns":
			all = append(all, ok("ports", "%s are published for a container, by %s", list, holder))
		case "":
			all = append(all, unknown("ports", "%s held by a program that is not visible here", list).cured("ss -lntup as root"))
		case "sunshine":
			all = append(all, finding("ports", Fault, "sunshine holds %s", list).cured("stop one of the hosts, or give it other ports"))
		default:
			all = append(all, finding("ports", Fault, "%s holds %s: a host cannot start", holder, list).cured("end it (of Wolf's children one may have been left behind), or choose other ports"))
		}
	}
	if hosts > 1 {
		all = append(all, finding("ports", Fault, "Wolf and Kennel share the ports of streaming between them").cured("stop one, or give it other ports"))
	}
	return all
}

// lookInput tries the devices that make pads, keyboards and mice.
func lookInput(_ context.Context, m *Machine) []Finding {
	var all []Finding
	for _, device := range []struct{ name, lacks string }{
		{"uinput", "no mouse, keyboard or pad reaches the apps"}, {"uhid", "DualSense pads have no rumble and no motion"},
	} {
		path := m.path("/dev", device.name)
		switch err := unix.Access(path, unix.R_OK|unix.W_OK); {
		case err == nil:
			all = append(all, ok(device.name, "%s may be opened", path))
		case errors.Is(err, fs.ErrNotExist):
			all = append(all, finding(device.name, Warning, "%s is not there: %s", path, device.lacks).cured("modprobe %s; in a container: --device /dev/%s", device.name, device.name))
		default:
			all = append(all, finding(device.name, Warning, "%s may not be opened by this user: %v: %s", path, err, device.lacks).cured("install Wolf's udev rules, or add the user to the group input").unless("wolf"))
		}
	}
	return all
}

// lookSound tries the sound server.
func lookSound(ctx context.Context, m *Machine) []Finding {
	var paths []string
	if server := strings.TrimPrefix(m.env("PULSE_SERVER"), "unix:"); strings.HasPrefix(server, "/") {
		paths = append(paths, server)
	}
	for _, dir := range m.runtimeDirs() {
		paths = append(paths, filepath.Join(dir, "pulse/native"), filepath.Join(dir, "pulse-socket"))
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if err := dial(ctx, path); err != nil {
			return []Finding{finding("sound", Warning, "nobody listens at %s: %v", path, err).cured("start the sound server; Wolf starts one of its own when none answers")}
		}
		return []Finding{ok("sound", "a server listens at %s", path)}
	}
	return []Finding{unknown("sound", "no socket of a sound server is visible; Wolf and Kennel start one of their own").cured("PULSE_SERVER=unix:PATH kennel doctor check, for one that is elsewhere").unless("wolf")}
}

// elements are plugins of GStreamer that streaming needs, by their files.
var elements = []struct{ name, file, cure string }{
	{"x264", "libgstx264.so", "apt install gstreamer1.0-plugins-ugly"},
	{"opus", "libgstopus.so", "apt install gstreamer1.0-plugins-base"},
	{"pulse", "libgstpulseaudio.so", "apt install gstreamer1.0-pulseaudio"},
	{"nvcodec", "libgstnvcodec.so", "apt install gstreamer1.0-plugins-bad"},
	{"va", "libgstva.so", "apt install gstreamer1.0-plugins-bad"},
}

// lookGStreamer looks for plugins of this machine; Wolf's are in its image.
func lookGStreamer(_ context.Context, m *Machine) []Finding {
	var there, missing, cures []string
	for _, e := range elements {
		if len(m.glob("/usr/lib/*/gstreamer-1.0/"+e.file))+len(m.glob("/usr/lib*/gstreamer-1.0/"+e.file)) > 0 {
			there = append(there, e.name)
		} else {
			missing = append(missing, e.name)
			cures = append(cures, e.cure)
		}
	}
	switch {
	case len(there) == 0:
		return []Finding{unknown("gstreamer", "not installed here; Wolf has its own in its image").cured("for Kennel: %s", elements[0].cure).unless("wolf")}
	case len(missing) > 0:
		return []Finding{finding("gstreamer", Warning, "no plugin for %s (there: %s)", strings.Join(missing, ", "), strings.Join(there, ", ")).cured("%s", cures[0])}
	}
	return []Finding{ok("gstreamer", "plugins for %s", strings.Join(there, ", "))}
}
