package terminal

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pseudo is a terminal and the side from which a person looks at it.
func pseudo(t *testing.T, columns, rows uint16) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals here")
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
	return person, program
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// answer plays a terminal: it waits for DA1 and says what it is.
func answer(t *testing.T, person *os.File, attributes string) {
	t.Helper()
	var seen strings.Builder
	buf := make([]byte, 64)
	for !strings.Contains(seen.String(), "\x1b[c") {
		n, err := person.Read(buf)
		if err != nil {
			t.Error(err)
			return
		}
		seen.Write(buf[:n])
	}
	if _, err := person.WriteString("x\x1b[?" + attributes + "c"); err != nil {
		t.Error(err)
	}
}

func TestSixelIsUsedWhereTheTerminalSaysSo(t *testing.T) {
	for attributes, want := range map[string]Mode{"62;4;22": Sixel, "62;22;44": TrueColour, "4": Sixel, "64;1": TrueColour} {
		person, program := pseudo(t, 80, 24)
		go answer(t, person, attributes)
		s, err := Open(program, program, environment("TERM", "foot", "COLORTERM", "truecolor"))
		if err != nil {
			t.Fatal(err)
		}
		if s.Mode() != want {
			t.Errorf("attributes %s: %s, want %s", attributes, s.Mode(), want)
		}
		s.Close()
	}
}

func TestASilentTerminalIsGivenBackAsItWas(t *testing.T) {
	_, program := pseudo(t, 80, 24)
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s, err := Open(program, program, environment("TERM", "xterm-256color"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Mode() != Colours256 || time.Since(began) < answerTime {
		t.Errorf("%s after %s", s.Mode(), time.Since(began))
	}
	during, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil || during.Lflag&unix.ECHO != 0 || during.Lflag&unix.ISIG == 0 {
		t.Errorf("while open the flags are %#x: %v", during.Lflag, err)
	}
	s.Close()
	s.Close()
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("after: %+v, before: %+v, %v", after, before, err)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Open(f, f, environment("TERM", "xterm")); !errors.Is(err, ErrNotTerminal) {
		t.Errorf("a file: %v", err)
	}
}

func TestModeOf(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want Mode
	}{
		{nil, Letters},
		{[]string{"TERM", "dumb"}, Letters},
		{[]string{"TERM", "xterm-256color"}, Colours256},
		{[]string{"TERM", "xterm", "COLORTERM", "24bit"}, TrueColour},
		{[]string{"TERM", "foot-direct"}, TrueColour},
		{[]string{"TERM", "xterm", "COLORTERM", "truecolor", "NO_COLOR", "1"}, Letters},
	} {
		if got := modeOf(environment(c.env...)); got != c.want {
			t.Errorf("%q: %s, want %s", c.env, got, c.want)
		}
	}
}

func TestPicturesKeepToTheTerminal(t *testing.T) {
	for _, c := range []struct {
		mode          Mode
		columns, rows uint16
		want          image.Point
	}{
		{TrueColour, 80, 24, image.Pt(80, 44)},
		{TrueColour, 200, 24, image.Pt(81, 46)},
		{Letters, 80, 24, image.Pt(80, 22)},
		{Sixel, 80, 24, image.Pt(640, 360)},
		{Sixel, 400, 120, image.Pt(960, 540)},
		{TrueColour, 1, 1, image.Pt(2, 2)},
		{Colours256, 0, 0, image.Pt(80, 44)},
	} {
		_, program := pseudo(t, c.columns, c.rows)
		got, err := (&Screen{out: program, mode: c.mode}).Pixels(1280, 720)
		if err != nil || got != c.want {
			t.Errorf("%s on %dx%d: %v, want %v (%v)", c.mode, c.columns, c.rows, got, c.want, err)
		}
	}
}

func test2x2() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 2, 2))
	for i, c := range []color.RGBA{{255, 0, 0, 255}, {255, 0, 0, 255}, {0, 0, 0, 255}, {255, 255, 255, 255}} {
		img.SetRGBA(i%2, i/2, c)
	}
	return img
}

func TestBlocksAndLetters(t *testing.T) {
	for want, got := range map[string][]byte{
		"\x1b[38;2;255;0;0m\x1b[48;2;0;0;0m▀\x1b[48;2;255;255;255m▀\x1b[0m\r\n": appendBlocks(nil, test2x2(), true),
		"\x1b[38;5;196m\x1b[48;5;16m▀\x1b[48;5;231m▀\x1b[0m\r\n":                appendBlocks(nil, test2x2(), false),
		"::\r\n @\r\n": appendLetters(nil, test2x2()),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSixelShowsThePicture(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 50, 20))
	for y := range 20 {
		for x := range 50 {
			img.SetRGBA(x, y, color.RGBA{uint8(x / 10 * 51), uint8(y / 5 * 51), 204, 255})
		}
	}
	got := readSixel(t, string(appendSixel(nil, img)))
	for y := range 20 {
		for x := range 50 {
			if want := img.RGBAAt(x, y); got[image.Pt(x, y)] != want {
				t.Fatalf("pixel %d,%d is %v, want %v", x, y, got[image.Pt(x, y)], want)
			}
		}
	}
}

// TestManyColoursStayNear: more of them than a terminal has registers for.
func TestManyColoursStayNear(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 50, 20))
	for y := range 20 {
		for x := range 50 {
			img.SetRGBA(x, y, color.RGBA{uint8(x * 5), uint8(y * 13), uint8((x + y) * 3), 255})
		}
	}
	var p palette
	p.fit(img)
	if len(p.shades) != maxColours {
		t.Fatalf("%d colours", len(p.shades))
	}
	for point, got := range readSixel(t, string(appendSixel(nil, img))) {
		want := img.RGBAAt(point.X, point.Y)
		for _, off := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
			if abs(off) > 70 {
				t.Fatalf("pixel %v is %v, far from %v", point, got, want)
			}
		}
	}
}

// readSixel draws what a terminal would.
func readSixel(t *testing.T, text string) map[image.Point]color.RGBA {
	t.Helper()
	text, ok := strings.CutPrefix(text, "\x1bP0;1q\"1;1;50;20")
	if !ok || !strings.HasSuffix(text, "\x1b\\") {
		t.Fatalf("not a sixel picture: %q", text[:min(len(text), 40)])
	}
	text = strings.TrimSuffix(text, "\x1b\\")
	palette, pixels := map[int]color.RGBA{}, map[image.Point]color.RGBA{}
	at, colour := image.Point{}, 0
	number := func() (n int) {
		for len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
			n, text = n*10+int(text[0]-'0'), text[1:]
		}
		return n
	}
	for len(text) > 0 {
		c := text[0]
		text = text[1:]
		times := 1
		switch c {
		case '#':
			colour = number()
			if strings.HasPrefix(text, ";2;") {
				var part [3]int
				text = text[2:]
				for i := range part {
					text = text[1:]
					part[i] = number() * 255 / 100
				}
				palette[colour] = color.RGBA{uint8(part[0]), uint8(part[1]), uint8(part[2]), 255}
			}
			continue
		case '$':
			at.X = 0
			continue
		case '-':
			at = image.Pt(0, at.Y+band)
			continue
		case '!':
			times = number()
			c, text = text[0], text[1:]
		}
		for range times {
			for bit := range band {
				if (c-'?')>>bit&1 == 1 {
					pixels[at.Add(image.Pt(0, bit))] = palette[colour]
				}
			}
			at.X++
		}
	}
	return pixels
}

func FuzzDeviceAttributes(f *testing.F) {
	f.Add("\x1b[?62;4c")
	f.Add("abc\x1b[?1;")
	f.Fuzz(func(t *testing.T, text string) {
		if a, ok := deviceAttributes(text); ok && strings.Trim(a, "0123456789;") != "" {
			t.Errorf("%q has the attributes %q", text, a)
		}
	})
}

func BenchmarkSixel(b *testing.B) {
	img := image.NewRGBA(image.Rectangle{Max: maxSixel})
	for i := range img.Pix {
		img.Pix[i] = uint8(i / 97)
	}
	var to []byte
	for b.Loop() {
		to = appendSixel(to[:0], img)
	}
	b.ReportMetric(float64(len(to))/1024, "KiB")
}
