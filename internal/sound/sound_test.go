package sound_test

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/pulse"
	"github.com/kennel-stream/kennel/internal/sound"
)

const limit = 20 * time.Second

// server opens a sound server in a directory of its own, and starts a process.
func server(t *testing.T, spawner *process.Spawner, channels int) (*sound.Server, *process.Process) {
	t.Helper()
	s, err := sound.Open(sound.Options{Dir: t.TempDir(), Channels: channels, Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, start(t, spawner, s)
}

func start(t *testing.T, spawner *process.Spawner, s *sound.Server) *process.Process {
	t.Helper()
	p, err := s.Start(t.Context(), spawner, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func dial(t *testing.T, s *sound.Server) *pulse.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := pulse.Dial(ctx, s.Socket(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestPlayAndRecord: what one client plays on each channel, another one records
// there, at once and without a pause of seconds.
func TestPlayAndRecord(t *testing.T) {
	spawner := process.NewSpawner()
	t.Cleanup(spawner.Close)
	for _, channels := range []int{2, 6, 8} {
		s, _ := server(t, spawner, channels)
		player, recorder := dial(t, s), dial(t, s)
		if got, err := player.Channels(sound.Sink); err != nil || got != channels {
			t.Fatalf("the sink has %d channels, %v", got, err)
		}
		wanted := make(chan int, 64)
		playback, err := player.Play(sound.Sink, channels, 20*time.Millisecond, func(n int) { wanted <- n })
		if err != nil {
			t.Fatal(err)
		}
		loud := make(chan []int, 1)
		var heard []byte // the server also cuts within a sample
		listen := func(pcm []byte) {
			heard = append(heard, pcm...)
			report(loud, heard[:len(heard)/(2*channels)*(2*channels)], channels)
		}
		if err := recorder.Record(sound.Monitor, channels, 5*time.Millisecond, listen); err != nil {
			t.Fatal(err)
		}
		if n, err := recorder.Players(); err != nil || n != 1 {
			t.Errorf("%d players, %v", n, err)
		}
		deadline := time.After(limit)
		for done := false; !done; {
			select {
			case n := <-wanted:
				if err := playback.Write(steps(n, channels)); err != nil {
					t.Fatal(err)
				}
			case levels := <-loud:
				done = true
				for k, level := range levels {
					if math.Abs(float64(level-1000*(k+1))) > 8 {
						t.Errorf("%d channels: channel %d has level %d, want %d", channels, k, level, 1000*(k+1))
					}
				}
			case <-deadline:
				t.Fatal("nothing was heard")
			}
		}
		if delay, err := playback.Delay(channels); err != nil || delay > time.Second {
			t.Errorf("a delay of %s, %v", delay, err)
		}
	}
}

// steps is a constant level on each channel, which tells channels apart.
func steps(n, channels int) []byte {
	pcm := make([]byte, n)
	for i := 0; i+1 < n; i += 2 {
		binary.LittleEndian.PutUint16(pcm[i:], uint16(1000*(i/2%channels+1)))
	}
	return pcm
}

// report tells the levels of the last sample once it is not silent.
func report(to chan<- []int, pcm []byte, channels int) {
	if len(pcm) == 0 {
		return
	}
	last := pcm[len(pcm)-2*channels:]
	levels := make([]int, channels)
	for k := range levels {
		levels[k] = int(int16(binary.LittleEndian.Uint16(last[2*k:])))
	}
	if levels[0] == 0 {
		return
	}
	select {
	case to <- levels:
	default:
	}
}

// TestTheSocketOutlivesTheServer: who connects while nobody serves is served by
// the next server.
func TestTheSocketOutlivesTheServer(t *testing.T) {
	spawner := process.NewSpawner()
	t.Cleanup(spawner.Close)
	s, p := server(t, spawner, 2)
	first := dial(t, s)
	p.Kill()
	select {
	case <-first.Done():
	case <-time.After(limit):
		t.Fatal("the client did not notice that its server is gone")
	}
	if _, err := first.Players(); err == nil {
		t.Error("a dead server answers")
	}
	greeted := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		c, err := pulse.Dial(ctx, s.Socket(), "early")
		if err == nil {
			c.Close()
		}
		greeted <- err
	}()
	start(t, spawner, s)
	if err := <-greeted; err != nil {
		t.Error(err)
	}
}

func TestNothingOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	s, err := sound.Open(sound.Options{Dir: dir, Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Env(); len(got) != 3 || got[0] != "PULSE_SERVER=unix:"+filepath.Join(dir, "pulse/native") {
		t.Errorf("the app gets %q", got)
	}
	info, err := os.Stat(s.Socket())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if _, err := sound.Open(sound.Options{Dir: t.TempDir(), Channels: 3}); err == nil || !strings.Contains(err.Error(), "2, 6 or 8") {
		t.Errorf("three channels: %v", err)
	}
}
