package demo

import (
	"context"
	"errors"
	"fmt"

	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
)

// Versions that the app speaks at most.
const (
	compositorVersion = 4 // wl_surface.damage_buffer
	seatVersion       = 5
	wmBaseVersion     = 2
	outputVersion     = 2
	dmabufVersion     = 3 // zwp_linux_dmabuf_v1.modifier
)

var errMissing = errors.New("the compositor does not offer it")

// globals is what the compositor offers and the app uses.
type globals struct {
	registry   *wlclient.WlRegistry
	compositor *wlclient.WlCompositor
	shm        *wlclient.WlShm
	wmBase     *wlclient.XdgWmBase
	decoration *wlclient.ZxdgDecorationManagerV1
	dmabuf     *wlclient.ZwpLinuxDmabufV1    // nil when it is not wanted, or takes no linear buffers
	linear     bool                          // it takes them
	outputs    map[uint32]*wlclient.WlOutput // by number in the registry
	seats      map[uint32]*seat
}

// bind takes what the compositor offers, and goes on taking what comes later.
func (w *window) bind(ctx context.Context) error {
	g := &w.globals
	g.outputs, g.seats = map[uint32]*wlclient.WlOutput{}, map[uint32]*seat{}
	g.registry = new(wlclient.WlRegistry)
	g.registry.SetListener(wlclient.WlRegistryListener{Global: w.offered, GlobalRemove: w.withdrawn})
	w.conn.GetRegistry(g.registry, wlclient.WlRegistryInterface)
	if err := w.conn.Roundtrip(ctx); err != nil {
		return err
	}
	if g.dmabuf != nil {
		// Its formats come after it is bound.
		if err := w.conn.Roundtrip(ctx); err != nil {
			return err
		}
	}
	for name, there := range map[string]bool{
		"wl_compositor 4": g.compositor != nil, "wl_shm": g.shm != nil, "xdg_wm_base": g.wmBase != nil,
	} {
		if !there {
			return fmt.Errorf("open a window: %s: %w", name, errMissing)
		}
	}
	return nil
}

func (w *window) offered(number uint32, name string, version uint32) {
	g := &w.globals
	switch {
	case name == "wl_compositor" && g.compositor == nil && version >= compositorVersion:
		g.compositor = wlclient.BindWlCompositor(g.registry, number, compositorVersion)
	case name == "wl_shm" && g.shm == nil:
		g.shm = wlclient.BindWlShm(g.registry, number, 1)
	case name == "xdg_wm_base" && g.wmBase == nil:
		g.wmBase = wlclient.BindXdgWmBase(g.registry, number, min(version, wmBaseVersion))
		g.wmBase.SetListener(wlclient.XdgWmBaseListener{Ping: func(serial uint32) { g.wmBase.Pong(serial) }})
	case name == "zwp_linux_dmabuf_v1" && g.dmabuf == nil && w.options.GPU && version >= dmabufVersion:
		g.dmabuf = wlclient.BindZwpLinuxDmabufV1(g.registry, number, dmabufVersion)
		g.dmabuf.SetListener(wlclient.ZwpLinuxDmabufV1Listener{Modifier: func(format, hi, lo uint32) {
			g.linear = g.linear || format == formatXRGB && hi == 0 && lo == 0
		}})
	case name == "zxdg_decoration_manager_v1" && g.decoration == nil:
		g.decoration = wlclient.BindZxdgDecorationManagerV1(g.registry, number, 1)
	case name == "wl_output":
		g.outputs[number] = w.bindOutput(number, min(version, outputVersion))
	case name == "wl_seat":
		g.seats[number] = w.bindSeat(number, min(version, seatVersion))
	}
}

// withdrawn forgets a global that the compositor took back.
func (w *window) withdrawn(number uint32) {
	g := &w.globals
	if s := g.seats[number]; s != nil {
		w.options.Log("the seat is gone")
		s.release()
		delete(g.seats, number)
	}
	if g.outputs[number] != nil {
		w.options.Log("an output is gone")
		delete(g.outputs, number) // version 2 has no wl_output.release
	}
}

func (w *window) bindOutput(number, version uint32) *wlclient.WlOutput {
	out := wlclient.BindWlOutput(w.globals.registry, number, version)
	out.SetListener(wlclient.WlOutputListener{
		Mode: func(flags wlclient.WlOutputMode, width, height, refresh int32) {
			if flags&wlclient.WlOutputModeCurrent != 0 {
				w.options.Log(fmt.Sprintf("output of %dx%d at %.2f Hz", width, height, float64(refresh)/1000))
			}
		},
	})
	return out
}
