package region

import (
	"testing"

	"pgregory.net/rapid"
)

const side = 24

type bitmap [side][side]bool

func (b *bitmap) fill(r Rect, v bool) {
	for y := range int32(side) {
		for x := range int32(side) {
			if r.Has(x, y) {
				b[y][x] = v
			}
		}
	}
}

func drawRect(t *rapid.T) Rect {
	c := rapid.Int32Range(-4, side+4)
	return XYWH(c.Draw(t, "x"), c.Draw(t, "y"), c.Draw(t, "w"), c.Draw(t, "h"))
}

func check(t *rapid.T, g *Region, want *bitmap, superset bool) {
	for i, a := range g.Rects() {
		if a.Empty() {
			t.Fatalf("empty rect %v", a)
		}
		for _, b := range g.Rects()[:i] {
			if !a.Intersect(b).Empty() {
				t.Fatalf("%v and %v overlap", a, b)
			}
		}
	}
	for y := range int32(side) {
		for x := range int32(side) {
			has := g.Has(x, y)
			if want[y][x] && !has || !superset && has != want[y][x] {
				t.Fatalf("pixel %d,%d: got %v, want %v (superset allowed: %v): %v", x, y, has, want[y][x], superset, g.Rects())
			}
		}
	}
}

func TestRegionAgainstBitmap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g, other Region
		var want bitmap
		window := XYWH(0, 0, side, side)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			r := drawRect(t)
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0, 1:
				g.Add(r)
				want.fill(r, true)
			case 2:
				g.Subtract(r)
				want.fill(r, false)
			case 3:
				other.Clear()
				other.Add(r)
				other.Add(drawRect(t))
				g.AddRegion(&other)
				for _, o := range other.Rects() {
					want.fill(o, true)
				}
			case 4:
				g.Intersect(window)
			}
			check(t, &g, &want, !g.Exact())
			r = r.Intersect(window)
			covered := true
			for y := r.Y0; y < r.Y1; y++ {
				for x := r.X0; x < r.X1; x++ {
					covered = covered && want[y][x]
				}
			}
			if g.Exact() && g.Covers(r) != covered {
				t.Fatalf("Covers(%v) = %v, want %v in %v", r, !covered, covered, g.Rects())
			}
		}
	})
}

func TestSimplifyKeepsEveryPixel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g Region
		var want bitmap
		for range rapid.IntRange(1, 30).Draw(t, "rects") {
			c := rapid.Int32Range(0, side-1)
			r := XYWH(c.Draw(t, "x"), c.Draw(t, "y"), 2, 2)
			g.Add(r)
			want.fill(r, true)
		}
		n := rapid.IntRange(1, 6).Draw(t, "n")
		g.Simplify(n)
		if len(g.Rects()) > n {
			t.Fatalf("%d rects, want at most %d", len(g.Rects()), n)
		}
		check(t, &g, &want, true)
	})
}

func TestRegionIsBounded(t *testing.T) {
	var g Region
	for i := range int32(20000) {
		g.Add(XYWH((i*37)%2000, (i*91)%2000, 1, 1))
		if len(g.Rects()) > MaxRects {
			t.Fatalf("%d rects after %d adds", len(g.Rects()), i)
		}
	}
	if g.Exact() {
		t.Error("20000 scattered pixels are still called exact")
	}
}

func TestXYWHBoundsHugeValues(t *testing.T) {
	r := XYWH(-1<<31, 1<<31-1, 1<<31-1, 1<<31-1)
	if r.X0 != -Bounded || r.Y1 != Bounded || r.Width() < 0 || r.Height() != 0 {
		t.Errorf("got %v", r)
	}
	if r := XYWH(0, 0, 1<<31-1, 1<<31-1); r.X1 != Bounded || r.Y1 != Bounded {
		t.Errorf("got %v", r)
	}
	if !XYWH(3, 3, -1, 5).Empty() || !XYWH(3, 3, 5, 0).Empty() {
		t.Error("a rectangle without size is not empty")
	}
}

func TestAddAllocatesNothingOnceWarm(t *testing.T) {
	var g Region
	work := func() {
		g.Clear()
		for i := range int32(8) {
			g.Add(XYWH(i*3, i*3, 10, 10))
		}
		g.Subtract(XYWH(5, 5, 3, 3))
	}
	work()
	work()
	if n := testing.AllocsPerRun(50, work); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
