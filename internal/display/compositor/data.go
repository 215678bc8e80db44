package compositor

import (
	"slices"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// Bounds of what one data source offers.
const (
	maxMimeTypes  = 256
	maxMimeLength = 1024
)

// dataState is the clipboard and the drag of a session.
type dataState struct {
	devices   []*dataDevice
	selection *dataSource
	drag      *drag
}

func (c *compositor) bindData(wl *server.Client, r *wlserver.WlDataDeviceManager) {
	r.SetHandler(dataManager{c.client(wl)})
}

type dataManager struct{ client *client }

// CreateDataSource implements wl_data_device_manager.create_data_source.
func (m dataManager) CreateDataSource(_ *wlserver.WlDataDeviceManager, id *wlserver.WlDataSource) {
	src := &dataSource{client: m.client, res: id}
	id.SetHandler(src)
	id.OnDestroy(src.destroyed)
}

// GetDataDevice implements wl_data_device_manager.get_data_device.
func (m dataManager) GetDataDevice(_ *wlserver.WlDataDeviceManager, id *wlserver.WlDataDevice, _ *wlserver.WlSeat) {
	c := m.client.c
	d := &dataDevice{client: m.client, res: id}
	c.data.devices = append(c.data.devices, d)
	id.SetHandler(d)
	id.OnDestroy(func() {
		c.data.devices = slices.DeleteFunc(c.data.devices, func(o *dataDevice) bool { return o == d })
	})
	if f := c.seat.keyFocus; f != nil && f.client == m.client {
		d.offerSelection()
	}
}

// dataSource is a wl_data_source.
type dataSource struct {
	client   *client
	res      *wlserver.WlDataSource
	mimes    []string
	actions  uint32
	dragged  bool // used in start_drag
	selected bool // used in set_selection
	offers   []*dataOffer
}

func (s *dataSource) destroyed() {
	d := &s.client.c.data
	for _, o := range s.offers {
		o.source = nil
	}
	if d.selection == s {
		d.selection = nil
		if f := s.client.c.seat.keyFocus; f != nil {
			d.offerSelection(f.client)
		}
	}
	if d.drag != nil && d.drag.source == s {
		d.endDrag()
	}
}

// Offer implements wl_data_source.offer.
func (s *dataSource) Offer(r *wlserver.WlDataSource, mime string) {
	if len(s.mimes) >= maxMimeTypes || len(mime) > maxMimeLength {
		r.Client().Disconnect("a data source with too many or too long mime types")
		return
	}
	s.mimes = append(s.mimes, mime)
}

// Destroy implements wl_data_source.destroy.
func (s *dataSource) Destroy(*wlserver.WlDataSource) {}

const allActions = uint32(wlserver.WlDataDeviceManagerDndActionCopy | wlserver.WlDataDeviceManagerDndActionMove | wlserver.WlDataDeviceManagerDndActionAsk)

// SetActions implements wl_data_source.set_actions.
func (s *dataSource) SetActions(r *wlserver.WlDataSource, actions wlserver.WlDataDeviceManagerDndAction) {
	if uint32(actions)&^allActions != 0 {
		r.PostError(wlserver.WlDataSourceErrorInvalidActionMask, "actions %#x", uint32(actions))
		return
	}
	if s.selected || s.dragged {
		r.PostError(wlserver.WlDataSourceErrorInvalidSource, "actions after the source was used")
		return
	}
	s.actions = uint32(actions)
}

// dataDevice is a wl_data_device.
type dataDevice struct {
	client *client
	res    *wlserver.WlDataDevice
}

// SetSelection implements wl_data_device.set_selection; only the client with
// the keyboard may.
func (d *dataDevice) SetSelection(r *wlserver.WlDataDevice, source *wlserver.WlDataSource, _ uint32) {
	c := d.client.c
	var src *dataSource
	if source != nil {
		src, _ = source.Handler().(*dataSource)
		if src == nil || src.dragged || src.actions != 0 {
			if source.Alive() {
				source.PostError(wlserver.WlDataSourceErrorInvalidSource, "a source for dragging cannot be the selection")
			}
			return
		}
		if src.selected && src != c.data.selection {
			r.PostError(errorUsedSource, "the source was the selection before")
			return
		}
	}
	if f := c.seat.keyFocus; f == nil || f.client != d.client {
		if src != nil {
			src.res.SendCancelled()
		}
		return
	}
	if old := c.data.selection; old != nil && old != src {
		old.res.SendCancelled()
	}
	if src != nil {
		src.selected = true
	}
	c.data.selection = src
	c.data.offerSelection(d.client)
}

// offerSelection tells all devices of a client what the clipboard holds.
func (d *dataState) offerSelection(cl *client) {
	for _, dev := range d.devices {
		if dev.client == cl {
			dev.offerSelection()
		}
	}
}

func (d *dataDevice) offerSelection() {
	src := d.client.c.data.selection
	if src == nil {
		d.res.SendSelection(nil)
		return
	}
	d.res.SendSelection(d.offer(src).res)
}

// offer makes a wl_data_offer of a source on this device.
func (d *dataDevice) offer(src *dataSource) *dataOffer {
	o := &dataOffer{source: src, res: wlserver.NewWlDataOffer(d.client.wl, d.res.Version())}
	src.offers = append(src.offers, o)
	o.res.SetHandler(o)
	o.res.OnDestroy(o.destroyed)
	d.res.SendDataOffer(o.res)
	for _, m := range src.mimes {
		o.res.SendOffer(m)
	}
	return o
}

// Release implements wl_data_device.release.
func (d *dataDevice) Release(*wlserver.WlDataDevice) {}

// dataOffer is a wl_data_offer.
type dataOffer struct {
	source    *dataSource // nil once it is gone
	res       *wlserver.WlDataOffer
	drag      bool
	actions   uint32
	preferred uint32
	action    uint32
	accepted  bool
	dropped   bool
	finished  bool
}

func (o *dataOffer) destroyed() {
	src := o.source
	if src == nil {
		return
	}
	src.offers = slices.DeleteFunc(src.offers, func(x *dataOffer) bool { return x == o })
	if o.drag && o.dropped && !o.finished {
		// The receiver went without finishing (wl_data_offer.destroy).
		if src.res.Version() >= 3 {
			src.res.SendCancelled()
		}
	}
}

// Accept implements wl_data_offer.accept.
func (o *dataOffer) Accept(_ *wlserver.WlDataOffer, _ uint32, mime *string) {
	o.accepted = mime != nil
	if o.source != nil && o.drag {
		o.source.res.SendTarget(mime)
	}
}

// Receive implements wl_data_offer.receive: the descriptor goes on to the source.
func (o *dataOffer) Receive(_ *wlserver.WlDataOffer, mime string, fd int) {
	if o.source != nil {
		o.source.res.SendSend(mime, fd)
	}
	_ = unix.Close(fd)
}

// Destroy implements wl_data_offer.destroy.
func (o *dataOffer) Destroy(*wlserver.WlDataOffer) {}

// Finish implements wl_data_offer.finish.
func (o *dataOffer) Finish(r *wlserver.WlDataOffer) {
	if !o.drag || !o.dropped || o.finished || !o.accepted || o.action == 0 {
		r.PostError(wlserver.WlDataOfferErrorInvalidFinish, "finish before a drop that was accepted")
		return
	}
	o.finished = true
	if o.source != nil {
		o.source.res.SendDndFinished()
	}
}

// SetActions implements wl_data_offer.set_actions.
func (o *dataOffer) SetActions(r *wlserver.WlDataOffer, actions, preferred wlserver.WlDataDeviceManagerDndAction) {
	switch {
	case !o.drag:
		r.PostError(wlserver.WlDataOfferErrorInvalidOffer, "actions on an offer that is not dragged")
		return
	case uint32(actions)&^allActions != 0:
		r.PostError(wlserver.WlDataOfferErrorInvalidActionMask, "actions %#x", uint32(actions))
		return
	case preferred&(preferred-1) != 0 || uint32(preferred)&^allActions != 0:
		r.PostError(wlserver.WlDataOfferErrorInvalidAction, "preferred action %#x", uint32(preferred))
		return
	}
	o.actions, o.preferred = uint32(actions), uint32(preferred)
	o.choose()
}

// choose settles on an action that both sides have and tells them.
func (o *dataOffer) choose() {
	if o.source == nil {
		return
	}
	action := chooseAction(o.source.actions, o.actions, o.preferred)
	if action == o.action {
		return
	}
	o.action = action
	o.res.SendAction(wlserver.WlDataDeviceManagerDndAction(action))
	o.source.res.SendAction(wlserver.WlDataDeviceManagerDndAction(action))
}

func chooseAction(source, target, preferred uint32) uint32 {
	both := source & target
	if preferred&both != 0 {
		return preferred
	}
	return both & -both // the lowest bit: copy, move, ask
}
