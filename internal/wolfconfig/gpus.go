package wolfconfig

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// gpus are what Wolf gives to containers by itself.
type gpus struct {
	node   string   // the render node that Wolf was told to use; empty for none
	nodes  []string // those of this machine
	nvidia bool     // there is a GPU of NVIDIA
	driver string   // the volume of NVIDIA's libraries
}

// gpuDevices looks for the devices of this machine.
func gpuDevices(env *environment, list func(string) []string) gpus {
	if list == nil {
		list = func(pattern string) []string {
			found, _ := filepath.Glob(pattern)
			return found
		}
	}
	return gpus{
		node: env.path("WOLF_RENDER_NODE"), driver: env.take("NVIDIA_DRIVER_VOLUME_NAME"),
		nodes: list("/dev/dri/renderD*"), nvidia: len(list("/dev/nvidiactl")) > 0,
	}
}

// give lets a container have the GPU of a render node where it is one of
// several, and else those of the machine.
func (g gpus) give(node string, r *config.Runner) {
	if node == "" {
		node = g.node
	}
	one := node != "" && len(g.nodes) > 1 && slices.Contains(g.nodes, node)
	has := slices.ContainsFunc(r.Devices, func(d string) bool { return d == node || strings.HasPrefix(d, node+":") })
	switch {
	case one && !has:
		r.Devices = append(slices.Clone(r.Devices), node)
	case !one:
		r.GPUs = "auto"
	}
	if g.driver != "" && g.nvidia {
		r.Mounts = append(slices.Clone(r.Mounts), g.driver+":/usr/nvidia")
	}
}
