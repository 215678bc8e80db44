package scene

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestBufferGolden(t *testing.T) {
	b := Buffer{Generation: 1, ID: 2, Kind: Shm, Width: 64, Height: 32, Format: FormatXRGB8888, Planes: []Plane{{Offset: 16, Stride: 256}}}
	want := []byte{
		1, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 64, 0, 0, 0, 32, 0, 0, 0, 'X', 'R', '2', '4',
		0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 1, 0, 0,
	}
	got := b.Append(nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	back, err := ParseBuffer(got)
	if err != nil || cmp.Diff(b, back) != "" {
		t.Errorf("parsed %+v, %v", back, err)
	}
	if b.Size() != 16+256*32 {
		t.Errorf("size = %d", b.Size())
	}
}

func TestParseBufferRefuses(t *testing.T) {
	good := Buffer{ID: 1, Kind: Shm, Width: 64, Height: 32, Planes: []Plane{{Stride: 256}}}
	for name, change := range map[string]func(*Buffer){
		"kind":       func(b *Buffer) { b.Kind = 3 },
		"no planes":  func(b *Buffer) { b.Planes = nil },
		"two planes": func(b *Buffer) { b.Planes = make([]Plane, 2) },
		"width":      func(b *Buffer) { b.Width = MaxDimension + 1 },
		"height":     func(b *Buffer) { b.Height = 0 },
		"stride":     func(b *Buffer) { b.Planes[0].Stride = 255 },
	} {
		b := good
		b.Planes = append([]Plane(nil), good.Planes...)
		change(&b)
		if _, err := ParseBuffer(b.Append(nil)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	dma := Buffer{ID: 1, Kind: DMABuf, Width: 64, Height: 32, Modifier: 1 << 60, Planes: []Plane{{Stride: 64}, {Offset: 2048, Stride: 32}}}
	if back, err := ParseBuffer(dma.Append(nil)); err != nil || cmp.Diff(dma, back) != "" {
		t.Errorf("dma-buf: %+v, %v", back, err)
	}
}

func genRect(t *rapid.T) Rect {
	n := rapid.Int32()
	return Rect{n.Draw(t, "x"), n.Draw(t, "y"), n.Draw(t, "w"), n.Draw(t, "h")}
}

func TestSceneRoundTrip(t *testing.T) {
	var back Scene
	rapid.Check(t, func(t *rapid.T) {
		s := Scene{
			Generation: rapid.Uint32().Draw(t, "generation"), Sequence: rapid.Uint64().Draw(t, "sequence"), Commit: rapid.Int64().Draw(t, "commit"),
			Width: rapid.Uint32Range(1, MaxDimension).Draw(t, "width"), Height: rapid.Uint32Range(1, MaxDimension).Draw(t, "height"),
			Layers: []Layer{}, Damage: []Rect{},
		}
		for range rapid.IntRange(0, MaxLayers).Draw(t, "layers") {
			s.Layers = append(s.Layers, Layer{Buffer: rapid.Uint32().Draw(t, "buffer"), Transform: rapid.Byte().Draw(t, "transform"), Source: genRect(t), Destination: genRect(t)})
		}
		for range rapid.IntRange(0, MaxDamage).Draw(t, "damage") {
			s.Damage = append(s.Damage, genRect(t))
		}
		if err := back.Parse(s.Append(nil)); err != nil {
			t.Fatal(err)
		}
		// Parse reuses its slices, so that an empty one is not nil.
		if diff := cmp.Diff(s.Layers, append([]Layer{}, back.Layers...)); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(s.Damage, append([]Rect{}, back.Damage...)); diff != "" {
			t.Fatal(diff)
		}
		if s.Sequence != back.Sequence || s.Commit != back.Commit || s.Generation != back.Generation || s.Width != back.Width || s.Height != back.Height {
			t.Fatalf("%+v != %+v", s, back)
		}
	})
}

func TestSceneParseAllocatesNothing(t *testing.T) {
	s := Scene{Width: 1280, Height: 720, Layers: make([]Layer, 3), Damage: make([]Rect, 4)}
	raw := s.Append(nil)
	var back Scene
	if err := back.Parse(raw); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		_ = back.Parse(raw)
		raw = back.Append(raw[:0])
	}); n != 0 {
		t.Errorf("%v allocations per scene", n)
	}
}

func FuzzParse(f *testing.F) {
	s := Scene{Width: 8, Height: 8, Layers: []Layer{{Buffer: 1}}, Damage: []Rect{{0, 0, 8, 8}}}
	f.Add(s.Append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		var s Scene
		if err := s.Parse(p); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		// The bytes that nobody reads are the only ones that may differ.
		if got := s.Append(nil); len(got) != len(p) {
			t.Fatalf("%d bytes became %d", len(p), len(got))
		}
	})
}

func FuzzParseBuffer(f *testing.F) {
	b := Buffer{ID: 1, Kind: Shm, Width: 8, Height: 8, Planes: []Plane{{Stride: 32}}}
	f.Add(b.Append(nil))
	f.Fuzz(func(t *testing.T, p []byte) {
		if b, err := ParseBuffer(p); err == nil && (len(b.Planes) == 0 || b.Size() < 0) {
			t.Fatalf("accepted %+v", b)
		}
	})
}
