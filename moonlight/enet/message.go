package enet

import (
	"encoding/binary"
	"time"
)

// message is a command on its way out.
type message struct {
	command  uint8 // id and flags
	channel  uint8
	sequence uint16
	second   uint16 // unreliable sequence number, or unsequenced group
	payload  []byte // of a message, or the body of another command
	queued   bool   // counts against the send queue

	// Times since the host's start.
	firstSent, lastSent, due time.Duration
	attempts                 int
}

func (m *message) id() uint8      { return m.command & commandMask }
func (m *message) reliable() bool { return m.command&flagAcknowledge != 0 }

func (m *message) size() int {
	size := commandHeaderSize + len(m.payload)
	switch m.id() {
	case commandReliable:
		size += 2
	case commandUnreliable, commandUnsequenced:
		size += 4
	}
	return size
}

func (m *message) append(dst []byte) []byte {
	dst = appendCommandHeader(dst, m.command, m.channel, m.sequence)
	switch m.id() {
	case commandUnreliable, commandUnsequenced:
		dst = binary.BigEndian.AppendUint16(dst, m.second)
		fallthrough
	case commandReliable:
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(m.payload)))
	}
	return append(dst, m.payload...)
}

// queue is a first-in first-out of messages that keeps its memory.
type queue struct {
	items []*message
	head  int
}

func (q *queue) len() int        { return len(q.items) - q.head }
func (q *queue) front() *message { return q.items[q.head] }

func (q *queue) push(m *message) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, m)
}

func (q *queue) pop() *message {
	m := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return m
}

// roundTrip estimates how long an acknowledgement takes.
type roundTrip struct {
	mean, variance time.Duration
}

const (
	firstTimeout   = 250 * time.Millisecond // before anything is measured
	minimumTimeout = 20 * time.Millisecond  // a peer that polls every 10 ms answers in time
	growth         = 4                      // the timeout grows by itself up to this often
)

// sample takes a measurement in, as ENet smooths it.
func (r *roundTrip) sample(d time.Duration) {
	d = max(d, time.Microsecond)
	if r.mean == 0 {
		r.mean, r.variance = d, d/2
		return
	}
	difference := d - r.mean
	r.mean += difference / 8
	r.variance += (difference.Abs() - r.variance) / 4
}

// timeout is how long after the given attempt to send again: it grows by the
// same amount each time, since doubling makes a lossy link crawl.
func (r *roundTrip) timeout(attempt int, limit time.Duration) time.Duration {
	d := firstTimeout
	if r.mean != 0 {
		d = r.mean + min(r.mean, 4*max(time.Millisecond, r.variance))
	}
	return min(max(d, minimumTimeout)*time.Duration(min(attempt, growth)), limit)
}
