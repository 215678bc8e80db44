package compositor

import (
	"fmt"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/output"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/wayland/server"
)

// compositor is the state of one session. All of it belongs to the loop of
// the Wayland display.
type compositor struct {
	wl    *server.Display
	clock clock
	event func(display.Event) // must not block

	clients   map[*server.Client]*client
	surfaces  map[*surface]struct{}
	toplevels []*toplevel // stacking order, the topmost last

	out     *output.Output
	refresh *refresh
	outputs outputGlobal
	dmabuf  *dmabufOffer // nil when GPU buffers are not offered
	// GPU buffers by what scenes call them; all are left out with refuseAll.
	shared    map[uint32]*buffer
	refuseAll bool

	// What is on the output.
	nodes      []node // from the bottom up, the cursor last
	oldNodes   []node
	visible    int            // nodes below this one are hidden by opaque ones
	direct     *surface       // its pixels may be read straight into the ring
	stale      bool           // nodes must be laid out anew
	damage     region.Region  // of the output since the last published picture
	flips      region.Region  // the same, where clients showed other GPU buffers
	parts      []part         // of a picture with GPU buffers
	places     []placed       // of nodes in the parts
	oldPlaces  []placed       // memory of the ones before
	layers     []output.Layer // scratch of paintParts
	refused    bool           // an encoder could not read a GPU buffer
	commitAt   int64          // of the newest commit since then
	fresh      bool           // there was a commit since then
	freshShown int64          // when a commit was last shown
	waiting    bool           // it had to wait for a credit or buffer
	todo       region.Region  // scratch of composeInto
	back       *output.Buffer // being drawn, not published yet
	backFresh  region.Region  // what has been drawn to back already

	framed  []*surface // surfaces with frame callbacks that wait for the next tick
	shown   []feedback // presentation feedback that waits for the next tick
	seat    *seat
	data    dataState
	primary primaryState
	tokens  []string // of activation, issued and not used
	cards   cards
	stats   display.Stats
	mapped  bool
	painted bool
	unwatch func()
}

// newCompositor makes the state and announces the globals on wl.
func newCompositor(wl *server.Display, clk clock, conf display.Configure, event func(display.Event)) (*compositor, error) {
	if conf.RefreshMilliHz < 1000 || conf.RefreshMilliHz > 1000_000 {
		return nil, fmt.Errorf("refresh rate of %d millihertz: must be 1000 to 1000000", conf.RefreshMilliHz)
	}
	if conf.KeymapLayout != "" && conf.KeymapLayout != "us" {
		return nil, fmt.Errorf("keymap layout %q: only \"us\" is known", conf.KeymapLayout)
	}
	c := &compositor{wl: wl, clock: clk, event: event, clients: map[*server.Client]*client{}, surfaces: map[*surface]struct{}{}, shared: map[uint32]*buffer{}}
	out, err := output.New(conf.Width, conf.Height, wl.Do, c.sinkLost)
	if err != nil {
		return nil, err
	}
	c.out = out
	out.Refused = c.bufferRefused
	if conf.DMABuf != nil {
		if c.dmabuf, err = newDMABufOffer(conf.DMABuf); err != nil {
			out.Close()
			return nil, err
		}
	}
	tick := c.tick
	c.refresh = newRefresh(clk, conf.RefreshMilliHz, func() { wl.Do(tick) })
	if c.seat, err = newSeat(c); err != nil {
		out.Close()
		c.dmabuf.close()
		return nil, err
	}
	c.addGlobals()
	c.watch()
	wl.OnIdle(c.idle)
	return c, nil
}

func (c *compositor) close() {
	c.unwatch()
	c.refresh.close()
	c.seat.close()
	c.cards.close()
	c.out.Close()
	c.dmabuf.close()
}

// bufferRefused tells the host once that an encoder cannot read what a client
// drew, though it was offered.
func (c *compositor) bufferRefused(id uint32, reason string) {
	if !c.refused {
		c.refused = true
		c.event(display.Event{Kind: display.EventFault, Fault: display.FaultImport, Detail: fmt.Sprintf("GPU buffer %d is left out of the picture: %s", id, reason)})
	}
}

func (c *compositor) sinkLost(id uint32, err error) {
	e := display.Event{Kind: display.EventFault, Fault: display.FaultSinkLost, Sink: id, Detail: "its reader closed it"}
	if err != nil {
		e.Detail = err.Error()
	}
	c.event(e)
}

func (c *compositor) addSink(id uint32, conn *ipc.Conn) {
	if c.out.Sinks() == 0 && c.painted {
		// What nobody looked at was not composed.
		c.layout()
		c.collectDamage()
		if !c.out.HasPicture() {
			c.damageAll()
		}
		if !c.damage.Empty() || !c.flips.Empty() {
			c.paint(c.clock.Now())
		}
	}
	c.out.AddSink(id, conn)
}

// resize gives the output another size; windows follow by configure events.
func (c *compositor) resize(width, height int) error {
	if w, h := c.out.Size(); w == width && h == height {
		return nil
	}
	c.keepDirect()
	c.dropBack()
	if err := c.out.Resize(width, height); err != nil {
		return fmt.Errorf("resize display: %w", err)
	}
	c.outputs.changed(c)
	for _, t := range c.toplevels {
		t.configure()
	}
	c.seat.confine()
	c.stale = true
	c.damageAll()
	return nil
}

func (c *compositor) damageAll() { c.damage.SetRect(c.out.Bounds()) }

// restack has the nodes laid out anew before the next picture.
func (c *compositor) restack() { c.stale = true }

// idle runs after each batch of requests: what they changed is shown at once
// if the refresh clock allows it.
func (c *compositor) idle() {
	c.layout()
	c.collectDamage()
	if c.seat.refocus() {
		c.layout()
	}
	c.show()
	if len(c.framed) > 0 || len(c.shown) > 0 {
		c.refresh.arm()
	}
}

// tick runs at each refresh that somebody waited for.
func (c *compositor) tick() {
	c.refresh.ticked()
	now := c.clock.Now()
	c.sendFrames(now)
	c.sendPresented(now)
}

// output size as int32 for geometry.
func (c *compositor) size() (w, h int32) {
	ow, oh := c.out.Size()
	return int32(ow), int32(oh)
}

// background is what lies below all windows.
const background = 0xff000000
