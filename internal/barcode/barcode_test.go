package barcode

import (
	"errors"
	"math/rand/v2"
	"testing"
)

var example = Reading{
	Frame: 1234567, MonotonicNanos: 987654321012345, KeysDown: 20, KeysUp: 19, LastKey: 30, Modifiers: 5, Flash: true,
	Buttons: 7, LastButton: 0x110, Motions: 65535, Axes: 3, PointerX: 640, PointerY: 360, SessionTag: SessionTag("s1"),
	Width: 1280, Height: 720,
}

func picture(width, height int, fill byte) []byte {
	pix := make([]byte, width*height*4)
	for i := range pix {
		pix[i] = fill
	}
	return pix
}

func luma(pix []byte) []byte {
	y := make([]byte, len(pix)/4)
	for i := range y {
		// Limited range, as decoders give it.
		y[i] = byte(16 + int(pix[4*i+1])*219/255)
	}
	return y
}

func TestRoundTrip(t *testing.T) {
	for _, size := range [][2]int{{MinWidth, MinHeight}, {1280, 720}, {1920, 1080}, {3840, 2160}} {
		w, h := size[0], size[1]
		pix := picture(w, h, 90)
		Draw(pix, 4*w, w, h, example)
		if got, err := ReadBGRx(pix, 4*w, w, h); err != nil || got != example {
			t.Errorf("%dx%d: %+v, %v", w, h, got, err)
		}
		if got, err := Read(luma(pix), w, w, h); err != nil || got != example {
			t.Errorf("%dx%d luma: %+v, %v", w, h, got, err)
		}
	}
}

func TestNoiseAndBlur(t *testing.T) {
	const w, h = 1280, 720
	pix := picture(w, h, 0)
	Draw(pix, 4*w, w, h, example)
	y := luma(pix)
	rnd := rand.New(rand.NewPCG(1, 2))
	blurred := make([]byte, len(y))
	for i := range y {
		sum, n := 0, 0
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				if j := i + dy*w + dx; j >= 0 && j < len(y) {
					sum += int(y[j])
					n++
				}
			}
		}
		blurred[i] = byte(min(max(sum/n+rnd.IntN(81)-40, 0), 255))
	}
	if got, err := Read(blurred, w, w, h); err != nil || got != example {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	const w, h = 1280, 720
	pix := picture(w, h, 0)
	Draw(pix, 4*w, w, h, example)
	cell := Cell(w)
	for row := range rows {
		for column := 16; column < columns; column += 5 {
			y := luma(pix)
			for dy := range cell {
				for dx := range cell {
					i := (row*cell+dy)*w + column*cell + dx
					y[i] = 255 - y[i]
				}
			}
			if _, err := Read(y, w, w, h); err == nil {
				t.Fatalf("row %d column %d: the flipped bit is not noticed", row, column)
			}
		}
	}
}

func TestPicturesWithoutBarcode(t *testing.T) {
	for name, tt := range map[string]struct {
		length, stride, width, height int
	}{
		"black": {1280 * 720, 1280, 1280, 720}, "small": {100 * 100, 100, 100, 100}, "short": {1000, 1280, 1280, 720},
		"stride": {1280 * 720, 600, 1280, 720}, "negative": {10, 1, -5, -5},
	} {
		if _, err := Read(make([]byte, tt.length), tt.stride, tt.width, tt.height); !errors.Is(err, ErrNoBarcode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	small := picture(100, 10, 7)
	Draw(small, 400, 100, 10, example)
	for _, b := range small {
		if b != 7 {
			t.Fatal("a picture that is too small was drawn into")
		}
	}
}

func TestSessionTag(t *testing.T) {
	if SessionTag("") != 0 || SessionTag("a") == SessionTag("b") {
		t.Error("tags do not tell sessions apart")
	}
}

func FuzzRead(f *testing.F) {
	pix := picture(MinWidth, MinHeight, 0)
	Draw(pix, 4*MinWidth, MinWidth, MinHeight, example)
	f.Add(luma(pix), MinWidth, MinWidth, MinHeight)
	f.Fuzz(func(_ *testing.T, y []byte, stride, width, height int) {
		_, _ = Read(y, stride, width, height)
		_, _ = ReadBGRx(y, stride, width, height)
	})
}

func BenchmarkDraw(b *testing.B) {
	pix := picture(1280, 720, 0)
	b.ReportAllocs()
	for b.Loop() {
		Draw(pix, 4*1280, 1280, 720, example)
	}
}

func BenchmarkRead(b *testing.B) {
	pix := picture(1280, 720, 0)
	Draw(pix, 4*1280, 1280, 720, example)
	y := luma(pix)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(y, 1280, 1280, 720); err != nil {
			b.Fatal(err)
		}
	}
}
