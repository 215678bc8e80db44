package worker

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// event is a frame that a pacer asked for.
type event struct {
	at   time.Duration
	what action
}

// epoch is when scripts begin: long after the clock's zero, as in life.
const epoch = time.Hour

// play runs a pacer until the end, doing what script says at its times, and
// returns the frames. The script's keys are milliseconds.
func play(p *pacer, end time.Duration, script map[int]func()) (frames []event) {
	var times []int
	for at := range script {
		times = append(times, at)
	}
	slices.Sort(times)
	for now := time.Duration(0); now <= end; {
		for len(times) > 0 && time.Duration(times[0])*time.Millisecond <= now {
			script[times[0]]()
			times = times[1:]
		}
		todo, at := p.next(epoch + now)
		if todo != idle {
			p.encoded(todo, epoch+now)
			if todo == encodeKey {
				p.keyDone()
			}
			frames = append(frames, event{now, todo})
			continue
		}
		if at != never {
			at -= epoch
		}
		if len(times) > 0 {
			at = min(at, time.Duration(times[0])*time.Millisecond)
		}
		if at == never {
			break
		}
		now = max(at, now+1)
	}
	return frames
}

func milliseconds(frames []event, of ...action) (at []float64) {
	for _, f := range frames {
		if len(of) == 0 || slices.Contains(of, f.what) {
			at = append(at, math.Round(f.at.Seconds()*1e5)/100)
		}
	}
	return at
}

func TestPacer(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    time.Duration
		script func(*pacer) map[int]func()
		want   []float64
		keys   []float64
	}{
		{
			"nothing before start and scene", time.Second,
			func(p *pacer) map[int]func() { return map[int]func(){5: p.start} }, nil, nil,
		},
		{
			"nothing while paused", time.Second,
			func(p *pacer) map[int]func() { return map[int]func(){5: func() { p.scene(true); p.key() }} }, nil, nil,
		},
		{
			"settle, then keep alive", 700 * time.Millisecond,
			func(p *pacer) map[int]func() { return map[int]func(){0: func() { p.start(); p.scene(true) }} },
			[]float64{0, 15, 25, 45, 85, 285, 485, 685},
			[]float64{0},
		},
		{
			"a scene without a change settles nothing anew", 60 * time.Millisecond,
			func(p *pacer) map[int]func() {
				return map[int]func(){0: func() { p.start(); p.scene(true) }, 30: func() { p.scene(false) }}
			},
			[]float64{0, 15, 25, 45},
			[]float64{0},
		},
		{
			"scenes at the rate, with jitter, are all encoded at once", 65 * time.Millisecond,
			func(p *pacer) map[int]func() {
				s := func() { p.scene(true) }
				return map[int]func(){0: func() { p.start(); s() }, 12: s, 20: s, 29: s, 41: s, 50: s, 60: s}
			},
			[]float64{0, 12, 20, 29, 41, 50, 60},
			[]float64{0},
		},
		{
			"one scene may be early, the next waits", 20 * time.Millisecond,
			func(p *pacer) map[int]func() {
				return map[int]func(){0: func() { p.start(); p.scene(true) }, 2: func() { p.scene(true) }, 3: func() { p.scene(true) }}
			},
			[]float64{0, 2, 10},
			[]float64{0},
		},
		{
			"requests share a key frame", 40 * time.Millisecond,
			func(p *pacer) map[int]func() {
				return map[int]func(){0: func() { p.start(); p.scene(true) }, 11: p.key, 12: p.key, 13: p.key}
			},
			[]float64{0, 11, 21, 31},
			[]float64{0, 11, 21},
		},
		{
			"a key frame shows a new picture", 12 * time.Millisecond,
			func(p *pacer) map[int]func() {
				return map[int]func(){0: func() { p.start(); p.scene(true) }, 10: func() { p.key(); p.scene(true) }}
			},
			[]float64{0, 10},
			[]float64{0, 10},
		},
		{
			"a start after a pause begins with a key frame at once", 40 * time.Millisecond,
			func(p *pacer) map[int]func() {
				return map[int]func(){0: func() { p.start(); p.scene(true) }, 1: p.pause, 2: p.start, 3: p.pause, 30: p.start}
			},
			[]float64{0, 2, 30, 40}, // a settle frame that was missed follows
			[]float64{0, 2, 30},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPacer(100, 1)
			got := play(p, c.end, c.script(p))
			if at := milliseconds(got); !slices.Equal(at, c.want) {
				t.Errorf("frames at %v ms, want %v", at, c.want)
			}
			if at := milliseconds(got, encodeKey); !slices.Equal(at, c.keys) {
				t.Errorf("key frames at %v ms, want %v", at, c.keys)
			}
		})
	}
}

// TestPacerKeepsItsPromises throws arbitrary scenes and requests at a pacer.
func TestPacerKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPacer(100, 1)
		script := map[int]func(){0: func() { p.start(); p.scene(true) }}
		var lastKey, lastScene int
		for _, at := range rapid.SliceOf(rapid.IntRange(1, 1000)).Draw(t, "scenes") {
			script[at] = func() { p.scene(true) }
			lastScene = max(lastScene, at)
		}
		for _, at := range rapid.SliceOf(rapid.IntRange(1, 1000)).Draw(t, "keys") {
			both := script[at]
			script[at] = func() {
				p.key()
				if both != nil {
					both()
				}
			}
			lastKey = max(lastKey, at)
		}
		frames := play(p, 1500*time.Millisecond, script)
		keys, pictures := milliseconds(frames, encodeKey), milliseconds(frames, encodeKey, encodeNew)
		if last := keys[len(keys)-1]; last < float64(lastKey) || last > float64(lastKey)+10 {
			t.Errorf("a key frame was asked for at %d ms, the last came at %v", lastKey, last)
		}
		if last := pictures[len(pictures)-1]; last < float64(lastScene) {
			t.Errorf("the scene of %d ms was never encoded, the last was at %v", lastScene, last)
		}
		for i := 1; i < len(keys); i++ {
			if keys[i]-keys[i-1] < 9.99 {
				t.Errorf("key frames at %v and %v ms", keys[i-1], keys[i])
			}
		}
		all := milliseconds(frames)
		for i := 1; i < len(all); i++ {
			if all[i]-all[i-1] > 200.01 {
				t.Errorf("no frame from %v to %v ms", all[i-1], all[i])
			}
		}
		fresh := milliseconds(frames, encodeNew)
		for i := 20; i < len(fresh); i++ {
			if fresh[i]-fresh[i-20] < (20+1-maxCredit)*10-0.02 {
				t.Errorf("21 new pictures from %v to %v ms", fresh[i-20], fresh[i])
			}
		}
	})
}
