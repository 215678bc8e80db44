package boxart

import (
	"image"
	"image/color"
	"strings"
	"unicode"

	"github.com/kennel-stream/kennel/internal/lettering"
)

// paintTitle writes the title below the tile, as large as it fits.
func paintTitle(img *image.RGBA, title string) error {
	title = lettering.Drawable(title)
	if title == "" {
		return nil
	}
	const room = Width - 2*margin
	for size := 72.0; ; size -= 6 {
		pen, err := lettering.NewPen(lettering.Bold, size)
		if err != nil {
			return err
		}
		lines, fits := pen.Lines(title, room)
		height := int(size * 1.2)
		if !fits && size > 42 || len(lines)*height > titleRoom && size > 30 {
			_ = pen.Close()
			continue
		}
		lines = lines[:min(len(lines), titleRoom/height)]
		for i, line := range lines {
			pen.Centre(img, line, Width, titleTop+(titleRoom-len(lines)*height)/2+i*height+int(size), color.White)
		}
		return pen.Close()
	}
}

// paintInitials stands in for an icon.
func paintInitials(img *image.RGBA, centre image.Point, title string) error {
	text := initials(lettering.Drawable(title))
	if text == "" {
		return nil
	}
	const size = 132
	pen, err := lettering.NewPen(lettering.Bold, size)
	if err != nil {
		return err
	}
	ground := img.RGBAAt(centre.X, Height-1)
	pen.Centre(img, text, Width, centre.Y+size*36/100, ground)
	return pen.Close()
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
