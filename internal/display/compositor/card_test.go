package compositor

import (
	"testing"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/display"
)

func (s *session) json(typ uint16, v any) {
	s.t.Helper()
	if err := s.host.SendJSON(patience, typ, v); err != nil {
		s.t.Fatal(err)
	}
}

// TestCardWithoutAWindow: while no window is there the card is shown, in the
// output's size, and gone as soon as there is one; never black in between.
func TestCardWithoutAWindow(t *testing.T) {
	s := startSession(t, 320, 200)
	s.json(display.MessageCard, card.Card{Title: "Game", Lines: []string{"It is being started."}})
	s.sink.until("the card", func() bool { return s.sink.at(0, 0) == cardGround && s.sink.at(319, 199) == cardGround })
	first := s.sink.hash()
	s.json(display.MessageCard, card.Card{Title: "Game", Lines: []string{"It has been starting for 10 s."}})
	s.sink.until("other words", func() bool { return s.sink.hash() != first })
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	s.sink.until("the window", func() bool { return s.sink.at(0, 0) == 0xff0000ff && s.sink.at(160, 100) == 0xff0000ff })
	c.send(w.surface, 1, 0, 0, 0)
	c.send(w.surface, 6)
	s.sink.until("the card again", func() bool { return s.sink.at(0, 0) == cardGround })
	s.json(display.MessageResize, display.Size{Width: 640, Height: 360})
	s.sink.until("the card in another size", func() bool { return s.sink.width() == 640 && s.sink.at(639, 359) == cardGround })
	s.json(display.MessageCard, card.Card{})
	s.sink.until("no card", func() bool { return s.sink.at(0, 0) == background })
}

const cardGround = 0xff161a23

// TestNotice: over a window, at the lower edge, for a while; the window takes
// the input below it.
func TestNotice(t *testing.T) {
	s := startSession(t, 640, 360)
	const colour = 0xff0000ff
	c := s.dial()
	c.openFilled(colour)
	s.sink.until("the window", func() bool { return s.sink.at(320, 340) == colour })
	s.json(display.MessageNotice, display.Notice{Text: "The encoder was replaced.", Millis: 60000})
	s.sink.until("the notice", func() bool { return s.sink.at(320, 345) != colour })
	if s.sink.at(1, 1) != colour {
		t.Error("the notice covers the window")
	}
	s.json(display.MessageNotice, display.Notice{Text: "Another.", Millis: 100})
	s.sink.until("its end", func() bool { return s.sink.at(320, 345) == colour })
}
