package compositor

import (
	"time"

	"github.com/kennel-stream/kennel/internal/display"
)

// pingInterval is how often clients with windows are pinged; one that has not
// answered by the next time is called unresponsive.
const pingInterval = 5 * time.Second

// watch pings all clients now and then, for as long as the display lives.
func (c *compositor) watch() {
	c.unwatch = c.clock.AfterFunc(pingInterval, func() {
		c.wl.Do(func() {
			c.ping()
			c.watch()
		})
	})
}

func (c *compositor) ping() {
	for _, cl := range c.clients {
		for _, w := range cl.wmBases {
			if w.ping != 0 {
				cl.silent()
				continue
			}
			w.ping = c.wl.NextSerial()
			w.res.SendPing(w.ping)
		}
	}
}

// silent reports, once, a client that does not answer.
func (cl *client) silent() {
	if !cl.hangs {
		cl.hangs = true
		cl.c.event(display.Event{Kind: display.EventUnresponsive, PID: cl.pid, UID: cl.uid})
	}
}

func (cl *client) answered() {
	if cl.hangs {
		cl.hangs = false
		cl.c.event(display.Event{Kind: display.EventResponsive, PID: cl.pid, UID: cl.uid})
	}
}
