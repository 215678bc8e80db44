package worker

import (
	"slices"

	"github.com/kennel-stream/kennel/internal/media"
)

const window = 512

// samples holds the latest values of a duration in nanoseconds.
type samples struct {
	ring [window]int64
	n    int
}

func (s *samples) add(v int64) {
	s.ring[s.n%window] = v
	s.n++
}

// quantiles returns the median, the 99th percentile and the maximum.
func (s *samples) quantiles() (p50, p99, most int64) {
	n := min(s.n, window)
	if n == 0 {
		return 0, 0, 0
	}
	sorted := s.ring
	slices.Sort(sorted[:n])
	return sorted[n/2], sorted[n*99/100], sorted[n-1]
}

// counters count the frames of an encoding. The owner locks.
type counters struct {
	total           media.Stats
	encode, latency samples
}

func (c *counters) frame(a action, key bool, size int, encode, latency int64, blocked bool) {
	c.total.Frames++
	c.total.Bytes += uint64(size)
	if key {
		c.total.Keyframes++
	}
	if blocked {
		c.total.Blocked++
	}
	c.encode.add(encode)
	if a == encodeNew {
		c.latency.add(latency)
	} else {
		c.total.Repeats++
	}
}

func (c *counters) stats() media.Stats {
	s := c.total
	s.EncodeP50, s.EncodeP99, s.EncodeMax = c.encode.quantiles()
	s.LatencyP50, s.LatencyP99, _ = c.latency.quantiles()
	return s
}
