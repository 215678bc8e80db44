package compositor

import (
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// addFrames queues frame callbacks for the next tick. Hidden surfaces and
// those without a buffer get theirs too: many clients wait for them.
func (s *surface) addFrames(frames []*wlserver.WlCallback) {
	if len(frames) == 0 {
		return
	}
	if len(s.frames)+len(frames) > maxCallbacks {
		s.client.wl.Disconnect("too many frame callbacks wait for one tick")
	}
	s.frames = append(s.frames, frames...)
	if !s.framed {
		s.framed = true
		s.c.framed = append(s.c.framed, s)
	}
}

// catchUpEvery is how many ticks lie at least between two that a surface's
// callbacks are held back at.
const catchUpEvery = 32

// catchesUp reports whether the callbacks of s wait for one more tick. A client
// that commits when the interval has its picture already is shown at the next
// tick. If it heard of that tick at once, its next commit would again find the
// credit used up, and so on for ever: one interval of latency in each frame.
func (s *surface) catchesUp(tick int64) bool {
	if !s.late || tick-s.delayed < catchUpEvery {
		return false
	}
	s.late, s.delayed = false, tick
	return true
}

// sendFrames sends wl_callback.done for everything committed before the tick.
func (c *compositor) sendFrames(now int64) {
	millis, tick := uint32(now/1e6), c.refresh.index(now)
	waiting := c.framed[:0]
	for _, s := range c.framed {
		if s.catchesUp(tick) {
			waiting = append(waiting, s)
			continue
		}
		s.framed = false
		frames := s.frames
		s.frames = s.frames[:0]
		for _, cb := range frames {
			cb.SendDone(millis)
			cb.Destroy()
		}
	}
	clear(c.framed[len(waiting):])
	c.framed = waiting
}

// feedback is presentation feedback of a commit that was applied.
type feedback struct {
	surface *surface
	res     *wlserver.WpPresentationFeedback
}

func (c *compositor) bindPresentation(wl *server.Client, r *wlserver.WpPresentation) {
	r.SetHandler(presentation{c.client(wl)})
	const clockMonotonic = 1
	r.SendClockId(clockMonotonic)
}

type presentation struct{ client *client }

// Destroy implements wp_presentation.destroy.
func (presentation) Destroy(*wlserver.WpPresentation) {}

// Feedback implements wp_presentation.feedback.
func (h presentation) Feedback(_ *wlserver.WpPresentation, surf *wlserver.WlSurface, id *wlserver.WpPresentationFeedback) {
	s := h.client.surfaces[surf]
	if s == nil {
		discard(id)
		return
	}
	if len(s.pending.feedback) >= maxCallbacks {
		h.client.wl.Disconnect("too many presentation feedbacks before a commit")
		return
	}
	s.pending.feedback = append(s.pending.feedback, id)
}

func discard(f *wlserver.WpPresentationFeedback) {
	f.SendDiscarded()
	f.Destroy()
}

// addFeedback queues feedback; what an earlier commit of the surface still
// waits for was never shown.
func (c *compositor) addFeedback(s *surface, list []*wlserver.WpPresentationFeedback) {
	if len(list) == 0 {
		return
	}
	c.forgetFeedback(s)
	for _, f := range list {
		c.shown = append(c.shown, feedback{s, f})
	}
}

func (c *compositor) forgetFeedback(s *surface) {
	c.shown = slices.DeleteFunc(c.shown, func(f feedback) bool {
		if f.surface == s {
			discard(f.res)
		}
		return f.surface == s
	})
}

// sendPresented reports the tick that showed the commits before it.
func (c *compositor) sendPresented(now int64) {
	at, seq := c.refresh.at(now), uint64(c.refresh.index(now))
	sec := uint64(at / 1e9)
	for _, f := range c.shown {
		if !f.surface.placed {
			discard(f.res)
			continue
		}
		c.outputs.each(f.surface.client, f.res.SendSyncOutput)
		f.res.SendPresented(uint32(sec>>32), uint32(sec), uint32(at%1e9), uint32(c.refresh.interval),
			uint32(seq>>32), uint32(seq), wlserver.WpPresentationFeedbackKindVsync)
		f.res.Destroy()
	}
	clear(c.shown)
	c.shown = c.shown[:0]
}
