package compositor

import (
	"slices"
	"testing"

	"github.com/kennel-stream/kennel/internal/display"
)

// BenchmarkCommitToScene720p commits a whole new picture of 1280x720 at a
// time and waits for its scene at the end of the link. It reports the time
// from the commit to the scene, which includes reading the 3.7 MB.
func BenchmarkCommitToScene720p(b *testing.B) {
	for name, draw := range map[string]struct{ x, width int }{"whole": {0, 1280}, "most": {5, 1270}, "tenth": {0, 128}} {
		b.Run(name, func(b *testing.B) { benchmarkCommit(b, draw.x, draw.width, false, false) })
	}
	b.Run("cursor", func(b *testing.B) { benchmarkCommit(b, 0, 1280, true, false) })
	b.Run("gpu", func(b *testing.B) { benchmarkCommit(b, 0, 1280, false, true) })
	b.Run("gpu-cursor", func(b *testing.B) { benchmarkCommit(b, 0, 1280, true, true) })
}

func benchmarkCommit(b *testing.B, x, width int, cursor, client bool) {
	conf := display.Configure{Width: 1280, Height: 720, RefreshMilliHz: 250_000, SessionID: "test", DMABuf: &offered}
	s := startSessionAs(b, systemClock{}, conf)
	c := s.dial()
	w := c.openFilled(0xff102030)
	s.sink.until("first", func() bool { return s.sink.at(1, 1) == 0xff102030 })
	if cursor {
		s.input(moveTo(640, 360, 1280, 720))
		s.sink.until("cursor", func() bool { return s.sink.at(640, 360) == 0xff000000 })
	}
	if client {
		g := gpu{c, c.bind("zwp_linux_dmabuf_v1", 4)}
		p := g.picture(1280, 720, 0xff203040, xr)
		p.show(w.surface)
		w.buffer = p.buffer
		s.sink.until("GPU memory", func() bool { return s.sink.mixed(1, 1) == 0xff203040 })
	}
	s.sink.mu.Lock()
	s.sink.commits = nil
	count := s.sink.scenes
	s.sink.mu.Unlock()
	for b.Loop() {
		frame := c.id()
		c.send(w.surface, 3, frame)
		c.send(w.surface, 1, w.buffer, 0, 0)
		c.send(w.surface, 9, x, 0, width, 720)
		c.send(w.surface, 6)
		count++
		s.sink.until("scene", func() bool {
			s.sink.mu.Lock()
			defer s.sink.mu.Unlock()
			return s.sink.scenes >= count
		})
		c.must(frame, 0) // the tick, and with it a credit
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	took := slices.Sorted(slices.Values(s.sink.commits))
	b.ReportMetric(float64(took[len(took)/2])/1e3, "µs-p50")
	b.ReportMetric(float64(took[len(took)*99/100])/1e3, "µs-p99")
}
