package output

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
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
	announced  []uint32      // buffer ids of this generation
	held       []hold        // oldest first; the last is the newest sent
	damage     region.Region // since the newest sent scene
	sent       uint64        // sequence of the newest sent scene, 0 for none of this generation
	closed     bool
}

type hold struct {
	sequence uint64
	buffer   *Buffer
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
		done, refresh, err := parseAnswer(m.Type, m.Payload)
		s.out.post(func() {
			switch {
			case s.closed:
			case err != nil:
				s.drop(err)
			case refresh:
				s.restart()
				s.offer()
			default:
				s.release(done)
				s.offer()
			}
		})
	}
}

// parseAnswer reads a message from media to display.
func parseAnswer(typ uint16, payload []byte) (done uint64, refresh bool, err error) {
	switch {
	case typ == scene.MessageDone && len(payload) == 8:
		return binary.LittleEndian.Uint64(payload), false, nil
	case typ == scene.MessageRefresh && len(payload) == 0:
		return 0, true, nil
	}
	return 0, false, fmt.Errorf("%w: type %#x, %d bytes", ErrReader, typ, len(payload))
}

// release lets go of the scenes before sequence. The named one is kept until
// the next answer: the reader may have sent it before it received the newest,
// and then it still reads this one.
func (s *Sink) release(sequence uint64) {
	s.held = slices.DeleteFunc(s.held, func(h hold) bool {
		if h.sequence >= sequence || h.sequence == s.sent {
			return false
		}
		h.buffer.holds--
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
	b := s.out.ring.newest
	if s.closed || b == nil || s.sent == s.out.sequence || len(s.held) >= maxHeld {
		return
	}
	if !s.announce(b) {
		return
	}
	o := s.out
	sc := &o.scene
	sc.Generation, sc.Sequence, sc.Commit = s.generation, o.sequence, o.commit
	sc.Width, sc.Height = uint32(b.Image.Width), uint32(b.Image.Height)
	sc.Layers = append(sc.Layers[:0], scene.Layer{
		Buffer:      b.id,
		Source:      scene.Rect{Width: int32(b.Image.Width) << 8, Height: int32(b.Image.Height) << 8},
		Destination: scene.Rect{Width: int32(b.Image.Width), Height: int32(b.Image.Height)},
	})
	if s.sent == 0 {
		s.damage.SetRect(b.Image.Bounds())
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
	b.holds++
	s.held = append(s.held, hold{o.sequence, b})
}

// announce makes a buffer known to the reader of this generation.
func (s *Sink) announce(b *Buffer) bool {
	if slices.Contains(s.announced, b.id) {
		return true
	}
	desc := scene.Buffer{
		Generation: s.generation, ID: b.id, Kind: scene.Shm,
		Width: uint32(b.Image.Width), Height: uint32(b.Image.Height), Format: scene.FormatXRGB8888,
		Planes: []scene.Plane{{Stride: uint32(b.Image.Stride)}},
	}
	if !s.send(scene.MessageBuffer, desc.Append(nil), b.fd) {
		return false
	}
	s.announced = append(s.announced, b.id)
	return true
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
	for _, h := range s.held {
		h.buffer.holds--
	}
	s.held = nil
	s.out.sinks = slices.DeleteFunc(s.out.sinks, func(o *Sink) bool { return o == s })
}
