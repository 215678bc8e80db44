package worker

import (
	"sync"
	"time"
)

const (
	// lateness is how long the sound server may bring nothing before silence is
	// sent in its place. Up to there a late packet is only late: clients keep
	// more than that in store.
	lateness = 30 * time.Millisecond
	// backlog is how much sound may wait to be sent. More is left over from a
	// time when silence was sent, and would stay as a delay for ever. Of it,
	// cushion is kept: on a machine that stalls once, it bridges the next time.
	backlog = 40 * time.Millisecond
	cushion = 20 * time.Millisecond
)

// intake takes sound as it comes and hands it out in packets at a constant
// rate. Its times are any monotonic clock's.
type intake struct {
	packet   int // bytes
	duration time.Duration

	mu    sync.Mutex // covers what follows; put and next are called by two goroutines
	queue []byte     // its memory is bounded by backlog
	begun time.Duration
	sent  int           // packets since begun
	heard time.Duration // when sound was handed out last
}

func newIntake(packetBytes int, duration time.Duration) *intake {
	return &intake{packet: packetBytes, duration: duration}
}

// start begins to count packets at now, and forgets what came before.
func (i *intake) start(now time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue, i.begun, i.sent, i.heard = i.queue[:0], now, 0, now-lateness
}

// put adds sound.
func (i *intake) put(pcm []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue = append(i.queue, pcm...)
	most := int(backlog/i.duration) * i.packet
	if extra := len(i.queue) - most; extra > 0 {
		// Down to the cushion, so that it is cut rarely, and by whole packets.
		least := int(cushion/i.duration) * i.packet
		keep := i.queue[(len(i.queue)-least)/i.packet*i.packet:]
		i.queue = i.queue[:copy(i.queue, keep)]
	}
}

// next fills dst with the packet that is due at now, which may be silence. It
// reports false when none is due, or sound may still come for the one that is.
func (i *intake) next(now time.Duration, dst []byte) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	due := int((now-i.begun)/i.duration) - i.sent
	if due <= 0 {
		return false
	}
	if time.Duration(due)*i.duration > time.Second {
		// The process was stopped: what was missed is not made up for.
		i.sent += due - 1
	}
	switch {
	case len(i.queue) >= i.packet:
		copy(dst, i.queue[:i.packet])
		i.queue = i.queue[:copy(i.queue, i.queue[i.packet:])]
		i.heard = now
	case now-i.heard < lateness:
		return false
	default:
		clear(dst)
	}
	i.sent++
	return true
}
