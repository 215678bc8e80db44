package compositor

import (
	"slices"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// primaryState is the selection that the middle button pastes.
type primaryState struct {
	devices   []*primaryDevice
	selection *primarySource
}

func (c *compositor) bindPrimary(wl *server.Client, r *wlserver.ZwpPrimarySelectionDeviceManagerV1) {
	r.SetHandler(primaryManager{c.client(wl)})
}

type primaryManager struct{ client *client }

// CreateSource implements zwp_primary_selection_device_manager_v1.create_source.
func (m primaryManager) CreateSource(_ *wlserver.ZwpPrimarySelectionDeviceManagerV1, id *wlserver.ZwpPrimarySelectionSourceV1) {
	src := &primarySource{client: m.client, res: id}
	id.SetHandler(src)
	id.OnDestroy(src.destroyed)
}

// GetDevice implements zwp_primary_selection_device_manager_v1.get_device.
func (m primaryManager) GetDevice(_ *wlserver.ZwpPrimarySelectionDeviceManagerV1, id *wlserver.ZwpPrimarySelectionDeviceV1, _ *wlserver.WlSeat) {
	c := m.client.c
	d := &primaryDevice{client: m.client, res: id}
	c.primary.devices = append(c.primary.devices, d)
	id.SetHandler(d)
	id.OnDestroy(func() {
		c.primary.devices = slices.DeleteFunc(c.primary.devices, func(o *primaryDevice) bool { return o == d })
	})
	if f := c.seat.keyFocus; f != nil && f.client == m.client {
		d.offer(c.primary.selection)
	}
}

// Destroy implements zwp_primary_selection_device_manager_v1.destroy.
func (primaryManager) Destroy(*wlserver.ZwpPrimarySelectionDeviceManagerV1) {}

// offerTo tells all devices of a client what is selected.
func (p *primaryState) offerTo(cl *client) {
	for _, d := range p.devices {
		if d.client == cl {
			d.offer(p.selection)
		}
	}
}

// primarySource is a zwp_primary_selection_source_v1.
type primarySource struct {
	client *client
	res    *wlserver.ZwpPrimarySelectionSourceV1
	mimes  []string
	offers []*primaryOffer
}

// Offer implements zwp_primary_selection_source_v1.offer.
func (s *primarySource) Offer(r *wlserver.ZwpPrimarySelectionSourceV1, mime string) {
	if len(s.mimes) >= maxMimeTypes || len(mime) > maxMimeLength {
		r.Client().Disconnect("a data source with too many or too long mime types")
		return
	}
	s.mimes = append(s.mimes, mime)
}

// Destroy implements zwp_primary_selection_source_v1.destroy.
func (s *primarySource) Destroy(*wlserver.ZwpPrimarySelectionSourceV1) {}

func (s *primarySource) destroyed() {
	c := s.client.c
	for _, o := range s.offers {
		o.source = nil
	}
	if c.primary.selection == s {
		c.primary.selection = nil
		if f := c.seat.keyFocus; f != nil {
			c.primary.offerTo(f.client)
		}
	}
}

// primaryDevice is a zwp_primary_selection_device_v1.
type primaryDevice struct {
	client *client
	res    *wlserver.ZwpPrimarySelectionDeviceV1
}

// SetSelection implements zwp_primary_selection_device_v1.set_selection; only
// the client with the keyboard may.
func (d *primaryDevice) SetSelection(_ *wlserver.ZwpPrimarySelectionDeviceV1, source *wlserver.ZwpPrimarySelectionSourceV1, _ uint32) {
	c := d.client.c
	src, _ := source.Handler().(*primarySource)
	if f := c.seat.keyFocus; f == nil || f.client != d.client {
		if src != nil {
			src.res.SendCancelled()
		}
		return
	}
	if old := c.primary.selection; old != nil && old != src {
		old.res.SendCancelled()
	}
	c.primary.selection = src
	c.primary.offerTo(d.client)
}

// Destroy implements zwp_primary_selection_device_v1.destroy.
func (d *primaryDevice) Destroy(*wlserver.ZwpPrimarySelectionDeviceV1) {}

func (d *primaryDevice) offer(src *primarySource) {
	if src == nil {
		d.res.SendSelection(nil)
		return
	}
	o := &primaryOffer{source: src, res: wlserver.NewZwpPrimarySelectionOfferV1(d.client.wl, d.res.Version())}
	src.offers = append(src.offers, o)
	o.res.SetHandler(o)
	o.res.OnDestroy(o.destroyed)
	d.res.SendDataOffer(o.res)
	for _, m := range src.mimes {
		o.res.SendOffer(m)
	}
	d.res.SendSelection(o.res)
}

// primaryOffer is a zwp_primary_selection_offer_v1.
type primaryOffer struct {
	source *primarySource // nil once it is gone
	res    *wlserver.ZwpPrimarySelectionOfferV1
}

// Receive implements zwp_primary_selection_offer_v1.receive: the descriptor
// goes on to the source.
func (o *primaryOffer) Receive(_ *wlserver.ZwpPrimarySelectionOfferV1, mime string, fd int) {
	if o.source != nil {
		o.source.res.SendSend(mime, fd)
	}
	_ = unix.Close(fd)
}

// Destroy implements zwp_primary_selection_offer_v1.destroy.
func (o *primaryOffer) Destroy(*wlserver.ZwpPrimarySelectionOfferV1) {}

func (o *primaryOffer) destroyed() {
	if o.source != nil {
		o.source.offers = slices.DeleteFunc(o.source.offers, func(x *primaryOffer) bool { return x == o })
	}
}
