package control

// windowSize is how many sequence numbers back a message may arrive. It must be
// a power of two.
const windowSize = 1024

// window remembers which of the latest sequence numbers were seen.
type window struct {
	highest uint32
	started bool
	bits    [windowSize / 64]uint64 // a ring, by sequence number modulo its size
}

// check says whether a sequence number is new: nil, ErrReplayed or ErrTooOld.
func (w *window) check(sequence uint32) error {
	switch {
	case !w.started || sequence > w.highest:
		return nil
	case w.highest-sequence >= windowSize:
		return ErrTooOld
	case w.bits[sequence%windowSize/64]&(1<<(sequence%64)) != 0:
		return ErrReplayed
	}
	return nil
}

// newest reports whether a sequence number is above all that were added.
func (w *window) newest(sequence uint32) bool { return !w.started || sequence > w.highest }

// add marks a sequence number that check has passed.
func (w *window) add(sequence uint32) {
	switch {
	case !w.started:
		w.highest, w.started = sequence, true
	case sequence > w.highest:
		if sequence-w.highest >= windowSize {
			clear(w.bits[:])
		} else {
			for s := w.highest + 1; s != sequence; s++ {
				w.bits[s%windowSize/64] &^= 1 << (s % 64)
			}
		}
		w.highest = sequence
	}
	w.bits[sequence%windowSize/64] |= 1 << (sequence % 64)
}
