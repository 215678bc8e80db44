package worker

import (
	"testing"

	"github.com/kennel-stream/kennel/internal/scene"
)

// BenchmarkCompose1080p composes a window of GPU memory with a cursor over it.
func BenchmarkCompose1080p(b *testing.B) {
	for name, format := range map[string]uint32{"blue-first": scene.FormatXRGB8888, "red-first": scene.FormatXBGR8888, "alpha": scene.FormatARGB8888} {
		b.Run(name, func(b *testing.B) {
			window := whole(filled(1920, 1080, format, 0xff102030), scene.Rect{Width: 1920, Height: 1080})
			cursor := whole(filled(24, 24, scene.FormatARGB8888, 0x80808080), scene.Rect{X: 900, Y: 500, Width: 24, Height: 24})
			p := &picture{width: 1920, height: 1080, layers: []shown{window, cursor}}
			var c canvas
			defer c.close()
			b.ReportAllocs()
			for b.Loop() {
				if err := c.compose(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
