package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

const (
	// linkTimeout bounds a message to the display.
	linkTimeout = 100 * time.Millisecond
	// maxBadMessages is how many malformed messages a link survives.
	maxBadMessages = 64
)

// picture is what a scene shows. Its surfaces are held while the picture is.
type picture struct {
	layers   []shown // from the bottom up
	width    int
	height   int
	sequence uint64
	commit   int64
}

// inbox reads a scene link and keeps the newest picture. The encode loop takes
// it with current; what no longer is read is given back to the display.
type inbox struct {
	conn   *ipc.Conn
	notify func(changed bool)  // called for every new picture, without mu
	fault  func(detail string) // called for every refused message, without mu
	// imports are the paths for GPU buffers, set before read.
	imports []media.Import
	trail   *trail // likewise; nil for none

	mu         sync.Mutex // covers what follows
	surfaces   map[uint32]*surface
	generation uint32
	newest     *picture
	scenes     uint64
	skipped    uint64
	taken      bool // newest has been taken by the encode loop
	reading    bool // which has not finished with what it took

	parsed scene.Scene // used by the reading goroutine only
}

func newInbox(conn *ipc.Conn, notify func(bool), fault func(string)) *inbox {
	return &inbox{conn: conn, notify: notify, fault: fault, surfaces: map[uint32]*surface{}}
}

// read takes in messages until the display closes its end, which is no error,
// or breaks the protocol once too often.
func (in *inbox) read() error {
	for bad := 0; ; {
		m, err := in.conn.Receive(0)
		if errors.Is(err, ipc.ErrMalformed) || errors.Is(err, ipc.ErrVersion) {
			err = fmt.Errorf("%w: %w", scene.ErrMalformed, err)
		} else if err != nil {
			return nil
		} else {
			err = in.handle(&m)
			m.CloseFiles()
		}
		if err == nil {
			continue
		}
		in.fault(err.Error())
		if bad++; bad >= maxBadMessages {
			return fmt.Errorf("%w: the display sent %d malformed messages, its link is closed", scene.ErrMalformed, bad)
		}
	}
}

func (in *inbox) handle(m *ipc.Message) error {
	switch m.Type {
	case scene.MessageBuffer:
		return in.announce(m)
	case scene.MessageForget:
		if len(m.Payload) != 4 {
			return fmt.Errorf("%w: forget of %d bytes", scene.ErrMalformed, len(m.Payload))
		}
		in.forget(binary.LittleEndian.Uint32(m.Payload))
		return nil
	case scene.MessageScene:
		if err := in.parsed.Parse(m.Payload); err != nil {
			return err
		}
		changed, replaced, err := in.show(&in.parsed)
		if err != nil {
			return err
		}
		in.notify(changed)
		if replaced {
			in.release(in.parsed.Sequence)
		}
		return nil
	}
	return fmt.Errorf("%w: message type %#x", scene.ErrMalformed, m.Type)
}

func (in *inbox) announce(m *ipc.Message) error {
	b, err := scene.ParseBuffer(m.Payload)
	if err != nil {
		return err
	}
	if b.Kind == scene.DMABuf {
		in.trail.buffer(media.TrailMaps, b.ID)
		defer in.trail.done(media.TrailMaps)
	}
	s, err := mapSurface(b, m.Files, in.imports)
	if err != nil {
		return err
	}
	if s.refused != nil {
		in.refuse(b.ID, s.refused.Error())
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if old := in.surfaces[b.ID]; old != nil {
		old.drop()
	} else if len(in.surfaces) >= scene.MaxBuffers {
		s.drop()
		return fmt.Errorf("%w: more than %d buffers are announced", scene.ErrMalformed, scene.MaxBuffers)
	}
	in.surfaces[b.ID] = s
	return nil
}

// refuse tells the display of a buffer that cannot be read. It is the fault of
// neither of us nor of the encoder.
func (in *inbox) refuse(id uint32, reason string) {
	payload := append(binary.LittleEndian.AppendUint32(nil, id), reason[:min(len(reason), scene.MaxReason)]...)
	_ = in.conn.Send(linkTimeout, scene.MessageRefused, payload)
}

func (in *inbox) forget(id uint32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if s := in.surfaces[id]; s != nil {
		delete(in.surfaces, id)
		s.drop()
	}
}

// show makes a scene the newest picture. replaced says that the one before can
// be given back at once; otherwise finish does it.
func (in *inbox) show(s *scene.Scene) (changed, replaced bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	next := &picture{width: int(s.Width), height: int(s.Height), sequence: s.Sequence, commit: s.Commit}
	if next.layers, err = in.layers(s); err != nil {
		return false, false, err
	}
	in.scenes++
	changed = len(s.Damage) > 0 || in.newest == nil || s.Generation != in.generation
	in.generation = s.Generation
	next.hold()
	if in.newest != nil {
		if !in.taken {
			in.skipped++
			changed = true // what was skipped may have been a change
		}
		in.newest.drop()
	}
	replaced = in.newest != nil && !in.reading
	in.newest, in.taken = next, false
	return changed, replaced, nil
}

// layers finds what a scene names.
func (in *inbox) layers(s *scene.Scene) ([]shown, error) {
	if len(s.Layers) == 0 {
		return nil, fmt.Errorf("%w: scene %d has no layers", scene.ErrMalformed, s.Sequence)
	}
	layers := make([]shown, 0, len(s.Layers))
	for _, l := range s.Layers {
		named := in.surfaces[l.Buffer]
		if named == nil || named.Generation != s.Generation {
			// Perhaps the announcement was malformed; a new one is asked for only by the parent.
			return nil, fmt.Errorf("%w: scene %d names buffer %d of generation %d, which was not announced", scene.ErrMalformed, s.Sequence, l.Buffer, s.Generation)
		}
		if !fits(&l, named) {
			return nil, fmt.Errorf("%w: scene %d shows %v of buffer %d, of %dx%d pixels, at %v", scene.ErrMalformed, s.Sequence, l.Source, l.Buffer, named.Width, named.Height, l.Destination)
		}
		layers = append(layers, shown{named, l})
	}
	return layers, nil
}

// fits tells whether a layer shows a part of its buffer at a place of sane size.
func fits(l *scene.Layer, s *surface) bool {
	const farthest = 1 << 20
	src, at := l.Source, l.Destination
	return l.Transform < 8 && src.X >= 0 && src.Y >= 0 && !src.Empty() && !at.Empty() &&
		int64(src.X)+int64(src.Width) <= int64(s.Width)<<8 && int64(src.Y)+int64(src.Height) <= int64(s.Height)<<8 &&
		min(at.X, at.Y) >= -farthest && max(at.X, at.Y, at.Width, at.Height) <= farthest
}

// current returns the newest picture with a hold on its surface, which the
// caller gives back with finish; nil when there is none yet.
func (in *inbox) current() *picture {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.newest == nil {
		return nil
	}
	in.taken, in.reading = true, true
	in.newest.hold()
	return in.newest
}

// finish gives back the hold of current, and tells the display when that was
// not for the newest scene any more.
func (in *inbox) finish(p *picture) {
	in.mu.Lock()
	p.drop()
	in.reading = false
	newest := in.newest.sequence
	in.mu.Unlock()
	if newest != p.sequence {
		in.release(newest)
	}
}

// release tells the display that scenes before the newest are not read any
// more. One that does not listen has closed its end, which read notices.
func (in *inbox) release(newest uint64) {
	var payload [8]byte
	binary.LittleEndian.PutUint64(payload[:], newest)
	_ = in.conn.Send(linkTimeout, scene.MessageDone, payload[:])
}

// counts returns how many scenes came and how many of them were skipped.
func (in *inbox) counts() (scenes, skipped uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.scenes, in.skipped
}
