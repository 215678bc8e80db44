package rtsp

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Candidate is a launch whose client may send the next request.
type Candidate struct {
	// ID comes back in Request.Candidate. It should not be empty.
	ID string
	// Key is the session key of the launch (rikey).
	Key [16]byte
}

// maxRemembered bounds the keys whose counters are kept after they were withdrawn.
const maxRemembered = 1024

var errExhausted = errors.New("rtsp key: all sequence numbers are used up")

// A keyring opens requests and keeps what must not repeat under each key. The
// counters outlive the candidate, so that a key that is withdrawn and offered
// again neither takes an old request nor repeats a nonce.
type keyring struct {
	mu       sync.Mutex // covers counters and clock
	counters map[[sha256.Size]byte]*counter
	clock    uint64
}

// A counter belongs to one key.
type counter struct {
	client, host uint32 // the highest sequence seen, and the last one used
	touched      uint64
}

// open returns the message in text and the candidate whose key opened it.
func (k *keyring) open(candidates []Candidate, f Frame, text []byte) ([]byte, Candidate, error) {
	for _, c := range candidates {
		message, err := f.Open(c.Key, FromClient, text)
		if err != nil {
			continue
		}
		if !k.advance(c.Key, f.Sequence) {
			return nil, Candidate{}, fmt.Errorf("%w: sequence %d of launch %s", ErrReplay, f.Sequence, c.ID)
		}
		return message, c, nil
	}
	return nil, Candidate{}, ErrNotDecrypted
}

// advance tells whether sequence is above all before it, and remembers it.
func (k *keyring) advance(key [16]byte, sequence uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.counter(key)
	if sequence <= c.client {
		return false
	}
	c.client = sequence
	return true
}

// next returns a sequence for an answer, from 1 upwards.
func (k *keyring) next(key [16]byte) (uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.counter(key)
	if c.host == math.MaxUint32 {
		return 0, errExhausted
	}
	c.host++
	return c.host, nil
}

// counter finds or makes the counter of a key; mu is held. Keys are kept hashed:
// the counters live longer than the sessions that own the keys.
func (k *keyring) counter(key [16]byte) *counter {
	id := sha256.Sum256(key[:])
	k.clock++
	c := k.counters[id]
	if c == nil {
		k.forgetOldest()
		c = &counter{}
		if k.counters == nil {
			k.counters = make(map[[sha256.Size]byte]*counter)
		}
		k.counters[id] = c
	}
	c.touched = k.clock
	return c
}

// forgetOldest makes room for one more counter. Only keys that opened a message
// have one, so no stranger can push out those in use.
func (k *keyring) forgetOldest() {
	if len(k.counters) < maxRemembered {
		return
	}
	var oldest [sha256.Size]byte
	least := uint64(math.MaxUint64)
	for id, c := range k.counters {
		if c.touched < least {
			oldest, least = id, c.touched
		}
	}
	delete(k.counters, oldest)
}
