package server

import (
	"context"
	"slices"
)

// batch bounds the pieces of work between two flushes.
const batch = 64

// loop runs until ctx ends or the acceptor fails.
func (d *Display) loop(ctx context.Context, failed <-chan error) error {
	for {
		for n := 0; n < batch; n++ {
			worked, err := d.step(ctx, failed, n == 0 && len(d.doomed) == 0)
			if err != nil {
				return err
			}
			if !worked {
				break
			}
		}
		d.reap()
		if d.idle != nil {
			d.idle()
		}
		d.flush()
	}
}

// step does one piece of work. It waits for one only if wait is true.
func (d *Display) step(ctx context.Context, failed <-chan error, wait bool) (worked bool, err error) {
	if wait {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case err := <-failed:
			return false, err
		case sock := <-d.arrivals:
			d.admit(sock)
		case c := <-d.requests:
			c.process()
		case c := <-d.writable:
			c.unblocked()
		case <-d.wake:
			d.runTasks()
		}
		return true, nil
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case sock := <-d.arrivals:
		d.admit(sock)
	case c := <-d.requests:
		c.process()
	case c := <-d.writable:
		c.unblocked()
	case <-d.wake:
		d.runTasks()
	default:
		return false, nil
	}
	return true, nil
}

// runTasks admits what was given to Adopt and runs what was given to Do. Two slices take turns, so that Do does
// not allocate.
func (d *Display) runTasks() {
	d.mu.Lock()
	tasks := d.tasks
	d.tasks = d.spare[:0]
	adopted := d.adopted
	d.adopted = nil
	d.mu.Unlock()
	for _, sock := range adopted {
		d.admit(sock)
	}
	for _, f := range tasks {
		f()
	}
	clear(tasks)
	d.spare = tasks
}

// reap destroys the clients that were disconnected, and those that are in
// the course of it.
func (d *Display) reap() {
	for len(d.doomed) > 0 {
		c := d.doomed[0]
		d.doomed = slices.Delete(d.doomed, 0, 1)
		c.destroy()
	}
}

// flush sends what is queued, as far as the sockets take it.
func (d *Display) flush() {
	for i, c := range d.dirty {
		d.dirty[i] = nil
		c.dirty = false
		c.flush()
	}
	d.dirty = d.dirty[:0]
}
