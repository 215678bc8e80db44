package boxart

import (
	"image"
	"image/color"
	"image/draw"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

var bold = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

func face(size float64) (font.Face, error) {
	f, err := bold()
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
}

// drawable leaves out what the font has no glyph for.
func drawable(text string) string {
	f, err := bold()
	if err != nil {
		return ""
	}
	var buf sfnt.Buffer
	text = strings.Map(func(r rune) rune {
		if i, err := f.GlyphIndex(&buf, r); err != nil || i == 0 {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// paintTitle writes the title below the tile, as large as it fits.
func paintTitle(img *image.RGBA, title string) error {
	title = drawable(title)
	if title == "" {
		return nil
	}
	const room = Width - 2*margin
	for size := 72.0; ; size -= 6 {
		f, err := face(size)
		if err != nil {
			return err
		}
		lines, fits := breakLines(title, func(s string) bool { return font.MeasureString(f, s) <= fixed.I(room) })
		height := int(size * 1.2)
		if !fits && size > 42 || len(lines)*height > titleRoom && size > 30 {
			_ = f.Close()
			continue
		}
		lines = lines[:min(len(lines), titleRoom/height)]
		for i, line := range lines {
			write(img, f, line, titleTop+(titleRoom-len(lines)*height)/2+i*height+int(size), color.White)
		}
		return f.Close()
	}
}

// breakLines breaks between words, and within one only where it fits no line;
// then fits is false.
func breakLines(text string, fit func(string) bool) (lines []string, fits bool) {
	fits = true
	line := ""
	for word := range strings.FieldsSeq(text) {
		if joined := strings.TrimSpace(line + " " + word); fit(joined) {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, r := range word {
			if line != "" && !fit(line+string(r)) {
				lines, line, fits = append(lines, line), "", false
			}
			line += string(r)
		}
	}
	return append(lines, line), fits
}

// paintInitials stands in for an icon.
func paintInitials(img *image.RGBA, centre image.Point, title string) error {
	text := initials(drawable(title))
	if text == "" {
		return nil
	}
	const size = 132
	f, err := face(size)
	if err != nil {
		return err
	}
	ground := img.RGBAAt(centre.X, Height-1)
	write(img, f, text, centre.Y+size*36/100, ground)
	return f.Close()
}

// initials are the first letters of the first two words.
func initials(title string) string {
	var all []rune
	for word := range strings.FieldsSeq(title) {
		for _, r := range word {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				all = append(all, unicode.ToUpper(r))
				break
			}
		}
		if len(all) == 2 {
			break
		}
	}
	return string(all)
}

// write centres a line at a baseline.
func write(img draw.Image, f font.Face, line string, baseline int, c color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: f}
	d.Dot = fixed.Point26_6{X: (fixed.I(Width) - d.MeasureString(line)) / 2, Y: fixed.I(baseline)}
	d.DrawString(line)
}
