package output

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

const (
	// maxHeld bounds the scenes that a sink has not given back. It also keeps
	// the link's queue so short that sends never wait.
	maxHeld = 3
	// sendTimeout is how long a link may stall the loop before it is dropped. It
	// is long enough for a machine without idle cores to come back to the loop:
	// a full queue means that its reader ignores the rules.
	sendTimeout = 250 * time.Millisecond
	// maxSceneRects keeps scene messages small.
	maxSceneRects = 16
)

// ErrReader means that the other end of a scene link broke the protocol.
var ErrReader = errors.New("scene link: malformed message from its reader")

// Sink is one scene link.
type Sink struct {
	ID uint32

	out        *Output
	conn       *ipc.Conn
	generation uint32
	announced  []uint32      // buffer ids of this generation, that of the latest scene last
	held       []hold        // oldest first; the last is the newest sent
	spare      [][]*source   // memory of holds that were given back
	damage     region.Region // since the newest sent scene
	sent       uint64        // sequence of the newest sent scene, 0 for none of this generation
	closed     bool
}

// hold is what a scene names.
type hold struct {
	sequence uint64
	sources  []*source
}

// give ends a hold.
func (s *Sink) give(h hold) {
	for _, src := range h.sources {
		src.unhold()
	}
	clear(h.sources)
	s.spare = append(s.spare, h.sources[:0])
}

// letGo forgets the holds of pictures of our own, which are about to be
// unmapped. A client's buffer must not be drawn to as long as it is read.
func (s *Sink) letGo() {
	for i := range s.held {
		h := &s.held[i]
		h.sources = slices.DeleteFunc(h.sources, func(src *source) bool { return src.desc.Kind == scene.Shm })
	}
}

// read posts what the reader says until the link ends.
func (s *Sink) read() {
	for {
		m, err := s.conn.Receive(0)
		if err != nil {
			s.out.post(func() { s.drop(err) })
			return
		}
		m.CloseFiles()
		number, reason, err := parseAnswer(m.Type, m.Payload)
		s.out.post(func() {
			switch {
			case s.closed:
			case err != nil:
				s.drop(err)
			case m.Type == scene.MessageRefresh:
				s.restart()
				s.offer()
			case m.Type == scene.MessageRefused:
				if s.out.Refused != nil {
					s.out.Refused(uint32(number), reason)
				}
			default:
				s.release(number)
				s.offer()
			}
		})
	}
}

// parseAnswer reads a message from media to display: the sequence of
// MessageDone, the id and the reason of MessageRefused.
func parseAnswer(typ uint16, payload []byte) (number uint64, reason string, err error) {
	switch {
	case typ == scene.MessageDone && len(payload) == 8:
		return binary.LittleEndian.Uint64(payload), "", nil
	case typ == scene.MessageRefused && len(payload) >= 4 && len(payload) <= 4+scene.MaxReason:
		return uint64(binary.LittleEndian.Uint32(payload)), strings.ToValidUTF8(string(payload[4:]), "?"), nil
	case typ == scene.MessageRefresh && len(payload) == 0:
		return 0, "", nil
	}
	return 0, "", fmt.Errorf("%w: type %#x, %d bytes", ErrReader, typ, len(payload))
}

// release lets go of the scenes before sequence. The named one is kept until
// the next answer: the reader may have sent it before it received the newest,
// and then it still reads this one.
func (s *Sink) release(sequence uint64) {
	s.held = slices.DeleteFunc(s.held, func(h hold) bool {
		if h.sequence >= sequence || h.sequence == s.sent {
			return false
		}
		s.give(h)
		return true
	})
}

// restart begins a new generation: everything is announced again, and the
// next scene is a whole one.
func (s *Sink) restart() {
	for _, id := range s.announced {
		if !s.send(scene.MessageForget, binary.LittleEndian.AppendUint32(nil, id)) {
			return
		}
	}
	s.announced = s.announced[:0]
	s.generation++
	s.sent = 0
}

// offer sends the newest picture if the sink has not got it and may have one
// more.
func (s *Sink) offer() {
	o := s.out
	if s.closed || !o.HasPicture() || s.sent == o.sequence || len(s.held) >= maxHeld {
		return
	}
	for i := range o.picture {
		if !s.announce(o.picture[i].source()) {
			return
		}
	}
	sc := &o.scene
	sc.Generation, sc.Sequence, sc.Commit = s.generation, o.sequence, o.commit
	sc.Width, sc.Height = uint32(o.ring.width), uint32(o.ring.height)
	sc.Layers = sc.Layers[:0]
	for _, l := range o.picture {
		sc.Layers = append(sc.Layers, scene.Layer{Buffer: l.source().desc.ID, Source: l.Source, Destination: l.Destination, Transform: l.Transform})
	}
	if s.sent == 0 {
		s.damage.SetRect(o.Bounds())
	}
	s.damage.Simplify(maxSceneRects)
	sc.Damage = sc.Damage[:0]
	for _, r := range s.damage.Rects() {
		sc.Damage = append(sc.Damage, scene.Rect{X: r.X0, Y: r.Y0, Width: r.Width(), Height: r.Height()})
	}
	o.message = sc.Append(o.message[:0])
	if !s.send(scene.MessageScene, o.message) {
		return
	}
	s.sent = o.sequence
	s.damage.Clear()
	s.keep()
}

// keep holds what the scene that was just sent names.
func (s *Sink) keep() {
	var sources []*source
	if n := len(s.spare); n > 0 {
		s.spare, sources = s.spare[:n-1], s.spare[n-1]
	}
	for i := range s.out.picture {
		src := s.out.picture[i].source()
		src.hold()
		sources = append(sources, src)
	}
	s.held = append(s.held, hold{s.out.sequence, sources})
}

// announce makes a buffer known to the reader of this generation. Beyond
// what one reader knows at a time it forgets the one that it was told of longest
// ago; it keeps what scenes still need.
func (s *Sink) announce(src *source) bool {
	id := src.desc.ID
	if i := slices.Index(s.announced, id); i >= 0 {
		s.announced = append(slices.Delete(s.announced, i, i+1), id)
		return true
	}
	if len(s.announced) >= scene.MaxBuffers {
		s.forget(s.announced[0])
	}
	desc := src.desc
	desc.Generation = s.generation
	if !s.send(scene.MessageBuffer, desc.Append(nil), src.files...) {
		return false
	}
	s.announced = append(s.announced, id)
	return true
}

// forget withdraws a buffer, if it was announced.
func (s *Sink) forget(id uint32) {
	i := slices.Index(s.announced, id)
	if i < 0 {
		return
	}
	s.announced = slices.Delete(s.announced, i, i+1)
	s.send(scene.MessageForget, binary.LittleEndian.AppendUint32(nil, id))
}

func (s *Sink) send(typ uint16, payload []byte, files ...int) bool {
	if s.closed {
		return false
	}
	if err := s.conn.Send(sendTimeout, typ, payload, files...); err != nil {
		s.drop(err)
		return false
	}
	return true
}

// drop closes the link because of its reader and tells the owner.
func (s *Sink) drop(err error) {
	if s.closed {
		return
	}
	s.close()
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		err = nil // the reader closed its end, perhaps with messages unread
	}
	s.out.lost(s.ID, err)
}

// close gives back all that the reader held: its process is gone or goes.
func (s *Sink) close() {
	s.closed = true
	_ = s.conn.Close()
	s.out.sinks = slices.DeleteFunc(s.out.sinks, func(o *Sink) bool { return o == s })
	held := s.held
	s.held = nil
	for _, h := range held {
		s.give(h)
	}
	s.out.dropClients()
}
