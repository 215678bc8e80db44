package host

import (
	"context"
	"net/netip"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/discovery"
)

// serviceType is what Moonlight clients look for.
const serviceType = "_nvstream._tcp"

// Announce tells the local network of this host until ctx ends.
func (h *Host) Announce(ctx context.Context) {
	defer h.settle()
	c := h.config()
	if c.Discovery.MDNS == config.MDNSOff {
		return
	}
	o := discovery.Options{
		Service: discovery.Service{
			Instance: c.Hostname, Type: serviceType, Port: uint16(h.o.Announced.HTTP), Host: announcedName(h.o.UUID),
		},
		Interfaces: c.Discovery.Interfaces, Report: h.reportDiscovery,
	}
	if a, err := netip.ParseAddr(c.Listen.Address); err == nil && !a.IsUnspecified() {
		o.Address = a
	}
	responder, err := discovery.New(o)
	if err != nil {
		h.log.Warn("the host is not announced on the local network: enter its address in Moonlight", "error", err)
		return
	}
	responder.Run(ctx)
}

// announcedName is a host name of our own: that of the machine stays with
// whoever announces it, such as Avahi.
func announcedName(uuid string) string {
	digits := strings.ReplaceAll(uuid, "-", "")
	return "kennel-" + digits[max(0, len(digits)-8):]
}

// Settled is closed once it is known whether the local network hears of this
// host, or Announce has ended.
func (h *Host) Settled() <-chan struct{} { return h.settled }

func (h *Host) reportDiscovery(e discovery.Event) {
	if e.Kind != discovery.Renamed {
		defer h.settle()
	}
	switch e.Kind {
	case discovery.Announced:
		h.log.Info("announced on the local network", "name", e.Name, "interfaces", strings.Join(e.Interfaces, " "))
	case discovery.Renamed:
		h.log.Warn("another host of the network has the name: trying the next one", "next", e.Name)
	case discovery.NoInterface:
		h.log.Info("not announced: there is no network interface to announce on; enter the address in Moonlight")
	case discovery.LinkFailed:
		h.log.Warn("not announced on an interface", "interface", strings.Join(e.Interfaces, " "), "error", e.Err)
	}
}
