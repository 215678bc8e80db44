package lettering

import (
	"slices"
	"testing"
)

func TestLines(t *testing.T) {
	pen, err := NewPen(Bold, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pen.Close() }()
	room := pen.Width("two words")
	lines, whole := pen.Lines("two words more", room)
	if !whole || !slices.Equal(lines, []string{"two words", "more"}) {
		t.Errorf("%q, %t", lines, whole)
	}
	lines, whole = pen.Lines("unbreakable", pen.Width("unb"))
	if whole || len(lines) < 3 || lines[0] != "unb" {
		t.Errorf("%q, %t", lines, whole)
	}
	if lines, whole = pen.Lines("", 10); len(lines) != 1 || lines[0] != "" || !whole {
		t.Errorf("nothing: %q, %t", lines, whole)
	}
}

func TestDrawable(t *testing.T) {
	if got := Drawable(" a\x00b \t 漢 ä\n"); got != "ab ä" {
		t.Errorf("%q", got)
	}
}
