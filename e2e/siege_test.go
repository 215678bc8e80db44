package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/e2e/attack"
	"github.com/kennel-stream/kennel/internal/probe"
)

// siege is a host that is attacked while it streams to a player, and another
// one that is not attacked and streams the same.
type siege struct {
	t            *testing.T
	host, free   *server
	player, calm *player
	// me and second are clients of both hosts. The second one launches during
	// attacks.
	me, second string
	ports      attack.Ports
}

// descriptorLimit is that of the attacked host: few enough for connections to
// use up.
const descriptorLimit = 1024

// newSiege pairs both clients with both hosts.
func newSiege(t *testing.T, host, free *server) *siege {
	t.Helper()
	s := &siege{t: t, host: host, free: free, me: t.TempDir(), second: t.TempDir(), ports: attack.PortsOf(host.port)}
	for _, h := range []*server{host, free} {
		h.pair(s.me, "1234")
		h.pair(s.second, "2345")
	}
	return s
}

// begin starts both streams. o changes what the clients are like; it may be nil.
func (s *siege) begin(t *testing.T, o func(*probe.Options)) {
	t.Helper()
	s.t = t
	attacked, calm := s.host.clientOptions(s.me), s.free.clientOptions(s.me)
	if o != nil {
		o(&attacked)
		o(&calm)
	}
	s.player, s.calm = s.host.play(t, attacked), s.free.play(t, calm)
}

// run runs one attack as a test of its own.
func (s *siege) run(name string, try func(*siege)) {
	s.t.Helper()
	parent := s.t
	ok := parent.Run(name, func(t *testing.T) {
		s.report(t)
		try(s)
	})
	s.report(parent)
	if !ok && s.player.gone() {
		parent.Fatalf("the player lost its session: %v", s.player.err)
	}
}

// report sends failures to a test, which is the one that runs.
func (s *siege) report(t *testing.T) { s.t, s.player.t, s.calm.t = t, t, t }

// limited is a host with few descriptors.
func limited(t *testing.T, config string) *server {
	t.Helper()
	base := command(t, filepath.Join(t.TempDir(), "data"), freeBase(t), config)
	args := append([]string{"-c", fmt.Sprintf("ulimit -n %d && exec \"$0\" \"$@\"", descriptorLimit)}, base.cmd.Args...)
	return start(t, exec.Command("sh", args...), base.dir, base.port)
}

// launch starts the demo app as the second client, waits for its first picture,
// and leaves. It returns the time from the request to the picture.
func (s *siege) launch(on *server) (time.Duration, error) {
	o := on.clientOptions(s.second)
	o.Duration = 30 * time.Second
	o.Script = func(context.Context, *probe.Pilot) error { return nil }
	r, err := probe.Run(s.t.Context(), o)
	return time.Duration(r.Timing.FirstPicture), err
}

// launchLimit is how long a launch may take during an attack, and launchTries how
// often a slow one is tried again.
const (
	launchLimit = 2 * time.Second
	launchTries = 3
)

// launchInTime launches during an attack. Where the machine itself is slow, a
// launch at the other host says so. A first contact that falls into the burst of
// connections with which an attack begins may be cut, and is tried again, as
// clients do.
func (s *siege) launchInTime(what string) {
	s.t.Helper()
	var tried []string
	for range launchTries {
		d, err := s.launch(s.host)
		if err == nil && d <= launchLimit {
			return
		}
		free, freeErr := s.launch(s.free)
		if err == nil && (freeErr != nil || d <= 2*free) {
			return
		}
		tried = append(tried, fmt.Sprintf("%v %v, at the other host %v %v", d, err, free, freeErr))
		s.t.Logf("a launch %s: %s", what, tried[len(tried)-1])
	}
	s.t.Errorf("no launch %s succeeded in time: %q", what, tried)
}

// attacks runs orders at the same time while the player types and another
// client launches, and compares the player's stream with the other host's.
func (s *siege) attacks(orders ...attack.Order) []attack.Result {
	s.t.Helper()
	return s.during(func(ctx context.Context) []attack.Result {
		results := make([]attack.Result, len(orders))
		var attacking sync.WaitGroup
		for i, o := range orders {
			o.Ports = s.ports
			attacking.Go(func() { results[i] = attack.Run(ctx, o) })
		}
		attacking.Wait()
		return results
	}, func() { s.launchInTime("during the attack") })
}

// during runs an attack until meanwhile has returned, and holds the player's
// stream against the other one.
func (s *siege) during(attacks func(context.Context) []attack.Result, meanwhile func()) []attack.Result {
	s.t.Helper()
	player, calm := s.counts()
	ctx, end := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	var results []attack.Result
	running.Go(func() { s.player.typing(ctx) })
	running.Go(func() { s.calm.typing(ctx) })
	running.Go(func() { results = attacks(ctx) })
	established(ctx)
	meanwhile()
	end()
	running.Wait()
	playerAfter, calmAfter := s.counts()
	s.happened(results)
	s.compare(since(playerAfter, player), since(calmAfter, calm))
	return results
}

// counts are those of both streams at one time, when both go on.
func (s *siege) counts() (player, calm probe.Counts) {
	s.player.settle()
	s.calm.settle()
	return s.player.pilot.Counts(), s.calm.pilot.Counts()
}

// happened tells what came of attacks, and fails for one that did not attack.
func (s *siege) happened(results []attack.Result) {
	s.t.Helper()
	for _, r := range results {
		s.t.Logf("%s: %d sent, %d refused, %d bytes came back %s", r.Kind, r.Sent, r.Refused, r.Bytes, r.Err)
		if r.Err != "" || r.Sent == 0 {
			s.t.Errorf("the attack %s did not happen: %s", r.Kind, r.Err)
		}
	}
}

// established gives an attack the time to open its connections and to send.
func established(ctx context.Context) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
}

func since(now, before probe.Counts) probe.Counts {
	return probe.Counts{
		Frames: now.Frames - before.Frames, Lost: now.Lost - before.Lost, Sound: now.Sound - before.Sound,
		SoundLost: now.SoundLost - before.SoundLost, Keys: now.Keys - before.Keys,
	}
}

// compare holds an attacked stream against the same one unattacked.
func (s *siege) compare(attacked, calm probe.Counts) {
	s.t.Helper()
	s.t.Logf("attacked %+v, unattacked %+v", attacked, calm)
	if attacked.Lost > calm.Lost || attacked.SoundLost > calm.SoundLost {
		s.t.Errorf("the attack costs frames or sound: %+v, unattacked %+v", attacked, calm)
	}
	// What is not sent at all is not counted as lost. Frames depend on the share of
	// the processor that an encoder gets, sound does not.
	if attacked.Frames < calm.Frames/3 || attacked.Sound < calm.Sound*3/4 {
		s.t.Errorf("the attack slows the stream: %+v, unattacked %+v", attacked, calm)
	}
}

// silent fails for every attack that got an answer.
func (s *siege) silent(results []attack.Result) {
	s.t.Helper()
	for _, r := range results {
		if r.Bytes > 0 {
			s.t.Errorf("the attack %s got %d bytes, such as %q", r.Kind, r.Bytes, r.Answers[0][:min(64, len(r.Answers[0]))])
		}
	}
}

// neighbours are loopback addresses that are not the client's.
func neighbours(n int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{127, 0, byte(i / 200), byte(2 + i%200)})
	}
	return all
}
