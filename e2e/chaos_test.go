package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
)

// chaos streams three sessions for a while, whose players type. The children of
// one of them, picked at random, are killed or stopped at random, one each
// second, when hurt is set; the other two clients' reports are returned.
func chaos(t testing.TB, s *server, clients []string, seconds int, hurt bool) []*probe.Report {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	clients = slices.Clone(clients)
	random.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
	args := []string{"--mode", "640x360x30", "--seconds", fmt.Sprint(seconds), "--keys", fmt.Sprint(2 * seconds)}
	bystanders := []*background{s.background(clients[1], args...), s.background(clients[2], args...)}
	ctx, cancel := context.WithCancel(t.Context())
	var victim sync.WaitGroup
	victim.Go(func() {
		for ctx.Err() == nil {
			// Its sessions end again and again.
			cmd := exec.CommandContext(ctx, kennel(t), append([]string{"probe", s.addr(), "--identity", clients[0]}, args...)...)
			_ = cmd.Run()
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range bystanders {
			<-b.done
		}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	hits := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
			if hurt && s.hurt(clients[0], random) {
				hits++
			}
		}
	}
	cancel()
	victim.Wait()
	var reports []*probe.Report
	for _, b := range bystanders {
		if b.err != nil {
			t.Errorf("a bystander's stream: %v\n%s", b.err, b.stderr)
		}
		reports = append(reports, b.report)
	}
	if hurt && hits < seconds/3 {
		t.Errorf("only %d children were hit in %d s", hits, seconds)
	}
	return reports
}

// hurt kills or stops one child of a client's session.
func (s *server) hurt(identity string, random *rand.Rand) bool {
	id := clientID(s.t, identity)
	sessions, err := s.api.Sessions(s.t.Context(), false)
	if err != nil {
		return false
	}
	for _, one := range sessions {
		if one.Client != id || len(one.Processes) == 0 {
			continue
		}
		how := syscall.SIGKILL
		if random.IntN(2) == 0 {
			how = syscall.SIGSTOP
		}
		return syscall.Kill(one.Processes[random.IntN(len(one.Processes))], how) == nil
	}
	return false
}

// worst is the longest time that one of the clients had no picture, in frames
// of 30 per second.
func worst(reports []*probe.Report) float64 {
	longest := time.Duration(0)
	for _, r := range reports {
		if len(r.Frames.Gaps) > 0 {
			longest = max(longest, time.Duration(r.Frames.Gaps[0]))
		}
	}
	return longest.Seconds() * 30
}

// moreFrames is how many frames in a row a bystander may miss more than in a run
// in which nobody is hurt.
const moreFrames = 2

// TestChaos: whatever happens to one session, the others go on, the host stays
// up, and nothing is left. With KENNEL_SOAK=1 a minute of it is held against one
// without.
func TestChaos(t *testing.T) {
	seconds, soak := 15, os.Getenv("KENNEL_SOAK") != ""
	if soak {
		seconds = 60
	}
	s, clients := chaotic(t)
	before := s.look()
	calm := 0.0
	if soak {
		calm = worst(chaos(t, s, clients, seconds, false))
	}
	reports := chaos(t, s, clients, seconds, true)
	if wild := worst(reports); soak && wild-calm > moreFrames {
		t.Errorf("a bystander misses %.1f frames in a row, without chaos %.1f", wild, calm)
	}
	for i, r := range reports {
		if r.Input.Echoed < r.Input.Sent*9/10 {
			t.Errorf("bystander %d: %d of %d keys came back", i, r.Input.Echoed, r.Input.Sent)
		}
		if r.Frames.DecodedPercent < 98 || r.Barcode.Foreign != 0 || r.Barcode.OutOfOrder != 0 || r.Barcode.Seen < seconds*30*7/10 {
			t.Errorf("bystander %d: %+v %+v", i, r.Frames, r.Barcode)
		}
	}
	sessions, err := s.api.Sessions(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range sessions {
		_ = s.api.StopSession(t.Context(), one.ID)
	}
	s.expectSame(t, before)
	history, err := s.api.Sessions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range history {
		waitFor(t, "the receipt of session "+h.ID, func() bool {
			d, err := s.api.Session(t.Context(), h.ID)
			if err != nil || d.Receipt == nil {
				return false
			}
			if d.Receipt.Fault() == evidence.FaultResidue {
				t.Errorf("session %s leaves %q", h.ID, d.Receipt.Residue)
			}
			return true
		})
	}
	t.Logf("%d sessions", len(history))
}

// chaotic is a host with three paired clients, which soon misses those that vanish.
func chaotic(t testing.TB) (s *server, clients []string) {
	t.Helper()
	s = startServer(t, "version = 1\n[limits]\nlease = \"1s\"\nclient_timeout = \"2s\"\n")
	for i := range 3 {
		clients = append(clients, t.TempDir())
		s.pair(clients[i], fmt.Sprintf("%04d", i))
	}
	return s, clients
}

// BenchmarkChaos reports how many more frames in a row two clients miss when
// the children of a third one's session are killed or stopped each second. More
// than two is a failure.
func BenchmarkChaos(b *testing.B) {
	s, clients := chaotic(b)
	for b.Loop() {
		calm := worst(chaos(b, s, clients, 60, false))
		wild := worst(chaos(b, s, clients, 60, true))
		b.ReportMetric(calm, "calm-frames")
		b.ReportMetric(wild, "chaos-frames")
		b.ReportMetric(wild-calm, "more-frames")
		b.ReportMetric(0, "ns/op")
		if wild-calm > moreFrames {
			b.Errorf("a bystander misses %.1f frames in a row, without chaos %.1f", wild, calm)
		}
	}
}
