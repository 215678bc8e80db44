package vitals

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// mostGPUFiles is how many open files of GPUs no healthy Wolf has: a session
	// opens some dozens, and gives them back.
	mostGPUFiles = 500
	// handshake is how long TLS may take: Moonlight gives up before.
	handshake = 10 * time.Second
	// httpsPort is that of Moonlight's requests.
	httpsPort = "tcp 47984"
)

// lookProcess looks at Wolf's process itself, where it is visible: at its open
// files of GPUs, and whether its HTTPS answers.
func lookProcess(ctx context.Context, m *Machine) []Finding {
	var all []Finding
	for _, comm := range m.glob("/proc/[0-9]*/comm") {
		text, _ := os.ReadFile(comm)
		if strings.TrimSpace(string(text)) != "wolf" {
			continue
		}
		dir := filepath.Dir(comm)
		links, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			all = append(all, unknown("wolf gpu files", "those of process %s are not visible", filepath.Base(dir)).cured("run this as root"))
			continue
		}
		n := 0
		for _, link := range links {
			target, _ := os.Readlink(filepath.Join(dir, "fd", link.Name()))
			if strings.HasPrefix(target, "/dev/nvidia") || strings.HasPrefix(target, "/dev/dri/") {
				n++
			}
		}
		if n > mostGPUFiles {
			all = append(all, finding("wolf gpu files", Warning, "process %s has %d open: sessions do not give them back", filepath.Base(dir), n).
				cured("restart Wolf when nobody plays; kennel doctor explain nvfd-leak"))
		} else {
			all = append(all, ok("wolf gpu files", "process %s has %d open", filepath.Base(dir), n))
		}
	}
	return append(all, m.lookHTTPS(ctx)...)
}

// lookHTTPS tells a host whose HTTPS hangs from one that answers, if only by a
// refusal. Nothing is said where nobody listens.
func (m *Machine) lookHTTPS(ctx context.Context) []Finding {
	sockets, _ := m.streamSockets()
	up := false
	for _, port := range sockets {
		up = up || port == httpsPort
	}
	if !up {
		return nil
	}
	address := m.HTTPS
	if address == "" {
		address = "127.0.0.1:47984"
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return []Finding{unknown("https", "%v", err)}
	}
	return []Finding{handshakeWith(ctx, c)}
}

func handshakeWith(ctx context.Context, c net.Conn) Finding {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	defer c.Close()
	begun := time.Now()
	// Nothing is trusted or sent: whether a handshake ends is all there is to know.
	err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // see above
	if ctx.Err() != nil {
		return finding("https", Fault, "the port is open and no handshake ends within %s: clients see the host as offline", handshake).cured("kennel doctor explain tls-hang: take a trace, then kill and restart the host")
	}
	took := time.Since(begun).Round(time.Millisecond)
	if err != nil {
		return ok("https", "answers within %s, by a refusal", took)
	}
	return ok("https", "answers within %s", took)
}
