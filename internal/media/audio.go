package media

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
)

// Messages of a worker for sound (Options.Audio).
const (
	// MessageRecord carries a RecordSpec, with one file: the frame stream. Sound
	// flows after MessageStart.
	MessageRecord uint16 = 0x27
	// MessageDecodeAudio carries an OpusSpec, with one file: the frame stream.
	MessageDecodeAudio uint16 = 0x28

	// MessageSound carries a Sound.
	MessageSound uint16 = 0x34
)

// AudioRate is in samples per second and channel, everywhere.
const AudioRate = 48000

// MaxAudioChannels is the largest number of channels that clients know.
const MaxAudioChannels = 8

// OpusSpec describes multistream Opus packets (RFC 7845 section 5.1.1).
type OpusSpec struct {
	// Channels is 1 to MaxAudioChannels, in the order FL FR C LFE BL BR SL SR.
	Channels int
	// Streams counts Opus streams, Coupled those of them with two channels.
	Streams, Coupled int
	// Mapping holds the decoded channel of each channel.
	Mapping [MaxAudioChannels]uint8
	// Duration of a packet: 5, 10 or 20 ms.
	Duration time.Duration
	// BitrateKbps is that of all channels together, constant, in kbit/s.
	BitrateKbps int
}

// Check returns an error when a field is outside of its bounds.
func (s *OpusSpec) Check() error {
	decoded := s.Streams + s.Coupled
	if s.Channels < 1 || s.Channels > MaxAudioChannels || s.Streams < 1 || s.Coupled < 0 || s.Coupled > s.Streams || decoded > s.Channels {
		return fmt.Errorf("opus of %d channels in %d streams, %d of them coupled, does not fit together", s.Channels, s.Streams, s.Coupled)
	}
	for _, m := range s.Mapping[:s.Channels] {
		if int(m) >= decoded {
			return fmt.Errorf("opus of %d streams has no channel %d", s.Streams, m)
		}
	}
	switch s.Duration {
	case 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond:
	default:
		return fmt.Errorf("opus packets of %s cannot be made: 5, 10 or 20 ms", s.Duration)
	}
	if s.BitrateKbps < 6*s.Channels || s.BitrateKbps > 4000 {
		return fmt.Errorf("opus of %d channels at %d kbit/s cannot be made: %d to 4000", s.Channels, s.BitrateKbps, 6*s.Channels)
	}
	return nil
}

// Samples is the number of samples per packet and channel.
func (s *OpusSpec) Samples() int { return int(s.Duration * AudioRate / time.Second) }

// RecordSpec describes the recording of a session's sound.
type RecordSpec struct {
	Opus OpusSpec
	// Socket is the sound server's, Source what to record there.
	Socket, Source string
}

// Sound is what a recorder hears of its sound server.
type Sound struct {
	// Connected says that the source is being recorded; without it, silence is
	// sent.
	Connected bool
	// Settled is set in a second message, some time after each connection, when
	// apps have had time to connect too; then Players counts who plays.
	Settled bool
	Players int
}

// Recording is a running recorder and encoder of sound. Read is used by one
// goroutine, the other methods by any.
type Recording struct{ Encoding }

// Record makes the worker's one job a recording, and returns when the encoder
// is there; the sound server may not be. Errors are as those of Encode.
func (w *Worker) Record(ctx context.Context, spec RecordSpec) (*Recording, error) {
	if err := spec.Opus.Check(); err != nil {
		return nil, err
	}
	conn, ready, err := w.beginStream(ctx, MessageRecord, spec, frameBuffer)
	if err != nil {
		return nil, fmt.Errorf("start recording: %w", err)
	}
	return &Recording{Encoding{worker: w, ready: ready, conn: conn, frames: ipc.NewFrameReader(conn)}}, nil
}

// Sounds delivers what the recorder hears of the sound server. It is closed
// when the worker is gone.
func (r *Recording) Sounds() <-chan Sound { return r.worker.sounds }

// beginStream begins a job with one file, a stream of frames.
func (w *Worker) beginStream(ctx context.Context, typ uint16, spec any, buffer int) (net.Conn, Ready, error) {
	mine, child, err := ipc.StreamPair(buffer)
	if err != nil {
		return nil, Ready{}, err
	}
	defer func() { _ = child.Close() }()
	conn, err := ipc.StreamConn(mine)
	if err != nil {
		return nil, Ready{}, err
	}
	ready, err := w.begin(ctx, typ, spec, child)
	if err != nil {
		_ = conn.Close()
		return nil, Ready{}, err
	}
	return conn, ready, nil
}

// AudioDecoding is a running decoder of Opus. It is used by one goroutine.
type AudioDecoding struct {
	worker *Worker
	conn   net.Conn
	writer *ipc.FrameWriter
	reader *ipc.FrameReader
	frame  ipc.Frame
	next   uint64
}

// DecodeAudio makes the worker's one job a decoding of Opus.
func (w *Worker) DecodeAudio(ctx context.Context, spec OpusSpec) (*AudioDecoding, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	conn, _, err := w.beginStream(ctx, MessageDecodeAudio, spec, 0)
	if err != nil {
		return nil, fmt.Errorf("start decoding sound: %w", err)
	}
	return &AudioDecoding{worker: w, conn: conn, writer: ipc.NewFrameWriter(conn), reader: ipc.NewFrameReader(conn)}, nil
}

// audioWait bounds the decoding of one packet.
const audioWait = 2 * time.Second

// Decode returns the sound of a packet, 16 bit little-endian, channel by
// channel, valid until the next call; nothing for a packet that is damaged.
// After an error the AudioDecoding is of no more use.
func (d *AudioDecoding) Decode(opus []byte) ([]byte, error) {
	d.next++
	if err := d.writer.Write(audioWait, &ipc.Frame{Sequence: d.next, Data: opus}); err != nil {
		return nil, fmt.Errorf("decode sound: %w", err)
	}
	if err := d.reader.Read(audioWait, &d.frame); err != nil {
		return nil, fmt.Errorf("decode sound: %w", err)
	}
	return d.frame.Data, nil
}

// Close ends the decoding and with it the worker, without waiting for it.
func (d *AudioDecoding) Close() error {
	_ = d.worker.conn.Send(sendTimeout, MessageStop, nil)
	return d.conn.Close()
}
