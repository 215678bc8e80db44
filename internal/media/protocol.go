package media

import (
	"fmt"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

// ControlFD is the worker's descriptor of its control link, RegistryFD the one
// of its plugin registry. Passing an open file spares the worker's user the
// right to walk to it.
const (
	ControlFD  = 3
	RegistryFD = 4
)

// Version is the version of the messages in this file.
const Version = ipc.Version

// Messages on the control link. Payloads are JSON.
const (
	// MessageEncode carries an EncodeSpec, with three files: the scene link, the
	// frame stream, and memory for what the worker does (TrailWords).
	MessageEncode uint16 = 0x20
	// MessageStart lets frames flow, beginning with a key frame.
	MessageStart uint16 = 0x21
	// MessageKeyframe asks for a key frame at once.
	MessageKeyframe uint16 = 0x22
	// MessageBitrate carries a Bitrate.
	MessageBitrate uint16 = 0x23
	// MessagePause stops the flow of frames until MessageStart.
	MessagePause uint16 = 0x24
	// MessageDecode carries a DecodeSpec, with one file: the frame stream.
	MessageDecode uint16 = 0x25
	// MessageTry carries a Rung: can it encode a picture?
	MessageTry uint16 = 0x2b
	// MessageTryImport carries an ImportTrial: can it read GPU buffers?
	MessageTryImport uint16 = 0x2c
	// MessageStop ends the worker.
	MessageStop uint16 = 0x26

	// MessageHello carries a Hello, the first message of a worker.
	MessageHello uint16 = 0x30
	// MessageReady carries a Ready, the good answer to Encode, Decode, Try and TryImport.
	MessageReady uint16 = 0x31
	// MessageFault carries a Fault.
	MessageFault uint16 = 0x32
	// MessageStats carries Stats, once a second while frames flow.
	MessageStats uint16 = 0x33
)

// Hello introduces a worker.
type Hello struct {
	Version int
	PID     int
	// GStreamer is the version of the library, as in "1.22.0"; empty for sound.
	GStreamer string
	// Opus is the version of libopus, of a worker for sound.
	Opus string
	// Encoders are the elements of the ladder that load here, Decoders those
	// that are installed.
	Encoders, Decoders []string
	// StartNanos is the time from the start of main to this message.
	StartNanos int64
}

// EncodeSpec describes an encoding.
type EncodeSpec struct {
	// Codec is "h264".
	Codec string
	// Encoder is a GStreamer element of the ladder; empty for the best one.
	Encoder string
	// Width and Height are the coded size in pixels, even, up to 8192. Scenes
	// of another size are scaled into it, with borders.
	Width, Height int
	// FPSNum over FPSDen bounds the frame rate.
	FPSNum, FPSDen int
	// BitrateKbps is in kbit/s.
	BitrateKbps int
	// Slices per frame, as the client announced; 0 counts as 1.
	Slices int
	// Profile is "constrained-baseline", "main" or "high"; empty for main.
	Profile string
	// Imports are the paths by which GPU buffers are read, best first; none for
	// ImportCPU alone.
	Imports []Import `json:",omitempty"`
}

// limits of an EncodeSpec.
const (
	maxDimension   = 8192
	maxFPS         = 1000
	maxBitrateKbps = 2_000_000
	maxSlices      = 32
)

// Check returns an error when a field is outside of its bounds.
func (s *EncodeSpec) Check() error {
	switch {
	case s.Codec != "h264":
		return fmt.Errorf("codec %q is not one that the media worker encodes: use h264", s.Codec)
	case s.Width < 16 || s.Height < 16 || s.Width > maxDimension || s.Height > maxDimension || s.Width%2 != 0 || s.Height%2 != 0:
		return fmt.Errorf("a picture of %dx%d cannot be encoded: each side must be even and from 16 to %d", s.Width, s.Height, maxDimension)
	case s.FPSNum <= 0 || s.FPSDen <= 0 || s.FPSNum > maxFPS*s.FPSDen:
		return fmt.Errorf("a frame rate of %d/%d cannot be encoded: it must be above 0 and at most %d", s.FPSNum, s.FPSDen, maxFPS)
	case s.BitrateKbps <= 0 || s.BitrateKbps > maxBitrateKbps:
		return fmt.Errorf("a bit rate of %d kbit/s cannot be encoded: it must be from 1 to %d", s.BitrateKbps, maxBitrateKbps)
	case s.Slices < 0 || s.Slices > maxSlices:
		return fmt.Errorf("%d slices per frame cannot be encoded: at most %d", s.Slices, maxSlices)
	}
	switch s.Profile {
	case "", "constrained-baseline", "main", "high":
		return nil
	}
	return fmt.Errorf("profile %q is unknown: use constrained-baseline, main or high", s.Profile)
}

// DecodeSpec describes a decoding.
type DecodeSpec struct {
	// Codec is "h264".
	Codec string
	// Decoder is a GStreamer element of the ladder; empty for the best one.
	Decoder string
}

// Bitrate is a bit rate in kbit/s.
type Bitrate struct{ Kbps int }

// Ready says that a pipeline runs and has worked once.
type Ready struct {
	// Element is the encoder or decoder in use.
	Element string
	// WarmupNanos is the time that it took to set up and warm up.
	WarmupNanos int64
	// Formats are what an import path takes; of the answer to TryImport.
	Formats []scene.Format `json:",omitempty"`
	// PixelNanos is what encoding a pixel takes of a processor core, in
	// nanoseconds; of the answer to Try, 0 where it is not known.
	PixelNanos float64
}

// Fault is what went wrong in a worker.
type Fault struct {
	ID     evidence.FaultID
	Detail string
	// Fatal says that the worker ends because of it.
	Fatal bool
}

// Error makes a Fault an error.
func (f Fault) Error() string { return fmt.Sprintf("%s: %s", f.ID, f.Detail) }

// Stats are counted from the Ready of an encoding.
type Stats struct {
	// Frames, Keyframes and Bytes count what was written to the frame stream.
	Frames, Keyframes, Bytes uint64
	// Repeats are those of Frames that showed an unchanged picture.
	Repeats uint64
	// Scenes counts received pictures, Skipped those that a newer one replaced
	// before they could be encoded.
	Scenes, Skipped uint64
	// Blocked counts frames that had to wait for the reader for longer than a
	// frame interval.
	Blocked uint64
	// EncodeP50, EncodeP99 and EncodeMax are nanoseconds from push to encoded
	// frame, of the latest 512 frames.
	EncodeP50, EncodeP99, EncodeMax int64
	// LatencyP50 and LatencyP99 are nanoseconds from the commit that a new
	// picture shows to its encoded frame, of the latest 512.
	LatencyP50, LatencyP99 int64
}

// FrameMore marks an answer of a decoder after which another one to the same
// access unit follows (ipc.Frame.Flags).
const FrameMore = 2
