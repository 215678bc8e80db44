package pixel

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display/region"
)

func at(m *Image, x, y int32) uint32 { return binary.LittleEndian.Uint32(m.Row(y, x, x+1)) }

// numbered gives every pixel its own opaque colour.
func numbered(w, h int) Image {
	m := New(w, h)
	for y := range int32(h) {
		for x := range int32(w) {
			binary.LittleEndian.PutUint32(m.Row(y, x, x+1), 0xff000000|uint32(y)<<8|uint32(x))
		}
	}
	return m
}

func TestOverAgainstArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alpha := rapid.Uint32Range(0, 255).Draw(t, "alpha")
		s := alpha << 24
		for shift := 0; shift < 24; shift += 8 {
			s |= rapid.Uint32Range(0, alpha).Draw(t, "channel") << shift
		}
		d := rapid.Uint32().Draw(t, "below")
		got := over(s, d)
		for shift := 0; shift < 32; shift += 8 {
			sc, dc := s>>shift&0xff, d>>shift&0xff
			want := sc + (dc*(255-alpha)*2+255)/510
			if g := got >> shift & 0xff; g != want {
				t.Fatalf("over(%08x, %08x) = %08x: channel %d is %d, want %d", s, d, got, shift/8, g, want)
			}
		}
	})
}

func TestOverSaturatesWrongPremultiplication(t *testing.T) {
	if got := over(0x00ffffff, 0xffffffff); got != 0xffffffff {
		t.Errorf("got %08x", got)
	}
}

func TestCopyAndBlendClip(t *testing.T) {
	src := numbered(8, 8)
	for _, draw := range []func(dst, src *Image, r region.Rect, dx, dy int32){Copy, Blend} {
		rapid.Check(t, func(t *rapid.T) {
			dst := New(10, 6)
			c := rapid.Int32Range(-12, 12)
			dx, dy := c.Draw(t, "dx"), c.Draw(t, "dy")
			r := region.XYWH(c.Draw(t, "x"), c.Draw(t, "y"), c.Draw(t, "w"), c.Draw(t, "h"))
			draw(&dst, &src, r, dx, dy)
			for y := range int32(6) {
				for x := range int32(10) {
					want := uint32(0)
					if r.Has(x, y) && src.Bounds().Has(x-dx, y-dy) {
						want = at(&src, x-dx, y-dy)
					}
					if got := at(&dst, x, y); got != want {
						t.Fatalf("pixel %d,%d is %08x, want %08x", x, y, got, want)
					}
				}
			}
		})
	}
}

func TestCopyWholeRows(t *testing.T) {
	src, dst := numbered(8, 8), New(8, 8)
	Copy(&dst, &src, src.Bounds(), 0, 0)
	if d := cmp.Diff(src.Pix, dst.Pix); d != "" {
		t.Error(d)
	}
}

// TestTransformsTurnAsTheSpecSays places the corner pixels of a 3x2 surface
// that a client drew with each wl_output.transform (wayland.xml).
func TestTransformsTurnAsTheSpecSays(t *testing.T) {
	// The buffer pixel that holds the surface's top left and top right one.
	cases := []struct {
		transform                    uint32
		w, h                         int
		leftX, leftY, rightX, rightY int32
	}{
		{0, 3, 2, 0, 0, 2, 0},
		{1, 2, 3, 0, 2, 0, 0}, // 90 degrees counter-clockwise: left goes down, right goes up
		{2, 3, 2, 2, 1, 0, 1},
		{3, 2, 3, 1, 0, 1, 2},
		{4, 3, 2, 2, 0, 0, 0}, // flipped around a vertical axis
		{5, 2, 3, 0, 0, 0, 2},
		{6, 3, 2, 0, 1, 2, 1},
		{7, 2, 3, 1, 2, 1, 0},
	}
	for _, c := range cases {
		g := Geometry{Width: c.w, Height: c.h, Transform: c.transform, Scale: 1}
		if w, h := g.Size(); w != 3 || h != 2 {
			t.Errorf("transform %d: surface of %dx%d", c.transform, w, h)
		}
		buffer, out := numbered(c.w, c.h), New(3, 2)
		Sample(&out, &buffer, out.Bounds(), g.ToBuffer(), g.SourceBounds(), true)
		if got, want := at(&out, 0, 0), at(&buffer, c.leftX, c.leftY); got != want {
			t.Errorf("transform %d: top left is %08x, want %08x", c.transform, got, want)
		}
		if got, want := at(&out, 2, 0), at(&buffer, c.rightX, c.rightY); got != want {
			t.Errorf("transform %d: top right is %08x, want %08x", c.transform, got, want)
		}
		r := g.ToBuffer().Inverse().Rect(region.Rect{X1: int32(c.w), Y1: int32(c.h)})
		if (r != region.Rect{X1: 3, Y1: 2}) {
			t.Errorf("transform %d: the whole buffer damages %v", c.transform, r)
		}
	}
}

func TestScaleAndViewport(t *testing.T) {
	g := Geometry{Width: 8, Height: 4, Scale: 2}
	if w, h := g.Size(); w != 4 || h != 2 || g.Plain() {
		t.Errorf("scaled: %dx%d, plain %v", w, h, g.Plain())
	}
	g = Geometry{Width: 8, Height: 4, Scale: 1, Cropped: true, SourceX: 2, SourceY: 1, SourceWidth: 4, SourceHeight: 2, TargetWidth: 8, TargetHeight: 4}
	if w, h := g.Size(); w != 8 || h != 4 || !g.SourceInside() {
		t.Errorf("viewport: %dx%d", w, h)
	}
	if got, want := g.SourceBounds(), (region.Rect{X0: 2, Y0: 1, X1: 6, Y1: 3}); got != want {
		t.Errorf("crop %v, want %v", got, want)
	}
	g.SourceWidth = 7
	if g.SourceInside() {
		t.Error("a crop over the edge counts as inside")
	}
}

func TestSampleStaysInCrop(t *testing.T) {
	src := New(8, 8)
	Fill(&src, src.Bounds(), 0xff0000ff)
	crop := region.XYWH(2, 2, 4, 4)
	Fill(&src, crop, 0xff00ff00)
	g := Geometry{Width: 8, Height: 8, Scale: 1, Cropped: true, SourceX: 2, SourceY: 2, SourceWidth: 4, SourceHeight: 4, TargetWidth: 13, TargetHeight: 5}
	dst := New(13, 5)
	Sample(&dst, &src, dst.Bounds(), g.ToBuffer(), g.SourceBounds(), true)
	for y := range int32(5) {
		for x := range int32(13) {
			if got := at(&dst, x, y); got != 0xff00ff00 {
				t.Fatalf("pixel %d,%d is %08x: a neighbour outside of the crop bled in", x, y, got)
			}
		}
	}
}

func TestSampleMixesNeighbours(t *testing.T) {
	src := New(2, 1)
	Fill(&src, region.XYWH(1, 0, 1, 1), 0xffffffff)
	Fill(&src, region.XYWH(0, 0, 1, 1), 0xff000000)
	g := Geometry{Width: 2, Height: 1, Scale: 1, TargetWidth: 8, TargetHeight: 1}
	dst := New(8, 1)
	Sample(&dst, &src, dst.Bounds(), g.ToBuffer(), g.SourceBounds(), true)
	last := uint32(0)
	for x := range int32(8) {
		v := at(&dst, x, 0) & 0xff
		if v < last {
			t.Errorf("pixel %d is %d after %d", x, v, last)
		}
		last = v
	}
	if at(&dst, 0, 0) != 0xff000000 || at(&dst, 7, 0) != 0xffffffff {
		t.Errorf("ends are %08x and %08x", at(&dst, 0, 0), at(&dst, 7, 0))
	}
}

func TestInverseUndoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Geometry{
			Width: rapid.IntRange(1, 50).Draw(t, "w") * 4, Height: rapid.IntRange(1, 50).Draw(t, "h") * 4,
			Transform: rapid.Uint32Range(0, 7).Draw(t, "transform"), Scale: rapid.IntRange(1, 4).Draw(t, "scale"),
		}
		a := g.ToBuffer()
		x, y := float64(rapid.IntRange(0, 100).Draw(t, "x")), float64(rapid.IntRange(0, 100).Draw(t, "y"))
		u, v := a.Apply(x, y)
		if bx, by := a.Inverse().Apply(u, v); math.Abs(bx-x) > 1e-9 || math.Abs(by-y) > 1e-9 {
			t.Fatalf("%v,%v came back as %v,%v", x, y, bx, by)
		}
	})
}

func TestSwapRedBlue(t *testing.T) {
	row := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	SwapRedBlue(row)
	if d := cmp.Diff([]byte{3, 2, 1, 4, 7, 6, 5, 8}, row); d != "" {
		t.Error(d)
	}
}

func BenchmarkCopy720p(b *testing.B) {
	dst, src := New(1280, 720), New(1280, 720)
	b.SetBytes(int64(len(src.Pix)))
	for b.Loop() {
		Copy(&dst, &src, dst.Bounds(), 0, 0)
	}
}

func BenchmarkBlend720p(b *testing.B) {
	dst, src := New(1280, 720), New(1280, 720)
	Fill(&src, src.Bounds(), 0x80404040)
	b.SetBytes(int64(len(src.Pix)))
	for b.Loop() {
		Blend(&dst, &src, dst.Bounds(), 0, 0)
	}
}

func BenchmarkScale720p(b *testing.B) {
	dst, src := New(1280, 720), numbered(640, 360)
	g := Geometry{Width: 640, Height: 360, Scale: 1, TargetWidth: 1280, TargetHeight: 720}
	b.SetBytes(int64(len(dst.Pix)))
	for b.Loop() {
		Sample(&dst, &src, dst.Bounds(), g.ToBuffer(), g.SourceBounds(), true)
	}
}
