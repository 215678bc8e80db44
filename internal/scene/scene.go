// Package scene is what a display process tells a media process to encode:
// buffers announced once by descriptor and later by id, and scenes that name
// them in layers.
//
// A display sends scenes over a SEQPACKET link (ipc.Conn) of its own to each
// rendition; a media process answers with what it is done with. Neither waits
// for the other: a display that gets no buffer back composes its next picture
// when one returns.
package scene

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Messages on a scene link. Display to media: MessageBuffer, MessageForget and
// MessageScene. Media to display: MessageDone, MessageRefresh and MessageRefused.
const (
	// MessageBuffer announces a Buffer; its planes travel as files.
	MessageBuffer uint16 = 0x10
	// MessageForget withdraws a buffer id (4 bytes, little endian). The media
	// process drops its mapping once no scene that it holds names it.
	MessageForget uint16 = 0x11
	// MessageScene carries a Scene.
	MessageScene uint16 = 0x12
	// MessageDone says that every scene up to and including a sequence (8
	// bytes, little endian), except the newest received, is no longer read.
	// A media process keeps reading the newest one: it may need it again for
	// settle frames and key frames.
	MessageDone uint16 = 0x13
	// MessageRefresh asks for every buffer to be announced again under a new
	// generation, followed by a whole scene.
	MessageRefresh uint16 = 0x14
	// MessageRefused says that the buffer of an id (4 bytes, little endian) can
	// not be read, and why (text, up to MaxReason bytes): layers that name it are
	// left out of the picture.
	MessageRefused uint16 = 0x15
)

// Bounds of what one scene may hold.
const (
	MaxLayers    = 64
	MaxDamage    = 64
	MaxPlanes    = 4
	MaxDimension = 8192
	// MaxBuffers is how many buffers may be announced at a time.
	MaxBuffers = 64
	// MaxReason bounds the text of MessageRefused in bytes.
	MaxReason = 256
)

// ErrMalformed means that a scene message does not parse or breaks a bound.
var ErrMalformed = errors.New("malformed scene message")

// Kind tells how the pixels of a Buffer are shared.
type Kind uint8

const (
	// Shm is a sealed memfd in one plane that is mapped read-only.
	Shm Kind = 1
	// DMABuf is a GPU buffer of up to four planes, each with a file of its own,
	// that is imported.
	DMABuf Kind = 2
)

// Plane is one plane of a buffer: where it begins in its file, and the bytes
// from one row to the next.
type Plane struct {
	Offset, Stride uint32
}

// Buffer announces pixels under an id that later scenes use. Format and
// Modifier are the DRM fourcc and modifier.
type Buffer struct {
	Generation    uint32
	ID            uint32
	Kind          Kind
	Width, Height uint32
	Format        uint32
	Modifier      uint64
	Planes        []Plane
}

// Rect is a rectangle in pixels of the output (or of the buffer, for a crop).
type Rect struct {
	X, Y, Width, Height int32
}

// Empty reports whether r holds no pixel.
func (r Rect) Empty() bool { return r.Width <= 0 || r.Height <= 0 }

// Layer is one buffer of a scene: Source is the crop in buffer pixels, in
// 24.8 fixed point as wl_fixed; Destination lies on the output. Transform is
// a wl_output.transform value.
type Layer struct {
	Buffer      uint32
	Source      Rect
	Destination Rect
	Transform   uint8
}

// Scene is one picture. Layers are ordered from the bottom up. Damage lists
// what differs from the scene before (empty: nothing, or everything when
// Sequence is the first of its Generation). Commit is the CLOCK_MONOTONIC time
// in nanoseconds of the newest client commit that it shows.
type Scene struct {
	Generation    uint32
	Sequence      uint64
	Commit        int64
	Width, Height uint32
	Layers        []Layer
	Damage        []Rect
}

var le = binary.LittleEndian

// Append encodes b after dst.
func (b *Buffer) Append(dst []byte) []byte {
	dst = le.AppendUint32(dst, b.Generation)
	dst = le.AppendUint32(dst, b.ID)
	dst = append(dst, byte(b.Kind), byte(len(b.Planes)), 0, 0)
	dst = le.AppendUint32(dst, b.Width)
	dst = le.AppendUint32(dst, b.Height)
	dst = le.AppendUint32(dst, b.Format)
	dst = le.AppendUint64(dst, b.Modifier)
	for _, p := range b.Planes {
		dst = le.AppendUint32(dst, p.Offset)
		dst = le.AppendUint32(dst, p.Stride)
	}
	return dst
}

// ParseBuffer decodes what Append made, checking every bound.
func ParseBuffer(p []byte) (Buffer, error) {
	const fixed = 32
	if len(p) < fixed {
		return Buffer{}, fmt.Errorf("%w: buffer of %d bytes", ErrMalformed, len(p))
	}
	b := Buffer{
		Generation: le.Uint32(p), ID: le.Uint32(p[4:]), Kind: Kind(p[8]),
		Width: le.Uint32(p[12:]), Height: le.Uint32(p[16:]),
		Format: le.Uint32(p[20:]), Modifier: le.Uint64(p[24:]),
	}
	planes := int(p[9])
	switch {
	case b.Kind != Shm && b.Kind != DMABuf, planes < 1, planes > MaxPlanes, b.Kind == Shm && planes != 1,
		len(p) != fixed+8*planes, b.Width == 0, b.Height == 0, b.Width > MaxDimension, b.Height > MaxDimension:
		return Buffer{}, fmt.Errorf("%w: buffer %d: kind %d, %dx%d, %d planes, %d bytes", ErrMalformed, b.ID, b.Kind, b.Width, b.Height, planes, len(p))
	}
	for i := range planes {
		b.Planes = append(b.Planes, Plane{Offset: le.Uint32(p[fixed+8*i:]), Stride: le.Uint32(p[fixed+8*i+4:])})
	}
	if b.Kind == Shm && (b.Planes[0].Stride < b.Width*4 || b.Planes[0].Stride > MaxDimension*4) {
		return Buffer{}, fmt.Errorf("%w: buffer %d: stride %d for width %d", ErrMalformed, b.ID, b.Planes[0].Stride, b.Width)
	}
	return b, nil
}

// Size is the number of bytes that an shm buffer's file must hold.
func (b *Buffer) Size() int64 {
	if len(b.Planes) == 0 {
		return 0
	}
	return int64(b.Planes[0].Offset) + int64(b.Planes[0].Stride)*int64(b.Height)
}

// Append encodes s after dst.
func (s *Scene) Append(dst []byte) []byte {
	dst = le.AppendUint32(dst, s.Generation)
	dst = le.AppendUint64(dst, s.Sequence)
	dst = le.AppendUint64(dst, uint64(s.Commit))
	dst = le.AppendUint32(dst, s.Width)
	dst = le.AppendUint32(dst, s.Height)
	dst = append(dst, byte(len(s.Layers)), byte(len(s.Damage)), 0, 0)
	for _, l := range s.Layers {
		dst = le.AppendUint32(dst, l.Buffer)
		dst = append(dst, l.Transform, 0, 0, 0)
		dst = appendRect(dst, l.Source)
		dst = appendRect(dst, l.Destination)
	}
	for _, r := range s.Damage {
		dst = appendRect(dst, r)
	}
	return dst
}

const (
	sceneFixed = 32
	layerSize  = 40
	rectSize   = 16
)

// Parse decodes into s what Append made, reusing its slices.
func (s *Scene) Parse(p []byte) error {
	if len(p) < sceneFixed {
		return fmt.Errorf("%w: scene of %d bytes", ErrMalformed, len(p))
	}
	layers, damage := int(p[28]), int(p[29])
	if layers > MaxLayers || damage > MaxDamage || len(p) != sceneFixed+layers*layerSize+damage*rectSize {
		return fmt.Errorf("%w: scene of %d bytes with %d layers, %d damage", ErrMalformed, len(p), layers, damage)
	}
	s.Generation, s.Sequence, s.Commit = le.Uint32(p), le.Uint64(p[4:]), int64(le.Uint64(p[12:]))
	s.Width, s.Height = le.Uint32(p[20:]), le.Uint32(p[24:])
	if s.Width == 0 || s.Height == 0 || s.Width > MaxDimension || s.Height > MaxDimension {
		return fmt.Errorf("%w: scene of %dx%d", ErrMalformed, s.Width, s.Height)
	}
	s.Layers, s.Damage = s.Layers[:0], s.Damage[:0]
	p = p[sceneFixed:]
	for range layers {
		s.Layers = append(s.Layers, Layer{Buffer: le.Uint32(p), Transform: p[4], Source: parseRect(p[8:]), Destination: parseRect(p[24:])})
		p = p[layerSize:]
	}
	for range damage {
		s.Damage = append(s.Damage, parseRect(p))
		p = p[rectSize:]
	}
	return nil
}

func appendRect(dst []byte, r Rect) []byte {
	dst = le.AppendUint32(dst, uint32(r.X))
	dst = le.AppendUint32(dst, uint32(r.Y))
	dst = le.AppendUint32(dst, uint32(r.Width))
	return le.AppendUint32(dst, uint32(r.Height))
}

func parseRect(p []byte) Rect {
	return Rect{int32(le.Uint32(p)), int32(le.Uint32(p[4:])), int32(le.Uint32(p[8:])), int32(le.Uint32(p[12:]))}
}
