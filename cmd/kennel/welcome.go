package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/discovery"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// welcomeTimeout bounds the wait for what the host logs about itself first.
const welcomeTimeout = 10 * time.Second

// maxAddresses keeps the line short; any one of them will do.
const maxAddresses = 2

// welcome says what to do next, once everything that is logged at the start is:
// these lines are to be the last ones.
func (r *running) welcome(ctx context.Context, w io.Writer, settled ...<-chan struct{}) {
	timeout := time.NewTimer(welcomeTimeout)
	defer timeout.Stop()
	for _, done := range settled {
		select {
		case <-done:
		case <-timeout.C:
		case <-ctx.Done():
			return
		}
	}
	n := nextSteps{program: programName(os.Args[0]), addresses: r.addresses(), apps: countDiscovered(r.catalogue)}
	if r.dir != defaultDataDir() {
		n.data = " --data " + r.dir
	}
	_, _ = fmt.Fprintf(w, "kennel %s is up as %q\n%s", version, r.config.Hostname, n)
}

// nextSteps are the three lines for a newcomer, and before them one about apps
// where some were found that are not on offer.
type nextSteps struct {
	program, data string
	addresses     []string
	apps          int
}

func (n nextSteps) String() string {
	apps := ""
	if n.apps > 0 {
		apps = fmt.Sprintf("%d more apps could be streamed from here: %s apps discover --add%s\n", n.apps, n.program, n.data)
	}
	return apps + fmt.Sprintf(`1. Add this host in Moonlight: %s
2. Pair, with the PIN that it shows: %s pair PIN%s
3. No Moonlight at hand? Look here: %s probe --show%s
`, strings.Join(n.addresses, " or "), n.program, n.data, n.program, n.data)
}

// programName is how the program was called, if a person can call it so again.
func programName(called string) string {
	if filepath.IsAbs(called) && len(called) > len("/usr/local/bin/kennel") {
		return filepath.Base(called)
	}
	return called
}

// addresses are what a person types into Moonlight on another machine.
func (r *running) addresses() []string {
	var hosts []string
	switch listen, err := netip.ParseAddr(r.config.Listen.Address); {
	case r.config.Announce.Address != "":
		hosts = []string{r.config.Announce.Address}
	case err == nil && !listen.IsUnspecified():
		hosts = []string{listen.String()}
	default:
		hosts = ownAddresses(r.config.Discovery.Interfaces)
	}
	if r.announced.HTTP == gamestream.DefaultHTTPPort {
		return hosts
	}
	for i, h := range hosts {
		hosts[i] = net.JoinHostPort(h, strconv.Itoa(r.announced.HTTP))
	}
	return hosts
}

// ownAddresses are those of the interfaces that others are likely to reach.
func ownAddresses(wanted []string) (hosts []string) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if !discovery.Chosen(i, wanted) {
			continue
		}
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() && len(hosts) < maxAddresses {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}
