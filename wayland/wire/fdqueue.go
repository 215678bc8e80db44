package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrTooManyFDs means that a peer sent more descriptors than its messages use.
var ErrTooManyFDs = errors.New("more file descriptors than a connection may have waiting")

// FDQueue holds received descriptors in the order of the messages that own
// them. The zero value is empty and ready.
type FDQueue struct {
	fds  []int
	head int
}

// Push appends fds. On ErrTooManyFDs they are closed.
func (q *FDQueue) Push(fds ...int) error {
	if q.Len()+len(fds) > MaxQueuedFDs {
		closeAll(fds)
		return ErrTooManyFDs
	}
	if q.head > 0 {
		q.fds = q.fds[:copy(q.fds, q.fds[q.head:])]
		q.head = 0
	}
	q.fds = append(q.fds, fds...)
	return nil
}

// Pop takes the oldest descriptor; the caller owns it.
func (q *FDQueue) Pop() (fd int, ok bool) {
	if q == nil || q.head == len(q.fds) {
		return -1, false
	}
	fd = q.fds[q.head]
	q.head++
	return fd, true
}

// Drop closes the n oldest descriptors, or as many as there are.
func (q *FDQueue) Drop(n int) {
	for range n {
		fd, ok := q.Pop()
		if !ok {
			return
		}
		_ = unix.Close(fd)
	}
}

// Len returns the number of descriptors.
func (q *FDQueue) Len() int { return len(q.fds) - q.head }

// Close closes all descriptors.
func (q *FDQueue) Close() {
	closeAll(q.fds[q.head:])
	q.fds, q.head = nil, 0
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
