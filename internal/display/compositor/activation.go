package compositor

import (
	"crypto/rand"
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// maxTokens bounds the activation tokens that were issued and not used.
const maxTokens = 64

func (c *compositor) bindActivation(wl *server.Client, r *wlserver.XdgActivationV1) {
	r.SetHandler(activation{c.client(wl)})
}

type activation struct{ client *client }

// Destroy implements xdg_activation_v1.destroy.
func (activation) Destroy(*wlserver.XdgActivationV1) {}

// GetActivationToken implements xdg_activation_v1.get_activation_token.
func (a activation) GetActivationToken(_ *wlserver.XdgActivationV1, id *wlserver.XdgActivationTokenV1) {
	id.SetHandler(&activationToken{client: a.client})
}

// Activate implements xdg_activation_v1.activate: a token that was given to
// the client with the keyboard raises one window, once.
func (a activation) Activate(_ *wlserver.XdgActivationV1, token string, surf *wlserver.WlSurface) {
	c := a.client.c
	at := slices.Index(c.tokens, token)
	if at < 0 {
		return
	}
	c.tokens = slices.Delete(c.tokens, at, at+1)
	if s := a.client.surfaces[surf]; s != nil {
		if t := toplevelOf(s); t != nil && t.xdg.isMapped {
			c.raise(t)
		}
	}
}

// activationToken is an xdg_activation_token_v1.
type activationToken struct {
	client *client
	used   bool
}

// SetSerial implements xdg_activation_token_v1.set_serial.
func (*activationToken) SetSerial(*wlserver.XdgActivationTokenV1, uint32, *wlserver.WlSeat) {}

// SetAppId implements xdg_activation_token_v1.set_app_id.
func (*activationToken) SetAppId(*wlserver.XdgActivationTokenV1, string) {} //nolint:revive // the protocol's name

// SetSurface implements xdg_activation_token_v1.set_surface.
func (*activationToken) SetSurface(*wlserver.XdgActivationTokenV1, *wlserver.WlSurface) {}

// Commit implements xdg_activation_token_v1.commit. A client without the
// keyboard gets a token that raises nothing.
func (k *activationToken) Commit(r *wlserver.XdgActivationTokenV1) {
	if k.used {
		r.PostError(wlserver.XdgActivationTokenV1ErrorAlreadyUsed, "the token was committed already")
		return
	}
	k.used = true
	c, token := k.client.c, rand.Text()
	if f := c.seat.keyFocus; f != nil && f.client == k.client {
		if len(c.tokens) >= maxTokens {
			c.tokens = slices.Delete(c.tokens, 0, 1)
		}
		c.tokens = append(c.tokens, token)
	}
	r.SendDone(token)
}

// Destroy implements xdg_activation_token_v1.destroy.
func (*activationToken) Destroy(*wlserver.XdgActivationTokenV1) {}
