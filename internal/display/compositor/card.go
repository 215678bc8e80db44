package compositor

import (
	"image"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
)

// cardDelay is how long the output may be without a window before the card is
// shown: apps close one window before they open the next.
const cardDelay = 300 * time.Millisecond

// cards are what the host has to say: a card while no window is there, and a
// notice over whatever is shown. All of it belongs to the loop.
type cards struct {
	card   card.Card
	image  *pixel.Image // of card in the output's size; nil when it must be drawn
	due    bool         // the output has been without a window for long enough
	stop   func()       // of the timer for that, nil when none runs
	notice *pixel.Image // nil for none
	expire func()       // of the notice
}

// setCard changes what is said while no window is there.
func (c *compositor) setCard(said card.Card) {
	c.cards.card, c.cards.image = said.Cut(), nil
	c.restack()
}

// setNotice lays a strip over the picture for a while.
func (c *compositor) setNotice(n display.Notice) {
	k := &c.cards
	if k.expire != nil {
		k.expire()
		k.expire = nil
	}
	k.notice = nil
	w, h := c.out.Size()
	if img, err := card.Notice(w, h, n.Text); err == nil && n.Text != "" {
		k.notice = fromRGBA(img)
		k.expire = c.clock.AfterFunc(n.Time(), func() {
			c.wl.Do(func() { k.notice = nil; c.restack() })
		})
	}
	c.restack()
}

// placeCard appends the card, when no window is there that can be shown.
func (c *compositor) placeCard() {
	k := &c.cards
	if slices.ContainsFunc(c.nodes, func(n node) bool { return !n.surface.refused() }) || k.card.Empty() {
		k.due = false
		if k.stop != nil {
			k.stop()
			k.stop = nil
		}
		return
	}
	if !k.due {
		if k.stop == nil {
			k.stop = c.clock.AfterFunc(cardDelay, func() {
				c.wl.Do(func() {
					if k.stop != nil {
						k.stop, k.due = nil, true
						c.restack()
					}
				})
			})
		}
		return
	}
	w, h := c.out.Size()
	if k.image == nil || k.image.Width != w || k.image.Height != h {
		img, err := card.Draw(w, h, k.card)
		if err != nil {
			return
		}
		k.image = fromRGBA(img)
		c.commitAt = c.clock.Now()
	}
	c.painted = true
	c.nodes = append(c.nodes, node{image: k.image, rect: c.out.Bounds(), cursor: true})
}

// placeNotice appends the notice above the windows, at the lower edge.
func (c *compositor) placeNotice() {
	n := c.cards.notice
	if n == nil {
		return
	}
	b := c.out.Bounds()
	x, y := (b.X1-int32(n.Width))/2, b.Y1-int32(n.Height)*3/2
	c.nodes = append(c.nodes, node{image: n, rect: region.XYWH(max(0, x), max(0, y), int32(n.Width), int32(n.Height)), cursor: true})
}

func (k *cards) close() {
	for _, stop := range []func(){k.stop, k.expire} {
		if stop != nil {
			stop()
		}
	}
}

// fromRGBA makes a picture of ours of one of the library, both opaque.
func fromRGBA(img *image.RGBA) *pixel.Image {
	p := pixel.New(img.Bounds().Dx(), img.Bounds().Dy())
	for y := range p.Height {
		row := p.Row(int32(y), 0, int32(p.Width))
		copy(row, img.Pix[y*img.Stride:])
		pixel.SwapRedBlue(row)
	}
	return &p
}
