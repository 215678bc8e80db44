package terminal

import (
	"image"
	"image/color"
	"strconv"
)

// ink are characters from none to much.
const ink = " .:-=+*#%@"

// appendLetters writes a character a pixel, without any colour.
func appendLetters(to []byte, img *image.RGBA) []byte {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := img.RGBAAt(x, y)
			luma := (2126*int(c.R) + 7152*int(c.G) + 722*int(c.B)) / 10000
			to = append(to, ink[luma*len(ink)/256])
		}
		to = append(to, "\r\n"...)
	}
	return to
}

// appendBlocks writes two pixels a cell: the upper half is the foreground, the
// lower one the background.
func appendBlocks(to []byte, img *image.RGBA, trueColour bool) []byte {
	b := img.Bounds()
	for y := b.Min.Y; y+1 < b.Max.Y; y += 2 {
		var up, down color.RGBA // the alpha of pixels is never 0
		for x := b.Min.X; x < b.Max.X; x++ {
			if c := img.RGBAAt(x, y); c != up {
				up = c
				to = appendColour(to, '3', c, trueColour)
			}
			if c := img.RGBAAt(x, y+1); c != down {
				down = c
				to = appendColour(to, '4', c, trueColour)
			}
			to = append(to, "▀"...)
		}
		to = append(to, "\x1b[0m\r\n"...)
	}
	return to
}

// appendColour sets the foreground ('3') or the background ('4').
func appendColour(to []byte, which byte, c color.RGBA, trueColour bool) []byte {
	to = append(to, 0x1b, '[', which)
	if !trueColour {
		to = strconv.AppendInt(append(to, "8;5;"...), int64(16+36*step(c.R)+6*step(c.G)+step(c.B)), 10)
		return append(to, 'm')
	}
	to = append(to, "8;2"...)
	for _, part := range [...]uint8{c.R, c.G, c.B} {
		to = strconv.AppendUint(append(to, ';'), uint64(part), 10)
	}
	return append(to, 'm')
}

// levels are those of xterm's colour cube.
var levels = [6]int{0, 95, 135, 175, 215, 255}

// step is the nearest level.
func step(v uint8) int {
	best := 0
	for i, level := range levels {
		if abs(level-int(v)) < abs(levels[best]-int(v)) {
			best = i
		}
	}
	return best
}

func abs(v int) int { return max(v, -v) }
