package wolfconfig

import (
	"path/filepath"
	"slices"
)

// gpus are the devices that Wolf gives to containers by itself.
type gpus struct {
	node   string   // the default render node
	cards  []string // the cards of all render nodes
	nodes  []string
	nvidia []string
	driver string // the volume of NVIDIA's libraries
}

// gpuDevices looks for the devices of this machine.
func gpuDevices(env *environment, list func(string) []string) gpus {
	if list == nil {
		list = func(pattern string) []string {
			found, _ := filepath.Glob(pattern)
			return found
		}
	}
	g := gpus{
		node: env.path("WOLF_RENDER_NODE"), driver: env.take("NVIDIA_DRIVER_VOLUME_NAME"),
		nodes: list("/dev/dri/renderD*"), cards: list("/dev/dri/card*"),
	}
	for _, pattern := range []string{"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"} {
		g.nvidia = append(g.nvidia, list(pattern)...)
	}
	if g.node == "" {
		g.node = "/dev/dri/renderD128"
	}
	return g
}

// of are the devices of an app that asks for a render node; empty for the default.
func (g gpus) of(node string) []string {
	if node == "" {
		node = g.node
	}
	var all []string
	if slices.Contains(g.nodes, node) {
		all = append(all, node)
		all = append(all, g.cards...)
	}
	return append(all, g.nvidia...)
}
