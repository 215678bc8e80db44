package demo

import "strings"

// Glyphs are five pixels wide and seven high, a row per group of digits. Lower
// case is shown as upper case.
const (
	glyphWidth  = 5
	glyphHeight = 7
	advance     = glyphWidth + 1
)

// glyphs are drawn row by row, '#' for ink.
var glyphs = parseGlyphs(`
0 .###. #...# #..## #.#.# ##..# #...# .###.
1 ..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.
2 .###. #...# ....# ..##. .#... #.... #####
3 ####. ....# ....# .###. ....# ....# ####.
4 ...#. ..##. .#.#. #..#. ##### ...#. ...#.
5 ##### #.... ####. ....# ....# #...# .###.
6 ..##. .#... #.... ####. #...# #...# .###.
7 ##### ....# ...#. ..#.. ..#.. .#... .#...
8 .###. #...# #...# .###. #...# #...# .###.
9 .###. #...# #...# .#### ....# ...#. .##..
A .###. #...# #...# ##### #...# #...# #...#
B ####. #...# #...# ####. #...# #...# ####.
C .###. #...# #.... #.... #.... #...# .###.
D ###.. #..#. #...# #...# #...# #..#. ###..
E ##### #.... #.... ####. #.... #.... #####
F ##### #.... #.... ####. #.... #.... #....
G .###. #...# #.... #.### #...# #...# .####
H #...# #...# #...# ##### #...# #...# #...#
I .###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.
J ..### ...#. ...#. ...#. ...#. #..#. .##..
K #...# #..#. #.#.. ##... #.#.. #..#. #...#
L #.... #.... #.... #.... #.... #.... #####
M #...# ##.## #.#.# #.#.# #...# #...# #...#
N #...# ##..# #.#.# #..## #...# #...# #...#
O .###. #...# #...# #...# #...# #...# .###.
P ####. #...# #...# ####. #.... #.... #....
Q .###. #...# #...# #...# #.#.# #..#. .##.#
R ####. #...# #...# ####. #.#.. #..#. #...#
S .#### #.... #.... .###. ....# ....# ####.
T ##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..
U #...# #...# #...# #...# #...# #...# .###.
V #...# #...# #...# #...# #...# .#.#. ..#..
W #...# #...# #...# #.#.# #.#.# ##.## #...#
X #...# #...# .#.#. ..#.. .#.#. #...# #...#
Y #...# #...# .#.#. ..#.. ..#.. ..#.. ..#..
Z ##### ....# ...#. ..#.. .#... #.... #####
. ..... ..... ..... ..... ..... .##.. .##..
, ..... ..... ..... ..... .##.. ..#.. .#...
: ..... .##.. .##.. ..... .##.. .##.. .....
- ..... ..... ..... ##### ..... ..... .....
+ ..... ..#.. ..#.. ##### ..#.. ..#.. .....
/ ....# ....# ...#. ..#.. .#... #.... #....
( ...#. ..#.. .#... .#... .#... ..#.. ...#.
) .#... ..#.. ...#. ...#. ...#. ..#.. .#...
= ..... ..... ##### ..... ##### ..... .....
? .###. #...# ....# ..##. ..#.. ..... ..#..
! ..#.. ..#.. ..#.. ..#.. ..#.. ..... ..#..
`)

// parseGlyphs turns the drawing into rows of bits, the leftmost highest.
func parseGlyphs(drawing string) map[rune][glyphHeight]uint8 {
	m := map[rune][glyphHeight]uint8{}
	for line := range strings.Lines(strings.TrimSpace(drawing)) {
		fields := strings.Fields(line)
		var rows [glyphHeight]uint8
		for i, row := range fields[1:] {
			for _, c := range row {
				rows[i] <<= 1
				if c == '#' {
					rows[i]++
				}
			}
		}
		m[[]rune(fields[0])[0]] = rows
	}
	return m
}

// textWidth is the width of a text in pixels at a scale.
func textWidth(text string, scale int) int { return len([]rune(text)) * advance * scale }

// text draws a text with its top left at x, y; what lies outside is left out.
func (c *canvas) text(x, y, scale int, color uint32, text string) rect {
	box := rect{x, y, textWidth(text, scale), glyphHeight * scale}
	for _, r := range strings.ToUpper(text) {
		rows, ok := glyphs[r]
		if !ok && r != ' ' {
			rows = glyphs['?']
		}
		for row, bits := range rows {
			for column := range glyphWidth {
				if bits>>(glyphWidth-1-column)&1 == 1 {
					c.fill(rect{x + column*scale, y + row*scale, scale, scale}, color)
				}
			}
		}
		x += advance * scale
	}
	return box
}
