package media_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

func small(fps int) media.EncodeSpec {
	return media.EncodeSpec{Codec: "h264", Width: 640, Height: 360, FPSNum: fps, FPSDen: 1, BitrateKbps: 6000, Slices: 1}
}

// decoder starts a second worker that decodes.
func (b *bench) decoder(element string) *media.Decoding {
	b.Helper()
	d, err := b.worker().Decode(b.ctx, media.DecodeSpec{Codec: "h264", Decoder: element})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	return d
}

// paint fills a picture with one colour, and its left half with black.
func paint(width int, r, g, b byte) func([]byte) {
	return func(pixels []byte) {
		for i := 0; i+4 <= len(pixels); i += 4 {
			pixels[i], pixels[i+1], pixels[i+2] = b, g, r
			if i/4%width < width/2 {
				pixels[i], pixels[i+1], pixels[i+2] = 0, 0, 0
			}
		}
	}
}

func mean(plane []byte, width, x0, x1 int) int {
	sum, n := 0, 0
	for i, v := range plane {
		if x := i % width; x >= x0 && x < x1 {
			sum += int(v)
			n++
		}
	}
	return sum / max(n, 1)
}

// TestRoundTrip shows colours, encodes them with every encoder, decodes them
// with every decoder, and compares with BT.709 in limited range.
func TestRoundTrip(t *testing.T) {
	colours := []struct{ r, g, b, y, u, v int }{
		{255, 255, 255, 235, 128, 128},
		{255, 0, 0, 63, 102, 240},
		{0, 255, 0, 173, 42, 26},
		{0, 0, 255, 32, 240, 118},
		{128, 128, 128, 126, 128, 128},
	}
	for _, encoder := range software() {
		for _, decoder := range media.Decoders("h264") {
			t.Run(encoder.Element+"/"+decoder.Element, func(t *testing.T) {
				b := newBench(t)
				d := b.decoder(decoder.Element)
				spec := small(60)
				spec.Encoder = encoder.Element
				if decoder.Element == "openh264dec" {
					spec.Profile = "constrained-baseline" // it keeps others for one access unit
				}
				e, s := b.encoding(spec)
				must(t, e.Start())
				var sequence uint64
				for _, c := range colours {
					s.show(paint(spec.Width, byte(c.r), byte(c.g), byte(c.b)))
					// The settle frames after a change bring its final colours.
					settled := 0
					for settled < 4 {
						var f ipc.Frame
						read(t, e, &f)
						sequence++
						if f.Sequence != sequence || f.Key() != (sequence == 1) {
							t.Fatalf("frame %d of %d bytes has sequence %d, key %v", sequence, len(f.Data), f.Sequence, f.Key())
						}
						if f.Key() {
							must(t, media.CheckKeyframe(f.Data))
						}
						settled++
						pictures := 0
						must(t, d.Decode(t.Context(), f.Data, f.Sequence, func(p *media.Picture) {
							pictures++
							if p.Sequence != f.Sequence || p.Width != spec.Width || p.Height != spec.Height {
								t.Errorf("frame %d came out as %dx%d of %d", f.Sequence, p.Width, p.Height, p.Sequence)
							}
							if settled < 4 {
								return
							}
							check(t, c, p)
						}))
						if pictures != 1 {
							t.Fatalf("frame %d gave %d pictures", f.Sequence, pictures)
						}
					}
				}
			})
		}
	}
}

func check(t *testing.T, c struct{ r, g, b, y, u, v int }, p *media.Picture) {
	t.Helper()
	w := p.Width
	for _, plane := range []struct {
		name      string
		got, want int
	}{
		{"black Y", mean(p.Y(), w, 8, w/2-8), 16},
		{"Y", mean(p.Y(), w, w/2+8, w-8), c.y},
		{"U", mean(p.U(), w/2, w/4+8, w/2-8), c.u},
		{"V", mean(p.V(), w/2, w/4+8, w/2-8), c.v},
	} {
		if d := plane.got - plane.want; d < -3 || d > 3 {
			t.Errorf("rgb %d,%d,%d: %s is %d, want %d", c.r, c.g, c.b, plane.name, plane.got, plane.want)
		}
	}
}

// TestDecoderSurvivesDamage feeds garbage and cut units between good ones.
func TestDecoderSurvivesDamage(t *testing.T) {
	for _, decoder := range media.Decoders("h264") {
		t.Run(decoder.Element, func(t *testing.T) {
			b := newBench(t)
			d := b.decoder(decoder.Element)
			spec := small(60)
			spec.Profile = "constrained-baseline"
			e, s := b.encoding(spec)
			must(t, e.Start())
			s.show(noise(1))
			var key ipc.Frame
			read(t, e, &key)
			idr := append([]byte(nil), key.Data...)
			decode := func(sequence uint64, au []byte) (pictures int) {
				t.Helper()
				must(t, d.Decode(t.Context(), au, sequence, func(*media.Picture) { pictures++ }))
				return pictures
			}
			if decode(1, idr) != 1 {
				t.Fatal("no picture from a whole key frame")
			}
			decode(2, []byte{0, 0, 0, 1})
			decode(3, []byte("no start code at all"))
			decode(4, nil)
			decode(5, idr[:len(idr)/3])
			for i := range 40 {
				broken := append([]byte(nil), idr...)
				for j := 40 + i; j < len(broken); j += 97 {
					broken[j] ^= 0x5a
				}
				decode(uint64(6+i), broken)
			}
			got := 0
			for i := range 3 {
				got += decode(uint64(100+i), idr)
			}
			if got == 0 {
				t.Error("no picture from whole key frames after damaged ones")
			}
		})
	}
}

// TestScenesOfAnotherSize are scaled into the stream's.
func TestScenesOfAnotherSize(t *testing.T) {
	b := newBench(t)
	d := b.decoder("")
	spec := small(60)
	e, s := b.encoding(spec)
	must(t, e.Start())
	s.show(grey(50))
	bigger := newScreen(t, s.conn, 1280, 720) // announces its buffers under the same ids
	bigger.sequence = s.sequence
	bigger.show(grey(200))
	want := 16 + 219*200/255
	deadline := time.Now().Add(patience)
	for luma := 0; luma < want-3 || luma > want+3; {
		if time.Now().After(deadline) {
			t.Fatalf("luma is %d in the end, want %d", luma, want)
		}
		var f ipc.Frame
		read(t, e, &f)
		must(t, d.Decode(t.Context(), f.Data, f.Sequence, func(p *media.Picture) {
			luma = mean(p.Y(), p.Width, 0, p.Width)
			if p.Width != spec.Width || p.Height != spec.Height {
				t.Fatalf("the picture is %dx%d, want %dx%d", p.Width, p.Height, spec.Width, spec.Height)
			}
		}))
	}
}

// TestSlices counts the slices of a picture.
func TestSlices(t *testing.T) {
	for _, encoder := range software() {
		for _, slices := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(encoder.Element, "/", slices), func(t *testing.T) {
				spec := small(60)
				spec.Encoder, spec.Slices = encoder.Element, slices
				e, s := newBench(t).encoding(spec)
				must(t, e.Start())
				for i := range 3 {
					s.show(noise(uint32(i)))
					var f ipc.Frame
					read(t, e, &f)
					got := 0
					for n := range media.NALs(f.Data) {
						if n.VCL() {
							got++
						} else if n.Type() == media.NALSEI {
							t.Error("the frame holds SEI")
						}
					}
					if got != slices {
						t.Errorf("frame %d has %d slices, want %d", f.Sequence, got, slices)
					}
				}
			})
		}
	}
}
