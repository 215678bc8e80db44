package media_test

import (
	"testing"

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

// BenchmarkSceneToFrame720 is the time from a scene sent to its frame read.
func BenchmarkSceneToFrame720(b *testing.B) {
	for _, element := range []string{"x264enc", "openh264enc"} {
		for _, content := range []struct {
			name string
			draw func(uint32) func([]byte)
		}{{"moving", bars}, {"noise", noise}} {
			b.Run(element+"/"+content.name, func(b *testing.B) {
				m := newBench(b)
				spec := spec720()
				spec.Encoder = element
				e, s := m.encoding(spec)
				must(b, e.Start())
				var f ipc.Frame
				for b.Loop() {
					b.StopTimer()
					want := now()
					next := s.sequence + 1
					content.draw(uint32(next))(s.buffers[next%ring])
					b.StartTimer()
					s.show(func([]byte) {})
					for f.Commit < want {
						read(b, e, &f)
					}
				}
				st := e.Stats()
				b.ReportMetric(float64(st.EncodeP50)/1e6, "encode-p50-ms")
			})
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
