package media_test

import (
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// TestNoFrameBeforeStartAndScene covers both orders.
func TestNoFrameBeforeStartAndScene(t *testing.T) {
	b := newBench(t)
	silent := func(e *media.Encoding, when string) {
		t.Helper()
		var f ipc.Frame
		if err := e.Read(300*time.Millisecond, &f); !isTimeout(err) {
			t.Fatalf("%s: read gave %v and %d bytes, want nothing", when, err, len(f.Data))
		}
	}
	for _, sceneFirst := range []bool{true, false} {
		e, s := b.encoding(small(60))
		if sceneFirst {
			s.show(grey(1))
			silent(e, "before start")
			must(t, e.Start())
		} else {
			must(t, e.Start())
			silent(e, "before a scene")
			s.show(grey(1))
		}
		var f ipc.Frame
		read(t, e, &f)
		if !f.Key() || f.Sequence != 1 {
			t.Errorf("the first frame has key %v and sequence %d", f.Key(), f.Sequence)
		}
	}
}

// frames reads n frames and returns which of them were key frames.
func frames(t *testing.T, e *media.Encoding, n int, each func(i int)) (keys []int) {
	t.Helper()
	for i := range n {
		each(i)
		var f ipc.Frame
		read(t, e, &f)
		if f.Key() {
			must(t, media.CheckKeyframe(f.Data))
			keys = append(keys, i)
		} else if media.CheckKeyframe(f.Data) == nil {
			t.Errorf("frame %d is not marked as the key frame that it is", f.Sequence)
		}
	}
	return keys
}

func TestKeyframesOnDemand(t *testing.T) {
	for _, encoder := range software() {
		t.Run(encoder.Element, func(t *testing.T) {
			spec := small(120)
			spec.Encoder = encoder.Element
			e, s := newBench(t).encoding(spec)
			must(t, e.Start())
			requested := 0
			keys := frames(t, e, 240, func(i int) {
				// The content changes wholly now and then, which is no reason for a key frame.
				s.show(noise(uint32(i / 10)))
				if i == 60 || i == 130 {
					must(t, e.RequestKeyframe())
					requested++
				}
			})
			if len(keys) != 1+requested || keys[0] != 0 {
				t.Errorf("key frames at %v; the first frame and %d requested ones were due", keys, requested)
			}
			// A burst shares one; the last of it may come after that one was begun.
			keys = frames(t, e, 120, func(i int) {
				s.show(noise(uint32(i)))
				if i == 20 {
					for range 10 {
						must(t, e.RequestKeyframe())
					}
				}
			})
			if len(keys) < 1 || len(keys) > 2 {
				t.Errorf("a burst of requests gave key frames at %v", keys)
			}
			// Without a new picture the last one is sent again. What a busy machine
			// repeated before comes first.
			must(t, e.RequestKeyframe())
			var f ipc.Frame
			for n := 0; !f.Key(); n++ {
				if n == 100 {
					t.Fatal("a request without a new picture gave no key frame")
				}
				read(t, e, &f)
			}
		})
	}
}

func TestBitrateChangesAtRunTime(t *testing.T) {
	for _, encoder := range software() {
		t.Run(encoder.Element, func(t *testing.T) {
			spec := small(60)
			spec.Encoder, spec.BitrateKbps = encoder.Element, 8000
			e, s := newBench(t).encoding(spec)
			must(t, e.Start())
			size := func(n int) (sum, most int) {
				for i := range n {
					s.show(blocks(spec.Width, uint32(i)))
					var f ipc.Frame
					read(t, e, &f)
					sum, most = sum+len(f.Data), max(most, len(f.Data))
				}
				return sum / n, most
			}
			size(30)
			high, largest := size(60)
			must(t, e.SetBitrate(1000))
			size(30)
			low, _ := size(60)
			must(t, e.SetBitrate(8000))
			size(30)
			again, _ := size(60)
			t.Logf("bytes a frame: %d at 8000, %d at 1000, %d at 8000 kbit/s; largest %d", high, low, again, largest)
			if low*3 > high || low*3 > again {
				t.Errorf("the rate does not follow")
			}
			if budget := spec.BitrateKbps * 1000 / 8 / 60; high > budget*5/4 || high < budget/3 {
				t.Errorf("%d bytes a frame, the rate allows %d", high, budget)
			}
		})
	}
}

// TestLowRatesAreUsed: at a low bit rate x264 still encodes a busy picture, and
// the rate holds.
func TestLowRatesAreUsed(t *testing.T) {
	spec := spec720()
	spec.Encoder, spec.BitrateKbps = software()[0].Element, 500
	if spec.Encoder != "x264enc" {
		t.Skip("there is no x264 here")
	}
	e, s := newBench(t).encoding(spec)
	must(t, e.Start())
	const from, count = 60, 60 // the first key frame is paid for by then
	sum := 0
	for i := range from + count {
		s.show(blocks(spec.Width, uint32(i)))
		var f ipc.Frame
		read(t, e, &f)
		if i >= from {
			sum += len(f.Data)
		}
	}
	mean, budget := sum/count, spec.BitrateKbps*1000/8/60
	t.Logf("%d bytes a frame, the rate allows %d", mean, budget)
	if mean > budget*5/4 || mean < budget/4 {
		t.Errorf("%d bytes a frame, the rate allows %d", mean, budget)
	}
}

// TestKeyframesAreBounded: the reservoir holds for key frames of the worst picture.
func TestKeyframesAreBounded(t *testing.T) {
	spec := small(60)
	e, s := newBench(t).encoding(spec)
	must(t, e.Start())
	limit := 3 * spec.BitrateKbps * 1000 / 8 / 60
	for i := range 40 {
		s.show(noise(uint32(i)))
		must(t, e.RequestKeyframe())
		var f ipc.Frame
		read(t, e, &f)
		if i > 0 && len(f.Data) > limit {
			t.Errorf("frame %d (key %v) has %d bytes, want at most %d", f.Sequence, f.Key(), len(f.Data), limit)
		}
	}
}

func TestSettleThenKeepAlive(t *testing.T) {
	e, s := newBench(t).encoding(small(20)) // an interval of 50 ms
	must(t, e.Start())
	s.show(noise(1))
	var f ipc.Frame
	read(t, e, &f)
	commit, first := f.Commit, f.Done
	var after []time.Duration
	for len(after) < 9 {
		read(t, e, &f)
		if f.Commit != commit || f.Key() {
			t.Fatalf("a repeat has commit %d and key %v", f.Commit, f.Key())
		}
		after = append(after, time.Duration(f.Done-first))
	}
	// 75, 125, 225, 425 ms, then every 200 ms.
	for i, due := range []time.Duration{75, 125, 225, 425, 625, 825, 1025, 1225, 1425} {
		due *= time.Millisecond
		// A first frame that was late counts from when it should have come.
		if after[i] < due-30*time.Millisecond-time.Duration(first-commit) || after[i] > due+2*time.Second {
			t.Errorf("repeat %d came after %s, want %s", i+1, after[i], due)
		}
	}
}

func TestRateIsBounded(t *testing.T) {
	e, s := newBench(t).encoding(small(30))
	must(t, e.Start())
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			s.show(grey(byte(i)))
		}
	}()
	var f ipc.Frame
	read(t, e, &f)
	begun, n := f.Done, 0
	for time.Duration(f.Done-begun) < time.Second {
		read(t, e, &f)
		n++
	}
	close(stop)
	<-ended
	if n > 33 {
		t.Errorf("%d frames in a second, want at most 30 or so", n)
	}
	// Everything but the newest scene has been given back, so that the display goes on.
	deadline := time.After(patience)
	for given := uint64(0); given < s.sequence; {
		select {
		case given = <-s.done:
		case <-deadline:
			t.Fatalf("the worker gave back scenes before %d of %d", given, s.sequence)
		}
	}
}

func TestPause(t *testing.T) {
	e, s := newBench(t).encoding(small(60))
	must(t, e.Start())
	s.show(grey(1))
	var f ipc.Frame
	read(t, e, &f)
	must(t, e.Pause())
	for {
		if err := e.Read(500*time.Millisecond, &f); isTimeout(err) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// Scenes are given back while paused, and the newest is the one that is shown.
	for i := range 20 {
		s.show(grey(byte(i * 10)))
	}
	commit := now()
	must(t, e.Start())
	read(t, e, &f)
	if !f.Key() || f.Commit > commit || f.Commit < commit-int64(time.Second) {
		t.Errorf("the first frame after a pause has key %v and a commit %d ns before its start", f.Key(), commit-f.Commit)
	}
}

// TestSlowReader: pictures are skipped before they are encoded, so that what
// the reader gets in the end is whole, and its newest frame is new.
func TestSlowReader(t *testing.T) {
	b := newBench(t)
	d := b.decoder("")
	spec := spec720()
	spec.BitrateKbps = 60000
	e, s := b.encoding(spec)
	must(t, e.Start())
	const scenes = 90
	tick := time.NewTicker(time.Second / 60)
	defer tick.Stop()
	for i := range scenes {
		<-tick.C
		s.show(noise(uint32(i)))
	}
	last := s.sequence
	wanted := now()
	s.show(grey(200))
	var f ipc.Frame
	n := uint64(0)
	for f.Commit < wanted {
		read(t, e, &f)
		if n++; f.Sequence != n {
			t.Fatalf("frame %d has sequence %d", n, f.Sequence)
		}
		pictures := 0
		must(t, d.Decode(t.Context(), f.Data, f.Sequence, func(*media.Picture) { pictures++ }))
		if pictures != 1 {
			t.Fatalf("frame %d gave %d pictures", n, pictures)
		}
	}
	if n >= last {
		t.Errorf("%d frames for %d scenes: the stream was never full", n, last)
	}
	t.Logf("%d frames for %d scenes", n, last)
}

func TestStats(t *testing.T) {
	e, s := newBench(t).encoding(small(60))
	must(t, e.Start())
	deadline := time.Now().Add(patience)
	var bytes uint64
	for n := uint64(1); ; n++ {
		s.show(grey(byte(n)))
		var f ipc.Frame
		read(t, e, &f)
		bytes += uint64(len(f.Data))
		st := e.Stats()
		if st.Frames > 30 {
			if st.Frames > n || st.Bytes > bytes || st.Keyframes != 1 || st.Scenes < st.Frames-st.Repeats || st.EncodeP50 <= 0 || st.EncodeP99 < st.EncodeP50 || st.EncodeMax < st.EncodeP99 || st.LatencyP50 < st.EncodeP50/2 {
				t.Errorf("after %d frames of %d bytes: %+v", n, bytes, st)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no stats after %d frames: %+v", n, st)
		}
	}
}
