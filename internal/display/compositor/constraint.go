package compositor

import (
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

func (c *compositor) bindRelative(wl *server.Client, r *wlserver.ZwpRelativePointerManagerV1) {
	c.client(wl)
	r.SetHandler(relativeManager{c.seat})
}

type relativeManager struct{ seat *seat }

// Destroy implements zwp_relative_pointer_manager_v1.destroy.
func (relativeManager) Destroy(*wlserver.ZwpRelativePointerManagerV1) {}

// GetRelativePointer implements zwp_relative_pointer_manager_v1.get_relative_pointer.
func (m relativeManager) GetRelativePointer(_ *wlserver.ZwpRelativePointerManagerV1, id *wlserver.ZwpRelativePointerV1, _ *wlserver.WlPointer) {
	s := m.seat
	s.relatives = append(s.relatives, id)
	id.SetHandler(relativePointer{})
	id.OnDestroy(func() {
		s.relatives = slices.DeleteFunc(s.relatives, func(o *wlserver.ZwpRelativePointerV1) bool { return o == id })
	})
}

type relativePointer struct{}

// Destroy implements zwp_relative_pointer_v1.destroy.
func (relativePointer) Destroy(*wlserver.ZwpRelativePointerV1) {}

// sendRelative tells what the mouse did, wherever the pointer can go.
func (s *seat) sendRelative(dx, dy float64) {
	if s.pointerFocus == nil || len(s.relatives) == 0 || dx == 0 && dy == 0 {
		return
	}
	micros := uint64(s.c.clock.Now() / 1000)
	x, y := wire.FixedFromFloat(dx), wire.FixedFromFloat(dy)
	for _, r := range s.relatives {
		if r.Client() == s.pointerFocus.client.wl {
			r.SendRelativeMotion(uint32(micros>>32), uint32(micros), x, y, x, y)
		}
	}
	s.eachPointer(func(p *wlserver.WlPointer) { p.SendFrame() })
}

func (c *compositor) bindConstraints(wl *server.Client, r *wlserver.ZwpPointerConstraintsV1) {
	r.SetHandler(constraintManager{c.client(wl)})
}

type constraintManager struct{ client *client }

// constraint keeps the pointer in place, or on its surface, while the pointer
// is over that surface. Regions are not looked at: what games ask for is all of
// their window.
type constraint struct {
	surface *surface
	lock    *wlserver.ZwpLockedPointerV1
	confine *wlserver.ZwpConfinedPointerV1
	oneshot bool
	active  bool
	spent   bool
	hinted  bool
	hintX   float64
	hintY   float64
}

// Destroy implements zwp_pointer_constraints_v1.destroy.
func (constraintManager) Destroy(*wlserver.ZwpPointerConstraintsV1) {}

// LockPointer implements zwp_pointer_constraints_v1.lock_pointer.
func (m constraintManager) LockPointer(r *wlserver.ZwpPointerConstraintsV1, id *wlserver.ZwpLockedPointerV1, surf *wlserver.WlSurface, _ *wlserver.WlPointer, _ *wlserver.WlRegion, life wlserver.ZwpPointerConstraintsV1Lifetime) {
	if k := m.add(r, surf, life); k != nil {
		k.lock = id
		id.SetHandler(lockedPointer{k})
		id.OnDestroy(k.destroyed)
		k.begin()
	}
}

// ConfinePointer implements zwp_pointer_constraints_v1.confine_pointer.
func (m constraintManager) ConfinePointer(r *wlserver.ZwpPointerConstraintsV1, id *wlserver.ZwpConfinedPointerV1, surf *wlserver.WlSurface, _ *wlserver.WlPointer, _ *wlserver.WlRegion, life wlserver.ZwpPointerConstraintsV1Lifetime) {
	if k := m.add(r, surf, life); k != nil {
		k.confine = id
		id.SetHandler(confinedPointer{})
		id.OnDestroy(k.destroyed)
		k.begin()
	}
}

func (m constraintManager) add(r *wlserver.ZwpPointerConstraintsV1, surf *wlserver.WlSurface, life wlserver.ZwpPointerConstraintsV1Lifetime) *constraint {
	s := m.client.surfaces[surf]
	if s == nil {
		return nil
	}
	if s.constraint != nil {
		r.PostError(wlserver.ZwpPointerConstraintsV1ErrorAlreadyConstrained, "the surface has a pointer constraint already")
		return nil
	}
	s.constraint = &constraint{surface: s, oneshot: life == wlserver.ZwpPointerConstraintsV1LifetimeOneshot}
	return s.constraint
}

// begin makes the constraint active if the pointer is on its surface.
func (k *constraint) begin() {
	seat := k.surface.c.seat
	if k.active || k.spent || seat.pointerFocus != k.surface {
		return
	}
	k.active = true
	if k.lock != nil {
		k.lock.SendLocked()
	} else {
		k.confine.SendConfined()
	}
	seat.c.restack() // a locked pointer has no picture
}

func (k *constraint) end() {
	if !k.active {
		return
	}
	k.active, k.spent = false, k.oneshot
	if k.lock != nil {
		k.lock.SendUnlocked()
	} else {
		k.confine.SendUnconfined()
	}
	k.surface.c.restack()
}

func (k *constraint) destroyed() {
	s := k.surface
	if s.constraint == k {
		s.constraint = nil
	}
	if k.active && k.hinted && s.placed {
		s.c.seat.x, s.c.seat.y = k.hintX+float64(s.x), k.hintY+float64(s.y)
		s.c.seat.confine()
	}
	k.active = false
	s.c.restack()
}

// locked reports whether the pointer is kept in place.
func (s *seat) locked() bool {
	f := s.pointerFocus
	return f != nil && f.constraint != nil && f.constraint.active && f.constraint.lock != nil
}

// lock and unlock follow the focus of the pointer.
func (s *seat) lock(f *surface) {
	if f.constraint != nil {
		f.constraint.begin()
	}
}

func (s *seat) unlock(f *surface) {
	if f.constraint != nil {
		f.constraint.end()
	}
}

type lockedPointer struct{ k *constraint }

// Destroy implements zwp_locked_pointer_v1.destroy.
func (lockedPointer) Destroy(*wlserver.ZwpLockedPointerV1) {}

// SetCursorPositionHint implements zwp_locked_pointer_v1.set_cursor_position_hint.
func (l lockedPointer) SetCursorPositionHint(_ *wlserver.ZwpLockedPointerV1, x, y wire.Fixed) {
	l.k.hinted, l.k.hintX, l.k.hintY = true, x.Float64(), y.Float64()
}

// SetRegion implements zwp_locked_pointer_v1.set_region.
func (lockedPointer) SetRegion(*wlserver.ZwpLockedPointerV1, *wlserver.WlRegion) {}

type confinedPointer struct{}

// Destroy implements zwp_confined_pointer_v1.destroy.
func (confinedPointer) Destroy(*wlserver.ZwpConfinedPointerV1) {}

// SetRegion implements zwp_confined_pointer_v1.set_region.
func (confinedPointer) SetRegion(*wlserver.ZwpConfinedPointerV1, *wlserver.WlRegion) {}
