package checkup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/discovery"
	"github.com/kennel-stream/kennel/internal/process"
)

// checkPorts binds every port for a moment.
func checkPorts(ctx context.Context, _ *process.Spawner, o *Options) []Item {
	p := o.Config.Ports.Plan()
	if o.Running {
		return []Item{ok("ports", "held by the host of this data directory, which is up (HTTP %d)", p.HTTP)}
	}
	var taken, refused []string
	for _, port := range []struct {
		use, network string
		number       int
	}{
		{"http", "tcp", p.HTTP},
		{"https", "tcp", p.HTTPS},
		{"rtsp", "tcp", p.RTSP},
		{"video", "udp", p.Video},
		{"control", "udp", p.Control},
		{"audio", "udp", p.Audio},
	} {
		err := bind(ctx, port.network, net.JoinHostPort(o.Config.Listen.Address, strconv.Itoa(port.number)))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			taken = append(taken, fmt.Sprintf("%s (%s %d)", port.use, strings.ToUpper(port.network), port.number))
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s: %v", port.use, err))
		}
	}
	switch {
	case len(refused) > 0:
		return []Item{lacks("ports", Missing, "correct address in [listen], or choose other ports with --port BASE", "cannot be bound: %s", strings.Join(refused, "; "))}
	case len(taken) > 0:
		return []Item{lacks("ports", Missing, "stop the other program, or choose others with --port BASE or in [ports]", "in use by another program: %s", strings.Join(taken, ", "))}
	}
	return []Item{ok("ports", "free: TCP %d %d %d, UDP %d %d %d", p.HTTPS, p.HTTP, p.RTSP, p.Video, p.Control, p.Audio)}
}

func bind(ctx context.Context, network, address string) error {
	if network == "tcp" {
		l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
		if err != nil {
			return err
		}
		return l.Close()
	}
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// checkDiscovery looks where the host would be announced; Moonlight takes
// addresses that are typed as well.
func checkDiscovery(ctx context.Context, _ *process.Spawner, o *Options) []Item {
	if o.Config.Discovery.MDNS == config.MDNSOff {
		return []Item{ok("mdns", "off, as configured")}
	}
	const cure = "nothing, if you type the address into Moonlight"
	all, err := net.Interfaces()
	if err != nil {
		return []Item{lacks("mdns", Warning, cure, "the network interfaces cannot be listed: %v", err)}
	}
	var names []string
	for _, i := range all {
		if discovery.Chosen(i, o.Config.Discovery.Interfaces) {
			names = append(names, i.Name)
		}
	}
	if len(names) == 0 {
		return []Item{lacks("mdns", Warning, cure, "there is no network interface to announce the host on")}
	}
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			err = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
			)
		})
		return err
	}}
	c, err := shared.ListenPacket(ctx, "udp4", "224.0.0.251:"+strconv.Itoa(discovery.DefaultPort))
	if err != nil {
		return []Item{lacks("mdns", Warning, cure, "the host cannot be announced, UDP port %d is not shared: %v", discovery.DefaultPort, err)}
	}
	_ = c.Close()
	return []Item{ok("mdns", "on %s", strings.Join(names, " "))}
}
