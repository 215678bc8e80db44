package output

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/scene"
)

// source is pixels that sinks may read: a picture of a ring, or a client's
// buffer. It is announced to each sink once and held as long as a scene that
// names it may be read.
type source struct {
	desc  scene.Buffer // without the generation, which is each sink's
	files []int
	holds int
	idle  func() // runs when nobody holds it any more; nil for none
}

func (s *source) hold() { s.holds++ }

func (s *source) unhold() {
	if s.holds--; s.holds == 0 && s.idle != nil {
		s.idle()
	}
}

// Shared is a GPU buffer of a client, passed on to sinks by its descriptors.
type Shared struct {
	source
	out *Output
}

// Share makes a client's buffer known. It takes over files, one per plane of
// desc; idle runs each time that the last one who held the buffer lets go.
func (o *Output) Share(desc scene.Buffer, files []int, idle func()) *Shared {
	desc.ID = o.id()
	return &Shared{source: source{desc: desc, files: files, idle: idle}, out: o}
}

// ID is what scenes call the buffer. It is never another's.
func (s *Shared) ID() uint32 { return s.desc.ID }

// Hold keeps the buffer from being idle until Unhold.
func (s *Shared) Hold() { s.hold() }

// Unhold gives a Hold back.
func (s *Shared) Unhold() { s.unhold() }

// Held reports whether anybody holds the buffer.
func (s *Shared) Held() bool { return s.holds > 0 }

// Format is the pixel format of the buffer.
func (s *Shared) Format() uint32 { return s.desc.Format }

// Close has sinks forget the buffer, which nobody may hold, and closes its files.
func (s *Shared) Close() {
	for _, sink := range slices.Clone(s.out.sinks) {
		sink.forget(s.desc.ID)
	}
	for _, fd := range s.files {
		_ = unix.Close(fd)
	}
	s.files = nil
}

// Layer is a part of a picture: Source of its pixels, in 24.8 fixed point of
// them, at Destination on the output. One of Own and Client is set.
type Layer struct {
	// Own is a picture that was drawn here.
	Own *Buffer
	// Client is a client's buffer.
	Client      *Shared
	Source      scene.Rect
	Destination scene.Rect
	// Transform is a wl_output.transform.
	Transform uint8
}

func (l *Layer) source() *source {
	if l.Own != nil {
		return &l.Own.source
	}
	return &l.Client.source
}

// Whole is a layer that shows all of b at its place.
func Whole(b *Buffer) Layer {
	w, h := int32(b.Image.Width), int32(b.Image.Height)
	return Layer{Own: b, Source: scene.Rect{Width: w << 8, Height: h << 8}, Destination: scene.Rect{Width: w, Height: h}}
}
