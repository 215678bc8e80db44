package client

import "time"

// SetPatience says how long Flush waits for the compositor.
func (c *Conn) SetPatience(d time.Duration) { c.wait = d }
