package compositor

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display/region"
)

// Anchor and gravity values of xdg_positioner.
const (
	edgeNone        = 0
	edgeTop         = 1
	edgeBottom      = 2
	edgeLeft        = 3
	edgeRight       = 4
	edgeTopLeft     = 5
	edgeBottomLeft  = 6
	edgeTopRight    = 7
	edgeBottomRight = 8
)

func TestPlacement(t *testing.T) {
	bounds := region.XYWH(0, 0, 100, 100)
	menu := func(rect region.Rect, anchor, gravity, adjust uint32) placement {
		return placement{width: 30, height: 20, anchorRect: rect, hasAnchor: true, anchor: anchor, gravity: gravity, adjust: adjust}
	}
	button := region.XYWH(10, 10, 10, 5)
	low := region.XYWH(10, 90, 10, 5)
	right := region.XYWH(85, 10, 10, 5)
	cases := []struct {
		name string
		p    placement
		want region.Rect
	}{
		{"drop down", menu(button, edgeBottomLeft, edgeBottomRight, 0), region.XYWH(10, 15, 30, 20)},
		{"centred", menu(button, edgeNone, edgeNone, 0), region.XYWH(0, 2, 30, 20)},
		{"above", menu(low, edgeTopLeft, edgeTopRight, 0), region.XYWH(10, 70, 30, 20)},
		{"unadjusted sticks out", menu(low, edgeBottomLeft, edgeBottomRight, 0), region.XYWH(10, 95, 30, 20)},
		{"flips up", menu(low, edgeBottomLeft, edgeBottomRight, flipY), region.XYWH(10, 70, 30, 20)},
		{"slides left", menu(right, edgeBottomLeft, edgeBottomRight, slideX), region.XYWH(70, 15, 30, 20)},
		{"flips before it slides", menu(right, edgeTopRight, edgeBottomRight, flipX|slideX), region.XYWH(55, 10, 30, 20)},
		{"resizes", menu(low, edgeBottomLeft, edgeBottomRight, resizeY), region.XYWH(10, 95, 30, 5)},
		{"right of it", menu(button, edgeRight, edgeRight, 0), region.XYWH(20, 2, 30, 20)},
		{"left of it slides in", menu(button, edgeLeft, edgeLeft, slideX), region.XYWH(0, 2, 30, 20)},
		{"over its top", menu(button, edgeTop, edgeTop, slideX|slideY), region.XYWH(0, 0, 30, 20)},
		{"top right corner", menu(button, edgeTopRight, edgeTopRight, 0), region.XYWH(20, -10, 30, 20)},
		{"below", menu(button, edgeBottom, edgeBottom, 0), region.XYWH(0, 15, 30, 20)},
		{"bottom right", menu(button, edgeBottomRight, edgeBottomRight, 0), region.XYWH(20, 15, 30, 20)},
	}
	for _, c := range cases {
		if got := c.p.place(bounds); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPlacementOffset(t *testing.T) {
	p := placement{width: 10, height: 10, anchorRect: region.Rect{X0: 20, Y0: 20, X1: 20, Y1: 20}, hasAnchor: true, anchor: edgeTopLeft, gravity: edgeBottomRight, offsetX: 3, offsetY: -4}
	if got, want := p.place(region.XYWH(0, 0, 100, 100)), region.XYWH(23, 16, 10, 10); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSlidePutsWhatFitsInside: with every adjustment a popup that is small
// enough lies within the bounds at its full size.
func TestSlidePutsWhatFitsInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, s, e := rapid.Int32Range(-200, 300), rapid.Int32Range(1, 100), rapid.Uint32Range(0, 8)
		p := placement{
			width: s.Draw(t, "w"), height: s.Draw(t, "h"), hasAnchor: true,
			anchorRect: region.XYWH(c.Draw(t, "x"), c.Draw(t, "y"), s.Draw(t, "aw"), s.Draw(t, "ah")),
			anchor:     e.Draw(t, "anchor"), gravity: e.Draw(t, "gravity"),
			offsetX: c.Draw(t, "ox"), offsetY: c.Draw(t, "oy"), adjust: 63,
		}
		bounds := region.XYWH(0, 0, 100, 100)
		if got := p.place(bounds); !bounds.Covers(got) || got.Width() != p.width || got.Height() != p.height {
			t.Fatalf("%+v is placed at %v", p, got)
		}
	})
}
