package media_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

func BenchmarkStart(b *testing.B) {
	m := newBench(b)
	m.worker()
	for b.Loop() {
		w, err := media.Start(m.ctx, m.spawner, media.Options{Executable: m.exe, RegistryFile: m.reg})
		must(b, err)
		b.StopTimer()
		w.Kill()
		b.StartTimer()
	}
}

func BenchmarkEncodeReady720(b *testing.B) {
	m := newBench(b)
	var sum int64
	n := 0
	for b.Loop() {
		b.StopTimer()
		w := m.worker()
		_, link, err := ipc.Pair()
		must(b, err)
		b.StartTimer()
		e, err := w.Encode(m.ctx, spec720(), link)
		must(b, err)
		b.StopTimer()
		sum += e.Ready().WarmupNanos
		n++
		w.Kill()
		b.StartTimer()
	}
	b.ReportMetric(float64(sum)/float64(n)/1e6, "warmup-ms")
}

// BenchmarkSceneToFrame720 is the time from a scene sent to its frame read, at
// 60 scenes a second.
func BenchmarkSceneToFrame720(b *testing.B) {
	for _, element := range []string{"x264enc", "openh264enc"} {
		for name, draw := range map[string]func(uint32) func([]byte){"still": still, "scroll": bars, "noise": noise} {
			b.Run(element+"/"+name, func(b *testing.B) {
				m := newBench(b)
				spec := spec720()
				spec.Encoder = element
				e, s := m.encoding(spec)
				must(b, e.Start())
				var f ipc.Frame
				tick := time.NewTicker(time.Second / 60)
				defer tick.Stop()
				var took, codec []int64
				for b.Loop() {
					next := s.sequence + 1
					draw(uint32(next))(s.buffers[next%ring])
					<-tick.C
					want := now()
					s.show(func([]byte) {})
					for f.Commit < want {
						read(b, e, &f)
					}
					took, codec = append(took, now()-want), append(codec, f.Done-want)
				}
				slices.Sort(took)
				slices.Sort(codec)
				b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
				b.ReportMetric(float64(codec[len(codec)/2])/1e6, "codec-p50-ms")
			})
		}
	}
}

// still draws the same picture but for a block that moves with n.
func still(n uint32) func([]byte) {
	return func(pixels []byte) {
		bars(0)(pixels)
		for y := range 64 {
			at := ((100+y)*1280 + int(n*8)%1200) * 4
			copy(pixels[at:], bytes.Repeat([]byte{0xff}, 64*4))
		}
	}
}

// bars draws vertical bars that move with n.
func bars(n uint32) func([]byte) {
	return func(pixels []byte) {
		for i := 0; i+4 <= len(pixels); i += 4 {
			x := uint32(i/4) % 1280
			v := byte((x + n*8) / 16 * 37)
			pixels[i], pixels[i+1], pixels[i+2] = v, v^0x55, byte(x)
		}
	}
}
