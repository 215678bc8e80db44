package worker

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/scene"
)

// filled is a surface of one colour, given as ARGB.
func filled(width, height, format uint32, argb uint32) *surface {
	if scene.RedFirst(format) {
		argb = argb&0xff00ff00 | argb&0xff<<16 | argb>>16&0xff
	}
	s := &surface{Buffer: scene.Buffer{Kind: scene.DMABuf, Width: width, Height: height, Format: format, Planes: []scene.Plane{{Offset: 8, Stride: 4*width + 12}}}}
	s.pixels = make([]byte, s.Size())
	for at := 8; at+4 <= len(s.pixels); at += 4 {
		binary.LittleEndian.PutUint32(s.pixels[at:], argb)
	}
	return s
}

func whole(s *surface, at scene.Rect) shown {
	return shown{s, scene.Layer{Source: scene.Rect{Width: int32(s.Width) << 8, Height: int32(s.Height) << 8}, Destination: at}}
}

func (c *canvas) at(x, y int32) uint32 {
	return binary.LittleEndian.Uint32(c.image.Row(y, x, x+1)) & 0xffffff
}

func TestCanvasComposesLayers(t *testing.T) {
	const red, green, blue, white = 0xffff0000, 0xff00ff00, 0xff0000ff, 0xffffffff
	refused := filled(4, 4, scene.FormatXRGB8888, white)
	refused.refused = os.ErrInvalid
	quarter := filled(4, 4, scene.FormatXBGR8888, green)
	for y := range 2 { // the upper left quarter is blue
		for x := range 2 {
			binary.LittleEndian.PutUint32(quarter.pixels[8+y*28+4*x:], 0xffff0000)
		}
	}
	turned := whole(quarter, scene.Rect{X: 8, Width: 4, Height: 4})
	turned.Transform = 2 // by half
	cropped := whole(quarter, scene.Rect{X: 12, Width: 2, Height: 2})
	cropped.Source = scene.Rect{X: 2 << 8, Y: 2 << 8, Width: 2 << 8, Height: 2 << 8}
	p := &picture{width: 16, height: 8, layers: []shown{
		whole(filled(16, 8, scene.FormatARGB8888, 0x80800000), scene.Rect{Width: 16, Height: 8}),
		whole(filled(4, 4, scene.FormatXRGB8888, red), scene.Rect{Width: 4, Height: 4}),
		whole(filled(2, 2, scene.FormatABGR8888, blue&^0xff000000), scene.Rect{X: -1, Y: -1, Width: 2, Height: 2}),
		whole(filled(2, 2, scene.FormatABGR8888, 0), scene.Rect{X: 2, Y: 2, Width: 2, Height: 2}),
		whole(filled(1, 1, scene.FormatXBGR8888, blue), scene.Rect{X: 4, Y: 0, Width: 4, Height: 4}), // grown
		turned, cropped,
		whole(refused, scene.Rect{Width: 16, Height: 8}),
	}}
	var c canvas
	defer c.close()
	if p.direct() != nil {
		t.Fatal("a picture of many layers is taken as it is")
	}
	if err := c.compose(p); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		x, y int32
		rgb  uint32
	}{
		{15, 7, 0x800000},
		{1, 1, 0xff0000},
		{0, 0, 0xff00ff},
		{3, 3, 0xff0000},
		{4, 0, 0x0000ff},
		{7, 3, 0x0000ff},
		{8, 0, 0x00ff00},
		{11, 3, 0x0000ff},
		{12, 1, 0x00ff00},
	} {
		if got := c.at(want.x, want.y); got != want.rgb {
			t.Errorf("at %d,%d: %06x, want %06x", want.x, want.y, got, want.rgb)
		}
	}
}

func TestDirectPictures(t *testing.T) {
	full := scene.Rect{Width: 8, Height: 4}
	good := func() *picture {
		return &picture{width: 8, height: 4, layers: []shown{whole(filled(8, 4, scene.FormatABGR8888, 0), full)}}
	}
	if good().direct() == nil {
		t.Error("a picture of one whole layer is composed")
	}
	for name, change := range map[string]func(l *shown){
		"turned":  func(l *shown) { l.Transform = 6 },
		"cropped": func(l *shown) { l.Source.Width -= 256 },
		"moved":   func(l *shown) { l.Destination.X = 1 },
		"refused": func(l *shown) { l.surface.refused = os.ErrInvalid },
		"smaller": func(l *shown) { *l = whole(filled(4, 4, scene.FormatXRGB8888, 0), scene.Rect{Width: 8, Height: 4}) },
	} {
		p := good()
		change(&p.layers[0])
		if p.direct() != nil {
			t.Errorf("%s: it is taken as it is", name)
		}
	}
}

// TestPlacement says the same of a whole buffer as the display does.
func TestPlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := pixel.Geometry{
			Width: rapid.IntRange(1, 50).Draw(t, "w"), Height: rapid.IntRange(1, 50).Draw(t, "h"),
			Transform: rapid.Uint32Range(0, 7).Draw(t, "transform"), Scale: 1,
			TargetWidth: rapid.IntRange(1, 50).Draw(t, "tw"), TargetHeight: rapid.IntRange(1, 50).Draw(t, "th"),
		}
		if rapid.Bool().Draw(t, "cropped") {
			w, h := g.Width, g.Height
			if g.Transform&1 != 0 {
				w, h = h, w
			}
			g.Cropped = true
			g.SourceX, g.SourceY = float64(rapid.IntRange(0, w-1).Draw(t, "x")), float64(rapid.IntRange(0, h-1).Draw(t, "y"))
			g.SourceWidth, g.SourceHeight = float64(w)-g.SourceX, float64(h)-g.SourceY
		}
		want := g.ToBuffer()
		x0, y0 := want.Apply(0, 0)
		x1, y1 := want.Apply(float64(g.TargetWidth), float64(g.TargetHeight))
		at := place(scene.Rect{X: 3, Y: -2, Width: int32(g.TargetWidth), Height: int32(g.TargetHeight)})
		got := pixel.Placement(min(x0, x1), min(y0, y1), max(x0, x1)-min(x0, x1), max(y0, y1)-min(y0, y1), g.Transform, at)
		for _, p := range [][2]float64{{0, 0}, {1, 0}, {0, 1}, {float64(g.TargetWidth), float64(g.TargetHeight)}} {
			wu, wv := want.Apply(p[0], p[1])
			gu, gv := got.Apply(p[0]+3, p[1]-2)
			if d := max(wu-gu, gu-wu, wv-gv, gv-wv); d > 1e-9 {
				t.Fatalf("%v goes to %v,%v, want %v,%v", p, gu, gv, wu, wv)
			}
		}
	})
}

// TestUnreadableGPUBuffersAreRefusedOnly has the display told, the link kept
// and the rest of the picture shown.
func TestUnreadableGPUBuffersAreRefusedOnly(t *testing.T) {
	d := newDisplay(t)
	good := description(1)
	good.Kind, good.Format = scene.DMABuf, scene.FormatABGR8888
	unsealed, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(unsealed)
	fine, short := sealed(t, 64), sealed(t, 63)
	defer unix.Close(fine)
	defer unix.Close(short)
	for i, bad := range []struct {
		what   string
		change func(b *scene.Buffer)
		file   int
	}{
		{"cannot read XR24:0x100000000000001", func(b *scene.Buffer) { b.Format, b.Modifier = scene.FormatXRGB8888, 1<<56|1 }, fine},
		{"not sealed", func(*scene.Buffer) {}, unsealed},
		{"has 63 bytes", func(*scene.Buffer) {}, short},
		{"rows of 15 bytes", func(b *scene.Buffer) { b.Planes[0].Stride = 15 }, fine},
	} {
		b := good
		b.ID, b.Planes = uint32(10+i), []scene.Plane{{Stride: 16}}
		bad.change(&b)
		d.send(scene.MessageBuffer, b.Append(nil), bad.file)
		m, err := d.conn.Receive(patience)
		if err != nil || m.Type != scene.MessageRefused || binary.LittleEndian.Uint32(m.Payload) != b.ID || !strings.Contains(string(m.Payload[4:]), bad.what) {
			t.Errorf("%s: got message %#x %q, %v", bad.what, m.Type, m.Payload, err)
		}
		d.show(uint64(1+2*i), b.ID, all)
		if p := d.inbox.current(); p.direct() != nil {
			t.Errorf("%s: it is read", bad.what)
		} else {
			d.inbox.finish(p)
		}
		d.send(scene.MessageBuffer, good.Append(nil), fine)
		d.show(uint64(2+2*i), 1, all)
		if p := d.inbox.current(); p.direct() == nil {
			t.Error("the good one is not read")
		} else {
			d.inbox.finish(p)
		}
		for range 2 { // of the two scenes that were replaced
			if i == 0 {
				d.wantDone(2)
				break
			}
			if _, err := d.conn.Receive(patience); err != nil {
				t.Fatal(err)
			}
		}
	}
}
