package compositor

import (
	"errors"

	"github.com/kennel-stream/kennel/internal/display"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// errTooLarge means that a client asked for more than we serve one client.
var errTooLarge = errors.New("buffer is larger, or the client's surfaces together take more memory, than a display serves")

// maxPools bounds the shared memory files that one client keeps open here.
const maxPools = 256

// client is what the compositor knows of one connection.
type client struct {
	c        *compositor
	wl       *server.Client
	surfaces map[*wlserver.WlSurface]*surface
	pixels   int64 // bytes of memory that its surfaces take
	pools    int
	dmabufs  int // GPU buffers that are open
	// loosePlanes are those that no GPU buffer was made of yet.
	loosePlanes int
	shm         *wlserver.WlShm
	wmBases     []*wmBase
	pid         int
	uid         uint32
	hangs       bool // did not answer a ping
}

// client returns the state of a connection, made at its first bind.
func (c *compositor) client(wl *server.Client) *client {
	if cl := c.clients[wl]; cl != nil {
		return cl
	}
	cl := &client{c: c, wl: wl, surfaces: map[*wlserver.WlSurface]*surface{}}
	c.clients[wl] = cl
	if cred := wl.Credentials(); cred != nil {
		cl.pid, cl.uid = int(cred.Pid), cred.Uid
	}
	c.event(display.Event{Kind: display.EventClientConnected, PID: cl.pid, UID: cl.uid})
	wl.OnDestroy(func() {
		delete(c.clients, wl)
		c.seat.clientGone(cl)
		c.event(display.Event{Kind: display.EventClientGone, PID: cl.pid, UID: cl.uid, Reason: wl.Reason()})
	})
	return cl
}

// fail ends the client because of a buffer that cannot be read.
func (cl *client) fail(b *buffer, err error) {
	if errors.Is(err, errTooLarge) {
		cl.wl.PostNoMemory(err.Error())
		return
	}
	if cl.shm.Alive() {
		cl.shm.PostError(wlserver.WlShmErrorInvalidFd, "%v", err)
		return
	}
	cl.wl.PostImplementationError(err.Error())
}
