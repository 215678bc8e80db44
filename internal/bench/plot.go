package bench

import (
	"bytes"
	"fmt"
	"slices"
)

// Size of the plot and of the frame around its two panels, in pixels.
const (
	plotWidth, plotHeight = 860, 420
	left, right           = 70, 20
	panelHeight           = 150
)

// series is one line of the plot.
type series struct {
	name, unit string
	values     []float64
}

// SVG draws memory and open files over the number of sessions.
func (c *Churn) SVG() []byte {
	points := slices.Clone(c.Points)
	slices.SortFunc(points, func(a, b Point) int { return a.Sessions - b.Sessions })
	points = append(append([]Point{c.Before}, points...), c.After)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="24" font-size="16">kennel serve over %d sessions: %d receipts with residue 0, %d failures</text>`+"\n",
		plotWidth, plotHeight, left, c.Sessions, c.Receipts, len(c.Failures))
	memory, files := series{name: "memory", unit: "MiB"}, series{name: "open files", unit: ""}
	xs := make([]float64, 0, len(points))
	for _, p := range points {
		xs = append(xs, float64(p.Sessions))
		memory.values = append(memory.values, float64(p.RSS)/(1<<20))
		files.values = append(files.values, float64(p.Files.N))
	}
	memory.draw(&b, xs, 45, "#2b6cb0")
	files.draw(&b, xs, 235, "#c05621")
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// draw draws one panel with its top at y. The scale begins at 0, so that noise
// looks as small as it is.
func (s series) draw(b *bytes.Buffer, xs []float64, y int, color string) {
	width := float64(plotWidth - left - right)
	topX, top := max(1, slices.Max(xs)), max(1, slices.Max(s.values)*1.1)
	bottom := float64(y + panelHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text><path d="M%d %dV%.0fH%d" fill="none" stroke="#718096"/>`+"\n", left+6, y+14, s.name, left, y, bottom, plotWidth-right)
	for i := range 3 {
		v := top * float64(i) / 2
		at := bottom - v/top*panelHeight
		fmt.Fprintf(b, `<text x="%d" y="%.0f" text-anchor="end" fill="#4a5568">%.0f %s</text><path d="M%d %.1fH%d" stroke="#e2e8f0"/>`+"\n", left-6, at+4, v, s.unit, left, at, plotWidth-right)
	}
	fmt.Fprintf(b, `<text x="%d" y="%.0f" text-anchor="end" fill="#4a5568">%.0f sessions</text>`+"\n", plotWidth-right, bottom+16, topX)
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, color)
	for i, v := range s.values {
		fmt.Fprintf(b, "%.1f,%.1f ", float64(left)+xs[i]/topX*width, bottom-v/top*panelHeight)
	}
	b.WriteString("\"/>\n")
}
