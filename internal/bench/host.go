package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/web"
)

// host is a kennel serve that was started for a measurement.
type host struct {
	executable string
	dir        string // holds everything of the measurement
	port       int
	spawner    *process.Spawner
	serve      *process.Process
	api        *web.Remote

	pairing sync.Mutex // covers the pairing of one client at a time
}

// client is a paired client: its id on the host and the directory of its identity.
type client struct{ id, dir string }

// config makes clients that vanish be missed soon, and so few sessions be
// remembered that a host which is warmed up has forgotten some: its database is
// then as it will be for ever.
const config = `version = 1
[limits]
client_timeout = "2s"
lease = "5s"
sessions = 32
history = 100
`

const (
	startTimeout = 20 * time.Second
	pollEvery    = 20 * time.Millisecond
)

func startHost(ctx context.Context, executable string, port int) (_ *host, err error) {
	h := &host{executable: executable, port: port, spawner: process.NewSpawner()}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "kennel-bench"); err != nil {
		return nil, fmt.Errorf("make a directory for the measurement: %w", err)
	}
	file := filepath.Join(h.dir, "kennel.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	data := filepath.Join(h.dir, "data")
	if h.serve, err = h.run(ctx, "serve.log", "serve", "--data", data, "--port", fmt.Sprint(port), "--config", file); err != nil {
		return nil, err
	}
	h.api = web.NewClient(data)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return h, h.until(ctx, "kennel serve answers", func() bool {
		_, err := h.api.Status(ctx)
		return err == nil
	})
}

// run starts a kennel command whose output goes to a file of the measurement.
func (h *host) run(ctx context.Context, output string, args ...string) (*process.Process, error) {
	out, err := os.OpenFile(filepath.Join(h.dir, output), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the output of kennel %s: %w", args[0], err)
	}
	defer out.Close()
	return h.spawner.Start(ctx, process.Spec{
		Name: args[0], Path: h.executable, Args: args, Env: os.Environ(), Dir: h.dir, Stdout: out, Stderr: out,
	})
}

func (h *host) close() {
	if h.serve != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		h.serve.Stop(ctx, 20*time.Second)
		cancel()
	}
	h.spawner.Close()
	if h.dir != "" {
		_ = os.RemoveAll(h.dir)
	}
}

// until polls what other processes bring about.
func (h *host) until(ctx context.Context, what string, condition func() bool) error {
	for !condition() {
		select {
		case <-time.After(pollEvery):
		case <-h.serve.Done():
			return evidence.Errorf(evidence.Unavailable, "wait until %s: kennel serve ended with %s: %s", what, h.serve.Exit(), h.lastLine("serve.log"))
		case <-ctx.Done():
			return evidence.Errorf(evidence.Deadline, "wait until %s: %w", what, ctx.Err())
		}
	}
	return nil
}

func (h *host) lastLine(file string) string {
	raw, _ := os.ReadFile(filepath.Join(h.dir, file))
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return lines[len(lines)-1]
}

// pair lets a client pair, and returns its id.
func (h *host) pair(ctx context.Context, dir string) (string, error) {
	h.pairing.Lock()
	defer h.pairing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	known, err := h.api.Clients(ctx)
	if err != nil {
		return "", err
	}
	p, err := h.run(ctx, "pair.log", "probe", h.address(), "--identity", dir, "--pair", "4711", "--seconds", "0")
	if err != nil {
		return "", err
	}
	if err := h.until(ctx, "the client asks to pair", func() bool {
		_, err := h.api.AcceptPairing(ctx, web.Accept{PIN: "4711"})
		return err == nil
	}); err != nil {
		p.Kill()
		return "", err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
	}
	if exit := p.Exit(); exit.Code != 0 {
		return "", evidence.Errorf(evidence.Unavailable, "pair a client: %s: %s", exit, h.lastLine("pair.log"))
	}
	clients, err := h.api.Clients(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range clients {
		old := false
		for _, k := range known {
			old = old || k.ID == c.ID
		}
		if !old {
			return c.ID, nil
		}
	}
	return "", errors.New("pair a client: it is not among the host's clients")
}

func (h *host) address() string { return fmt.Sprintf("127.0.0.1:%d", h.port) }

// start starts a client that streams a small picture.
func (h *host) start(ctx context.Context, who client, args ...string) (p *process.Process, output string, err error) {
	output = filepath.Base(who.dir) + ".log"
	_ = os.Remove(filepath.Join(h.dir, output))
	all := append([]string{"probe", h.address(), "--identity", who.dir, "--mode", "640x360x30", "--keys", "0"}, args...)
	p, err = h.run(ctx, output, all...)
	return p, output, err
}

// probe streams to the end.
func (h *host) probe(ctx context.Context, who client, args ...string) error {
	p, output, err := h.start(ctx, who, args...)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, p.Kill)()
	if exit := p.Exit(); exit.Code != 0 {
		return fmt.Errorf("the client ended with %s: %s", exit, h.lastLine(output))
	}
	return nil
}

// vanish streams and disappears without a word, then waits until the host has
// noticed and the lease is over.
func (h *host) vanish(ctx context.Context, who client) error {
	p, output, err := h.start(ctx, who, "--seconds", "100")
	if err != nil {
		return err
	}
	defer p.Kill()
	streams := func() bool {
		s, ok := h.live(ctx, who)
		return ok && s.State == "streaming" && s.Network != nil && s.Network.Frames >= 10
	}
	if err := h.until(ctx, "the client streams", func() bool { return streams() || !p.Alive() }); err != nil {
		return err
	}
	if !p.Alive() {
		return fmt.Errorf("the client ended with %s: %s", p.Exit(), h.lastLine(output))
	}
	p.Kill()
	return h.until(ctx, "the host gives up the client that vanished", func() bool {
		_, ok := h.live(ctx, who)
		return !ok
	})
}

// live returns the running session of a client. An API that does not answer
// shows in the wait for it.
func (h *host) live(ctx context.Context, who client) (web.Session, bool) {
	sessions, err := h.api.Sessions(ctx, false)
	if err != nil {
		return web.Session{}, true
	}
	for _, s := range sessions {
		if s.Client == who.id {
			return s, true
		}
	}
	return web.Session{}, false
}

// last is the newest session of a client.
func (h *host) last(ctx context.Context, who client) (string, error) {
	sessions, err := h.api.Sessions(ctx, true)
	if err != nil {
		return "", err
	}
	newest := ""
	for _, s := range sessions {
		if s.Client == who.id {
			newest = max(newest, s.ID) // UUIDv7 sort by time
		}
	}
	if newest == "" {
		return "", fmt.Errorf("client %.16s has no session in the history", who.id)
	}
	return newest, nil
}

// receipt waits for the receipt of a session, which comes some seconds after
// its end.
func (h *host) receipt(ctx context.Context, id string) (*session.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var receipt *session.Receipt
	err := h.until(ctx, "the receipt of session "+id+" is written", func() bool {
		d, err := h.api.Session(ctx, id)
		if err == nil {
			receipt = d.Receipt
		}
		return receipt != nil
	})
	return receipt, err
}

// measure asks what kennel serve holds.
func (h *host) measure(ctx context.Context, sessions int) (Point, error) {
	m, err := h.api.Memory(ctx)
	if err != nil {
		return Point{}, err
	}
	live, err := h.api.Sessions(ctx, false)
	return Point{
		Sessions: sessions, RSS: m.RSS, Anon: m.Anon, File: m.File, Heap: m.HeapBytes,
		Goroutines: m.Goroutines, GoroutinesBy: m.GoroutinesBy,
		Files: m.Usage[meter.Files], Sockets: m.Usage[meter.Sockets], UnixSockets: m.Usage[meter.UnixSockets],
		Cgroups: h.cgroups(), Runtime: m.Runtime, LiveSessions: len(live),
	}, err
}

const (
	// looks is how often a host at rest is measured: what has just ended is given
	// back at some next moment, so that the least counts.
	looks = 30
	// restTime bounds the wait for receipts, which are taken again some seconds
	// after the end of a session.
	restTime = 6 * time.Second
)

// quiet measures the host when no session runs and no receipt waits, which is
// when it has as many goroutines as before.
func (h *host) quiet(ctx context.Context, sessions, goroutines int) (least Point, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	n, patience := 0, time.Now().Add(restTime)
	err = h.until(ctx, "no session runs", func() bool {
		p, err := h.measure(ctx, sessions)
		if err != nil || p.LiveSessions > 0 || p.Goroutines > goroutines && time.Now().Before(patience) {
			n = 0
			return false
		}
		if n == 0 || p.RSS < least.RSS {
			least = p
		}
		n++
		return n >= looks
	})
	return least, err
}

// settled measures the host at rest: no session, and connections of clients
// that have left are closed.
func (h *host) settled(ctx context.Context, sessions int) (Point, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var best Point
	calm := 0
	err := h.until(ctx, "the host is at rest", func() bool {
		p, err := h.measure(ctx, sessions)
		if err != nil || p.LiveSessions > 0 {
			calm = 0
			return false
		}
		if best.Sessions = p.Sessions; calm == 0 || p.Goroutines < best.Goroutines || p.Files.N < best.Files.N || p.Cgroups.N < best.Cgroups.N {
			best, calm = p, 1
			return false
		}
		best.RSS, best.Anon, best.File, best.Heap = p.RSS, p.Anon, p.File, p.Heap
		calm++
		return calm > 100 // some seconds without getting better
	})
	return best, err
}

// children are the processes below kennel serve.
func (h *host) children() []meter.Process {
	all, err := meter.Live.Descendants(h.serve.PID())
	if err != nil {
		return nil
	}
	return all
}

// cgroups counts the control groups of the host's sessions. They carry the
// host's mark, which its children have in their environment.
func (h *host) cgroups() meter.Value {
	for _, p := range h.children() {
		env, err := os.ReadFile(filepath.Join(string(meter.Live), strconv.Itoa(p.PID), "environ"))
		if err != nil {
			continue
		}
		for _, v := range strings.Split(string(env), "\x00") {
			if instance, ok := strings.CutPrefix(v, process.InstanceMarker+"="); ok {
				dirs, err := process.GroupDirs(instance)
				return meter.Value{N: int64(len(dirs)), Known: err == nil}
			}
		}
	}
	return meter.Value{} // no child yet to tell the mark
}
