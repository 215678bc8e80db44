package worker

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/media"
)

// costFrames is how many pictures the cost is measured with, after the first,
// which is a key frame and not like the others.
const costFrames = 10

// encodingCost measures what encoding takes of the processor, in nanoseconds
// per pixel, with pictures in which a quarter is noise that moves: more than a
// desktop, less than the wildest game. It is 0 where it cannot be measured.
func encodingCost(rung media.Rung) float64 {
	spec := media.EncodeSpec{Codec: rung.Codec, Width: 1280, Height: 720, FPSNum: 60, FPSDen: 1, BitrateKbps: 10000}
	e, err := newEncoder(&spec, rung.Element)
	if err != nil {
		return 0
	}
	defer e.close()
	if err := e.warmUp(); err != nil {
		return 0
	}
	picture := make([]byte, spec.Width*spec.Height*4)
	var busy time.Duration
	for n := range costFrames {
		paintCost(picture, spec.Width, n)
		buffer := bufferOf(picture)
		begun := processorTime()
		if _, _, err := e.encode(buffer, false); err != nil {
			return 0
		}
		busy += processorTime() - begun
	}
	return float64(busy.Nanoseconds()) / float64(costFrames*spec.Width*spec.Height)
}

// paintCost draws stripes that move, with noise in every fourth.
func paintCost(picture []byte, width, n int) {
	noise := uint32(n)*2654435761 + 1
	for i := 0; i < len(picture); i += 4 {
		x, y := i/4%width+8*n, i/4/width
		v := byte(x/4 + y/2)
		if x/64%4 == 0 {
			noise ^= noise << 13
			noise ^= noise >> 17
			noise ^= noise << 5
			v = byte(noise >> 26)
		}
		picture[i], picture[i+1], picture[i+2] = v, v+byte(y), v+byte(x)
	}
}

// processorTime is what all threads of this process have worked.
func processorTime() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
