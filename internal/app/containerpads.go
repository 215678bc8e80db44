package app

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/pad"
)

const (
	// insideUdev is where libudev finds what devices are.
	insideUdev = "/run/udev"
	// inputDevices lets a container open nodes of input devices; those that it has
	// are made for it.
	inputDevices = "c 13:* rmw"
)

// padsOf are the gamepads that a container gets, nil for none.
func padsOf(spec Spec, place Place) *pad.Set {
	if !spec.Runner.Gamepads || place.Pads == nil || place.Pads.Directory() == "" {
		return nil
	}
	return place.Pads
}

// givePads lets a container have the gamepads of its session. The rule is for all
// input devices of the machine, since nobody knows their numbers yet: so the
// container may make no nodes by itself, unless it was given that right by name.
// One that brings a /run/udev of its own keeps it.
func givePads(s *engine.Spec, pads *pad.Set) {
	if pads == nil {
		return
	}
	s.DeviceRules = append(s.DeviceRules, inputDevices)
	s.Without = append(s.Without, "MKNOD")
	for _, b := range s.Binds {
		if b.Target == insideUdev {
			return
		}
	}
	if !strings.Contains(s.Base, insideUdev) {
		s.Binds = append(s.Binds, engine.Bind{Source: pads.Directory(), Target: insideUdev, ReadOnly: true})
	}
}

// enterPads gives the gamepads to the container that runs now. The function that
// it returns takes them back.
func (c *container) enterPads() (leave func()) {
	pads := padsOf(c.spec, c.place)
	if pads == nil {
		return func() {}
	}
	c.mu.Lock()
	pid, seen := c.pid, c.pidfd >= 0
	c.mu.Unlock()
	if !seen {
		c.note("warning", "the container gets no gamepads: its processes are not those of this host. Run kennel on the engine's host, or in a container with --pid=host")
		return func() {}
	}
	in := &pad.Inside{PID: pid, Alive: c.unreaped}
	pads.Enter(in)
	return func() { pads.Leave(in) }
}

// unreaped tells that the first process runs, so that its number is its own.
func (c *container) unreaped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pidfd < 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}, 0)
	return err == nil && n == 0
}
