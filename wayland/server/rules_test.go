package server_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

func TestRegistryAnnouncesGlobals(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	p.send(1, 1, p.id())
	var got []string
	for _, e := range p.sync() {
		var d wire.Decoder
		d.Reset(e.body, nil)
		d.Uint()
		got = append(got, d.String())
		if got[0] == "wl_compositor" && len(got) == 1 && d.Uint() != 6 {
			t.Error("the version is not capped to the protocol file's")
		}
	}
	want := []string{"wl_compositor", "wl_shm", "wl_data_device_manager", "wl_output"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("globals differ (-want +got):\n%s", diff)
	}
}

func TestGlobalsComeAndGo(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	registry := p.id()
	p.send(1, 1, registry)
	p.sync()
	var g *server.Global
	on(t, w.display, func() {
		g = wlserver.AddWlSeat(w.display, 5, func(*server.Client, *wlserver.WlSeat) {})
	})
	if got := p.sync(); len(got) != 1 || got[0].object != registry || got[0].opcode != 0 {
		t.Errorf("after a global came: %+v", got)
	}
	on(t, w.display, func() { w.display.RemoveGlobal(g); w.display.RemoveGlobal(g) })
	if got := p.sync(); len(got) != 1 || got[0].opcode != 1 || got[0].words()[0] != g.Name() {
		t.Errorf("after it went: %+v", got)
	}
	p.send(registry, 0, g.Name(), "wl_seat", 5, p.id()) // may have been under way
	p.sync()
	late := dial(t, w.display)
	late.send(1, 1, late.id())
	if got := late.sync(); len(got) != 4 {
		t.Errorf("a late client sees %d globals", len(got))
	}
}

func TestRequestsReachTheirHandler(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp := p.bind(1, "wl_compositor", 4)
	region, surface := p.id(), p.id()
	p.send(comp, 1, region)
	p.send(comp, 0, surface)
	p.send(surface, 1, 0, -5, 7) // attach no buffer
	p.send(surface, 4, region)
	p.send(surface, 4, 0)
	callback := p.id()
	p.send(surface, 3, callback)
	p.send(surface, 6)
	events := p.sync()
	want := []string{"attach false -5,7", "opaque true", "opaque false", "frame 6", "commit"}
	if diff := cmp.Diff(want, w.taken(t)); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
	if len(events) != 2 || events[0].object != callback || events[0].words()[0] != 42 || events[1].words()[0] != callback {
		t.Errorf("got %+v, want done and delete_id", events)
	}
	on(t, w.display, func() {
		if v := w.surfaces[0].Version(); v != 4 {
			t.Errorf("the surface has version %d", v)
		}
	})
}

func TestDestructorFreesTheID(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp, surface := p.bind(1, "wl_compositor", 4), p.id()
	p.send(comp, 0, surface)
	p.send(surface, 0)
	p.send(comp, 0, surface) // the id is free again
	p.send(surface, 6)
	events := p.sync()
	if len(events) != 1 || events[0].object != 1 || events[0].opcode != 1 || events[0].words()[0] != surface {
		t.Errorf("got %+v, want one delete_id", events)
	}
	want := []string{"destroy 4", "surface 4 gone", "commit"}
	if diff := cmp.Diff(want, w.taken(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsAreGatedByTheBoundVersion(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	old, recent := p.bind(1, "wl_compositor", 5), p.bind(1, "wl_compositor", 6)
	a, b := p.id(), p.id()
	p.send(old, 0, a)
	p.send(recent, 0, b)
	p.sync()
	on(t, w.display, func() {
		for _, s := range w.surfaces {
			s.SendPreferredBufferScale(2)
		}
	})
	if events := p.sync(); len(events) != 1 || events[0].object != b {
		t.Errorf("got %+v, want one event for the newer object", events)
	}
}

// TestEventsOfDeadThingsAreDropped calls every Send on what does not live.
func TestEventsOfDeadThingsAreDropped(t *testing.T) {
	w := newWorld(t, server.Options{})
	p, other := dial(t, w.display), dial(t, w.display)
	comp, first, second := p.bind(1, "wl_compositor", 6), p.id(), p.id()
	p.send(comp, 0, first)
	p.send(comp, 0, second)
	p.send(first, 0)
	p.sync()
	otherComp := other.bind(1, "wl_compositor", 6)
	other.send(otherComp, 0, other.id())
	other.sync()
	on(t, w.display, func() {
		dead, alive, foreign := w.surfaces[0], w.surfaces[1], w.surfaces[2]
		if dead.Alive() || !alive.Alive() || (*wlserver.WlSurface)(nil).Alive() || new(wlserver.WlSurface).Alive() {
			t.Error("Alive is wrong")
		}
		dead.SendPreferredBufferScale(1)
		(*wlserver.WlSurface)(nil).SendPreferredBufferScale(1)
		new(wlserver.WlSurface).SendPreferredBufferScale(1)
		dead.Destroy()
		alive.SendEnter(nil) // the output must not be null
		pointer := wlserver.NewWlPointer(alive.Client(), 5)
		pointer.SendEnter(1, dead, 0, 0)
		pointer.SendEnter(1, foreign, 0, 0)
		pointer.SendEnter(2, alive, 0, 0)
	})
	events := p.sync()
	if len(events) != 1 || events[0].object != wire.ServerIDBase || events[0].words()[0] != 2 {
		t.Errorf("got %+v, want the one enter of a living surface", events)
	}
}

func TestServerObjectIDs(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp, surface := p.bind(1, "wl_compositor", 6), p.id()
	p.send(comp, 0, surface)
	p.sync()
	var ids []uint32
	offer := func() {
		on(t, w.display, func() {
			ids = append(ids, wlserver.NewWlDataOffer(w.surfaces[0].Client(), 3).ID())
		})
	}
	offer()
	offer()
	p.send(wire.ServerIDBase, 2) // wl_data_offer.destroy
	if events := p.sync(); len(events) != 0 {
		t.Errorf("got %+v; no delete_id is sent for the server's objects", events)
	}
	offer()
	want := []uint32{wire.ServerIDBase, wire.ServerIDBase + 1, wire.ServerIDBase}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestDescriptorsAreClosed looks at the other end of pipes that clients sent.
func TestDescriptorsAreClosed(t *testing.T) {
	cases := map[string]func(p *peer, write fd){
		"that the handler took": func(p *peer, write fd) {
			p.send(p.bind(2, "wl_shm", 1), 0, p.id(), write, 4096)
		},
		"of a request without handler": func(p *peer, write fd) {
			p.send(wire.ServerIDBase, 1, "text/plain", write) // wl_data_offer.receive
		},
		"of a malformed request": func(p *peer, write fd) {
			p.send(p.bind(2, "wl_shm", 1), 0, p.id(), write) // no size
		},
		"that no request claims": func(p *peer, write fd) {
			p.send(1, 0, p.id(), write)
			_ = p.flush()
			_ = p.conn.Shutdown()
		},
	}
	for name, send := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, server.Options{})
			p := dial(t, w.display)
			comp := p.bind(1, "wl_compositor", 6)
			p.send(comp, 0, p.id())
			p.sync()
			on(t, w.display, func() { wlserver.NewWlDataOffer(w.surfaces[0].Client(), 3) })
			r, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			send(p, fd(write.Fd()))
			_ = write.Close()
			_ = p.flush()
			_ = r.SetReadDeadline(time.Now().Add(patience))
			if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("the pipe is still open: %v", err)
			}
		})
	}
}
