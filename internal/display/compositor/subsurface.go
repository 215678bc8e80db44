package compositor

import (
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// maxDepth bounds how deep subsurfaces and popups nest.
const maxDepth = 32

// errorBadParent is wl_subcompositor.error bad_parent of newer protocol files.
const errorBadParent = 1

func (c *compositor) bindSubcompositor(wl *server.Client, r *wlserver.WlSubcompositor) {
	r.SetHandler(subcompositor{c.client(wl)})
}

type subcompositor struct{ client *client }

// Destroy implements wl_subcompositor.destroy.
func (subcompositor) Destroy(*wlserver.WlSubcompositor) {}

// GetSubsurface implements wl_subcompositor.get_subsurface.
func (h subcompositor) GetSubsurface(r *wlserver.WlSubcompositor, id *wlserver.WlSubsurface, surf, par *wlserver.WlSurface) {
	s, parent := h.client.surfaces[surf], h.client.surfaces[par]
	switch {
	case s == nil || parent == nil:
		return
	case !s.mayTake(subsurfaceRole{}.name()):
		r.PostError(wlserver.WlSubcompositorErrorBadSurface, "the surface is a %s already", s.role.name())
		return
	case s == parent || parent.descendsFrom(s) || parent.depth() >= maxDepth:
		r.PostError(errorBadParent, "a surface cannot be its own ancestor, or nest deeper than %d", maxDepth)
		return
	}
	sub := &subsurface{surface: s, parent: parent, sync: true, res: id}
	s.role, s.roleOf = subsurfaceRole{}, sub
	parent.pendingStack = append(parent.pendingStack, sub)
	id.SetHandler(sub)
	id.OnDestroy(sub.destroyed)
}

// subsurface is a wl_subsurface.
type subsurface struct {
	surface            *surface
	parent             *surface // nil once it is gone
	res                *wlserver.WlSubsurface
	sync               bool
	x, y               int32
	pendingX, pendingY int32
	moved              bool
}

func (s *surface) parentSurface() *surface {
	if sub, ok := s.roleOf.(*subsurface); ok {
		return sub.parent
	}
	return nil
}

// descendsFrom reports whether a is above s in a tree of subsurfaces.
func (s *surface) descendsFrom(a *surface) bool {
	for p := s.parentSurface(); p != nil; p = p.parentSurface() {
		if p == a {
			return true
		}
	}
	return false
}

func (s *surface) depth() int {
	n := 0
	for p := s.parentSurface(); p != nil; p = p.parentSurface() {
		n++
	}
	return n
}

// synchronised reports whether commits wait for the parent's.
func (sub *subsurface) synchronised() bool {
	for sub != nil {
		if sub.sync {
			return true
		}
		if sub.parent == nil {
			return false
		}
		sub, _ = sub.parent.roleOf.(*subsurface)
	}
	return false
}

// destroyed unmaps the surface at once (wl_subsurface.destroy).
func (sub *subsurface) destroyed() {
	if sub.surface.roleOf == sub {
		sub.surface.roleOf = nil
	}
	sub.orphan()
}

// orphan takes the subsurface out of its parent.
func (sub *subsurface) orphan() {
	p := sub.parent
	if p == nil {
		return
	}
	sub.parent = nil
	is := func(o *subsurface) bool { return o == sub }
	p.stack = slices.DeleteFunc(p.stack, is)
	p.pendingStack = slices.DeleteFunc(p.pendingStack, is)
	p.c.restack()
}

// applyStack applies order and places of the subsurfaces, and the commits
// that waited for this one.
func (s *surface) applyStack() {
	if !slices.Equal(s.stack, s.pendingStack) {
		s.stack = append(s.stack[:0], s.pendingStack...)
		s.c.restack()
	}
	for _, sub := range s.stack {
		if sub == nil {
			continue
		}
		if sub.moved {
			sub.x, sub.y, sub.moved = sub.pendingX, sub.pendingY, false
			s.c.restack()
		}
		child := sub.surface
		if child.hasCached && sub.synchronised() {
			next := child.cached
			child.cached, child.hasCached = state{}, false
			child.apply(&next)
		} else if sub.synchronised() {
			child.applyStack()
		}
	}
}

// Destroy implements wl_subsurface.destroy.
func (sub *subsurface) Destroy(*wlserver.WlSubsurface) {}

// SetPosition implements wl_subsurface.set_position.
func (sub *subsurface) SetPosition(_ *wlserver.WlSubsurface, x, y int32) {
	const far = 1 << 20
	sub.pendingX, sub.pendingY, sub.moved = min(max(x, -far), far), min(max(y, -far), far), true
}

// PlaceAbove implements wl_subsurface.place_above.
func (sub *subsurface) PlaceAbove(_ *wlserver.WlSubsurface, sibling *wlserver.WlSurface) {
	sub.place(sibling, 1)
}

// PlaceBelow implements wl_subsurface.place_below.
func (sub *subsurface) PlaceBelow(_ *wlserver.WlSubsurface, sibling *wlserver.WlSurface) {
	sub.place(sibling, 0)
}

// place moves sub behind or before a sibling, or the parent itself.
func (sub *subsurface) place(ref *wlserver.WlSurface, after int) {
	p := sub.parent
	if p == nil {
		return
	}
	at := slices.IndexFunc(p.pendingStack, func(o *subsurface) bool {
		return o == nil && p.res == ref || o != nil && o != sub && o.surface.res == ref
	})
	if at < 0 {
		sub.res.PostError(wlserver.WlSubsurfaceErrorBadSurface, "the reference surface is neither parent nor sibling")
		return
	}
	mark := p.pendingStack[at]
	stack := slices.DeleteFunc(p.pendingStack, func(o *subsurface) bool { return o == sub })
	p.pendingStack = slices.Insert(stack, slices.Index(stack, mark)+after, sub)
}

// SetSync implements wl_subsurface.set_sync.
func (sub *subsurface) SetSync(*wlserver.WlSubsurface) { sub.sync = true }

// SetDesync implements wl_subsurface.set_desync: what waited is shown now.
func (sub *subsurface) SetDesync(*wlserver.WlSubsurface) {
	sub.sync = false
	if s := sub.surface; s.hasCached && !sub.synchronised() {
		next := s.cached
		s.cached, s.hasCached = state{}, false
		s.apply(&next)
	}
}

// subsurfaceRole is the role of a subsurface's surface; it stays when the
// wl_subsurface is destroyed.
type subsurfaceRole struct{}

func (subsurfaceRole) name() string                    { return "subsurface" }
func (subsurfaceRole) precommit(*surface, *state) bool { return true }
func (subsurfaceRole) commit(*surface, *state)         {}
func (subsurfaceRole) gone(s *surface) {
	if sub, ok := s.roleOf.(*subsurface); ok {
		sub.orphan()
	}
}
