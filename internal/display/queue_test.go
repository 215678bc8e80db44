package display

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// pressed is what a display thinks is held, by kind and code.
type pressed map[[2]uint16]bool

func (p pressed) take(in Input) {
	switch in.Kind {
	case InputKey, InputButton:
		if in.Pressed {
			p[[2]uint16{uint16(in.Kind), in.Code}] = true
		} else {
			delete(p, [2]uint16{uint16(in.Kind), in.Code})
		}
	case InputReleaseAll:
		clear(p)
	}
}

// TestNothingStaysPressed: however slowly a display reads, and whatever fails on
// the way, in the end it holds nothing that the player does not hold, and what
// was given up has been told.
func TestNothingStaysPressed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newInputQueue()
		held, seen := pressed{}, pressed{}
		put, arrived, told := 0, 0, 0
		send := func(fails bool) {
			in, ok := q.next()
			switch {
			case !ok:
			case fails:
				q.failed(in)
			default:
				arrived++
				seen.take(in)
			}
		}
		for range rapid.IntRange(0, 4*maxQueued).Draw(t, "acts") {
			act := rapid.IntRange(0, 9).Draw(t, "act")
			if act >= 8 {
				send(act == 8)
				continue
			}
			in := Input{Kind: InputKey, Code: uint16(rapid.IntRange(1, 5).Draw(t, "code")), Pressed: act%2 == 0}
			if act >= 6 {
				in.Kind = InputButton
			}
			held.take(in)
			put++
			if err := q.put(in); errors.Is(err, ErrBehind) {
				told++
			}
			if len(q.waiting) > maxQueued+1 {
				t.Fatalf("%d inputs wait", len(q.waiting))
			}
		}
		for len(q.waiting) > 0 {
			send(false)
		}
		for code := range seen {
			if !held[code] {
				t.Fatalf("%v stays pressed", code)
			}
		}
		if arrived < put && told == 0 && q.lost == 0 {
			t.Fatalf("%d of %d inputs arrived, and nothing was told", arrived, put)
		}
	})
}

// TestMovesAreAddedUp: a display that reads late gets the whole way, in one
// piece where that fits, and not across a press.
func TestMovesAreAddedUp(t *testing.T) {
	q := newInputQueue()
	for range 100_000 {
		if err := q.put(Input{Kind: InputMotionRelative, X: 3, Y: -2}); err != nil {
			t.Fatal(err)
		}
	}
	press := Input{Kind: InputButton, Code: 0x110, Pressed: true}
	for _, in := range []Input{
		press,
		{Kind: InputMotionAbsolute, X: 1, Y: 1, MaxX: 9, MaxY: 9},
		{Kind: InputMotionAbsolute, X: 2, Y: 3, MaxX: 9, MaxY: 9},
		{Kind: InputAxis, Y: 120},
		{Kind: InputAxis, Y: -30, X: 5},
	} {
		if err := q.put(in); err != nil {
			t.Fatal(err)
		}
	}
	x, y, pieces := 0, 0, 0
	in, ok := q.next()
	for ; ok && in.Kind == InputMotionRelative; in, ok = q.next() {
		sent, err := ParseInput(in.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		x, y, pieces = x+int(sent.X), y+int(sent.Y), pieces+1
	}
	if x != 300_000 || y != -200_000 || pieces > 12 {
		t.Errorf("moved by %d, %d in %d pieces", x, y, pieces)
	}
	second, _ := q.next()
	third, _ := q.next()
	if _, more := q.next(); in != press || second != (Input{Kind: InputMotionAbsolute, X: 2, Y: 3, MaxX: 9, MaxY: 9}) || third != (Input{Kind: InputAxis, X: 5, Y: 90}) || more {
		t.Errorf("then %+v, %+v and %+v", in, second, third)
	}
}
