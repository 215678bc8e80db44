package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/e2e/attack"
)

// soaked is one long attack: orders that are carried out at the same time, each
// by a process of its own.
type soaked struct {
	name   string
	orders []attack.Order
	// answered is set where an answer is nothing to hide.
	answered bool
}

// heldFor is how long connections of a long attack are held.
const heldFor = 20 * time.Second

// longAttacks are all attacks, each by itself and in great numbers.
func (s *siege) longAttacks() []soaked {
	p := s.ports
	wide := neighbours(100)
	one := func(name string, o attack.Order) soaked { return soaked{name: name, orders: []attack.Order{o}} }
	held := func(name string, o attack.Order) soaked {
		o.Count, o.Limit, o.From = 10_000, heldFor, wide
		return soaked{name: name, orders: []attack.Order{o}, answered: true}
	}
	return []soaked{
		held("half-open HTTP", attack.Order{Kind: "idle", Port: p.HTTP}),
		held("half-open HTTPS", attack.Order{Kind: "half-tls", Port: p.HTTPS}),
		held("silent HTTPS", attack.Order{Kind: "idle", Port: p.HTTPS}),
		held("half-open RTSP", attack.Order{Kind: "idle", Port: p.RTSP}),
		{"idle from the player's address", []attack.Order{
			{Kind: "idle", From: []netip.Addr{own}, Port: p.RTSP, Count: 2000, Limit: heldFor},
			{Kind: "idle", From: []netip.Addr{own}, Port: p.HTTP, Count: 2000, Limit: heldFor},
			{Kind: "idle", From: []netip.Addr{own}, Port: p.HTTPS, Count: 2000, Limit: heldFor},
		}, true},
		{"slow requests and slow readers", []attack.Order{
			{Kind: "drip", From: wide, Port: p.HTTP, Count: 500, Limit: heldFor},
			{Kind: "drip", From: wide, Port: p.RTSP, Count: 500, Limit: heldFor},
			{Kind: "slow-read", From: wide, Port: p.HTTP, Count: 2000, Limit: heldFor},
			{Kind: "slow-read", From: both(), Port: p.RTSP, Count: 500, Limit: heldFor},
		}, true},
		{"TLS handshakes", []attack.Order{{Kind: "handshake", From: wide, Count: 2000, Rate: 100}}, true},
		one("random datagrams", attack.Order{Kind: "garbage", From: both(), Count: 500_000, Rate: 40_000}),
		{"guessed datagrams", []attack.Order{
			{Kind: "guess", From: both(), Count: 250_000, Rate: 20_000},
			{Kind: "command", From: both(), Count: 250_000, Rate: 20_000},
		}, false},
		one("CONNECT", attack.Order{Kind: "connect", From: both(), Count: 10_000, Rate: 1000}),
		one("DISCONNECT", attack.Order{Kind: "disconnect", From: both(), Count: 10_000, Rate: 1000}),
		one("roaming", attack.Order{Kind: "roam", From: both(), Count: 600_000, Rate: 60_000}),
		one("plain pings", attack.Order{Kind: "ping", From: both(), Count: 10_000, Rate: 1000}),
		one("captured pings", attack.Order{
			Kind: "replay", From: both(), Payloads: capturedPings(s.player.pilot.Wire()), Count: 10_000, Rate: 1000,
		}),
		one("captured control datagrams", attack.Order{
			Kind: "replay-control", From: both(), Payloads: s.player.captured(), Count: 20_000, Rate: 2000,
		}),
		one("plain RTSP", attack.Order{Kind: "rtsp-plain", From: neighbours(2), Count: 700, Rate: 100}),
		one("forged RTSP", attack.Order{Kind: "rtsp-forge", From: both(), Count: 1000, Rate: 100}),
		{"pairing", []attack.Order{{Kind: "pair", From: neighbours(8), Count: 500, Rate: 50, Limit: heldFor}}, true},
	}
}

// warmUp is how many sessions a host has before its memory is measured. Its heap
// comes to its size by then.
const warmUp = 40

// TestAttackSoak carries out every attack by itself, long and in great numbers
// (KENNEL_SOAK=1). The player loses no frame, launches succeed, and a minute
// later the host has the memory that it had before.
func TestAttackSoak(t *testing.T) {
	if os.Getenv("KENNEL_SOAK") == "" {
		t.Skip("long: set KENNEL_SOAK=1")
	}
	program := buildAttacker(t, publicDir(t))
	s := newSiege(t, startServer(t, ""), startServer(t, ""))
	s.begin(t, nil)
	for range warmUp {
		s.launchInTime("before the attacks")
	}
	before := s.memory()
	for _, a := range s.longAttacks() {
		s.run(a.name, func(s *siege) {
			results := s.fromProcesses(program, a.orders)
			if !a.answered {
				s.silent(results)
			}
		})
	}
	s.backTo(before)
}

// fromProcesses carries out orders in processes of their own, and launches as
// long as they go on.
func (s *siege) fromProcesses(program string, orders []attack.Order) []attack.Result {
	s.t.Helper()
	over := make(chan struct{})
	return s.during(func(ctx context.Context) []attack.Result {
		defer close(over)
		results := make([]attack.Result, len(orders))
		var attacking sync.WaitGroup
		for i, o := range orders {
			o.Ports = s.ports
			attacking.Go(func() { results[i] = inProcess(ctx, program, o) })
		}
		attacking.Wait()
		return results
	}, func() {
		for {
			s.launchInTime("during the attack")
			select {
			case <-over:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
}

// inProcess carries out one order in a process of its own, which has descriptors
// of its own.
func inProcess(ctx context.Context, program string, o attack.Order) attack.Result {
	failed := func(err error) attack.Result { return attack.Result{Kind: o.Kind, Err: err.Error()} }
	order, err := json.Marshal([]attack.Order{o})
	if err != nil {
		return failed(err)
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"KENNEL_ATTACK=" + string(order)}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	_, line, ok := strings.Cut(string(out), "RESULT ")
	if !ok {
		return failed(fmt.Errorf("no result: %w in %q", err, out))
	}
	var r attack.Result
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return failed(err)
	}
	return r
}

// memory is what serve has in memory, in bytes.
func (s *siege) memory() int {
	s.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.host.cmd.Process.Pid))
	var size, resident int
	if err == nil {
		_, err = fmt.Sscan(string(raw), &size, &resident)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// backTo waits up to a minute until serve has no more memory than before, or a
// tenth more.
func (s *siege) backTo(before int) {
	s.t.Helper()
	most, deadline := s.memory(), time.Now().Add(time.Minute)
	for now := most; ; now = s.memory() {
		if now <= before*11/10 {
			s.t.Logf("memory of serve: %d MB before, %d MB after the attacks, %d MB at last", before>>20, most>>20, now>>20)
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("memory of serve: %d MB before, %d MB after the attacks, %d MB a minute later", before>>20, most>>20, now>>20)
			return
		}
		<-time.After(time.Second)
	}
}
