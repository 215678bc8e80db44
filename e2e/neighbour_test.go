package e2e

import (
	"context"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
)

// TestAHungDisplayDoesNotSlowItsNeighbour: one player's display hangs while he
// moves his pointer. The other one's keys arrive as before, and the first is
// told why his session ends.
func TestAHungDisplayDoesNotSlowItsNeighbour(t *testing.T) {
	s := startServer(t, "version = 1\n[limits]\nclient_timeout = \"3s\"\n")
	hit, neighbour := t.TempDir(), t.TempDir()
	s.pair(hit, "1234")
	s.pair(neighbour, "4321")
	hurt := make(chan string, 1) // the id of the session that is hit
	var player sync.WaitGroup
	player.Go(func() { s.moveOverHungDisplay(t, hit, hurt) })
	id := <-hurt
	if id == "" {
		t.Fatal("no display was stopped")
	}
	by := s.background(neighbour, "--mode", "640x360x30", "--seconds", "7", "--keys", "20")
	<-by.done
	player.Wait()
	if by.err != nil {
		t.Fatalf("the neighbour's stream: %v\n%s", by.err, by.stderr)
	}
	in := by.report.Input
	// At worst it was seconds, with the link of everybody held up.
	if in.Echoed != 20 || time.Duration(in.RoundTrip.Max) > time.Second || by.report.Frames.DecodedPercent < 98 {
		t.Errorf("the neighbour: input %+v, frames %+v", in, by.report.Frames)
	}
	if d := s.ended(id); d.End != string(evidence.EndDisplayDied) || hasFault(d, evidence.FaultControlLost) || !hasFault(d, evidence.FaultDisplayDied) {
		t.Errorf("the session that was hit ended as %s: %+v", d.End, d.Events)
	}
}

// moveOverHungDisplay streams, stops its own display, and moves the pointer
// until the host ends the session. It tells whose display it stopped.
func (s *server) moveOverHungDisplay(t *testing.T, me string, hurt chan<- string) {
	defer close(hurt)
	o := probe.Options{
		Host: "127.0.0.1", Port: s.port, IdentityDir: me, App: "Demo", Width: 640, Height: 360, FPS: 30,
		Duration: 30 * time.Second, MediaExecutable: filepath.Join(filepath.Dir(kennel(t)), "kennel-media"),
	}
	o.Script = func(ctx context.Context, p *probe.Pilot) error {
		if err := p.Until(ctx, "a picture", appPatience, func(*probe.Frame) bool { return true }); err != nil {
			return err
		}
		live := s.streaming()
		if err := syscall.Kill(process(t, live, "display"), syscall.SIGSTOP); err != nil {
			return err
		}
		hurt <- live.ID
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for x := 0; ; x = (x + 1) % 600 {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				_ = p.Move(x, 100) // a full queue of the client is no matter
			}
		}
	}
	if _, err := probe.Run(t.Context(), o); err == nil {
		t.Error("the client with the hung display was not told that its session ended")
	}
}
