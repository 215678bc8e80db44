package app

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kennel-stream/kennel/internal/engine"
)

const (
	// gpusAuto as GPUs gives a container whatever GPUs the machine has, and
	// nothing where it has none.
	gpusAuto = "auto"
	// driverVolume is where images of games-on-whales expect NVIDIA's driver, if
	// no container toolkit brings it.
	driverVolume = "/usr/nvidia"
	// readWriteAll are the rights to read and write for everybody.
	readWriteAll = 0o006
)

// gpuFiles are the device files of GPUs that programs open.
var gpuFiles = []string{
	"dev/dri/card*", "dev/dri/renderD*",
	"dev/nvidia[0-9]*", "dev/nvidiactl", "dev/nvidia-modeset", "dev/nvidia-uvm", "dev/nvidia-uvm-tools",
}

// gpuDevices lists the device files of the machine's GPUs.
func gpuDevices(root fs.FS) (devices []string) {
	for _, pattern := range gpuFiles {
		names, _ := fs.Glob(root, pattern) // the patterns are right
		for _, name := range names {
			// A container of LXC may have a plain file in the place of a device.
			if info, err := fs.Stat(root, name); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
				devices = append(devices, "/"+name)
			}
		}
	}
	return devices
}

// giveGPUs adds to a container what its GPUs need: device files and a request
// where it wants those of the machine, and in each case the groups that may
// open them.
func giveGPUs(root fs.FS, c *ContainerSpec, s *engine.Spec) {
	files := gpuDevices(root)
	if c.GPUs == gpusAuto {
		s.GPUs = ""
		if slices.Contains(files, "/dev/nvidiactl") && !slices.ContainsFunc(s.Binds, func(b engine.Bind) bool { return path.Clean(b.Target) == driverVolume }) {
			s.GPUs = "all" // the driver's libraries come by the request alone
		}
		for _, file := range files {
			if !slices.ContainsFunc(c.Devices, func(d string) bool { return d == file || strings.HasPrefix(d, file+":") }) {
				s.Devices = append(slices.Clip(s.Devices), file)
			}
		}
	}
	wanted := s.Devices
	if c.GPUs != "" {
		wanted = slices.Concat(wanted, files)
	}
	s.Groups = deviceGroups(root, wanted)
}

// deviceGroups are the groups, by number, without which a user cannot open the
// devices: those of the machine, as an engine gives a device the owner that it
// has there.
func deviceGroups(root fs.FS, devices []string) (groups []string) {
	for _, device := range devices {
		file, _, _ := strings.Cut(device, ":")
		for _, name := range filesAt(root, strings.TrimPrefix(path.Clean(file), "/")) {
			info, err := fs.Stat(root, name)
			if err != nil || info.Mode()&fs.ModeDevice == 0 || info.Mode().Perm()&readWriteAll == readWriteAll {
				continue
			}
			if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Gid != 0 {
				groups = append(groups, strconv.FormatUint(uint64(owner.Gid), 10))
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// filesAt is the file, or what is in the directory, as --device takes both.
func filesAt(root fs.FS, name string) []string {
	entries, err := fs.ReadDir(root, name)
	if err != nil {
		return []string{name}
	}
	var names []string
	for _, e := range entries {
		names = append(names, path.Join(name, e.Name()))
	}
	return names
}
