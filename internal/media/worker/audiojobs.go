package worker

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// RunAudio is a worker process for sound: it has libopus, and no GStreamer, and
// is otherwise as Run.
func RunAudio(began time.Time) error {
	conn, err := parent()
	if err != nil {
		return err
	}
	p := &process{conn: conn, audio: true, ended: make(chan struct{})}
	if err := loadOpus(); err != nil {
		p.report(media.Fault{ID: evidence.FaultOpusMissing, Detail: err.Error(), Fatal: true})
		return err
	}
	hello := media.Hello{Version: media.Version, PID: os.Getpid(), Opus: opusVersion(), StartNanos: int64(time.Since(began))}
	if err := conn.SendJSON(sendTimeout, media.MessageHello, hello); err != nil {
		return nil // the parent has gone meanwhile
	}
	go p.control()
	<-p.ended
	return p.fatal
}

// handleAudio acts on a message to a worker for sound.
func (p *process) handleAudio(m *ipc.Message, files []*os.File) error {
	switch m.Type {
	case media.MessageRecord:
		var spec media.RecordSpec
		if err := m.Decode(&spec); err != nil {
			return err
		}
		return p.record(spec, files)
	case media.MessageDecodeAudio:
		var spec media.OpusSpec
		if err := m.Decode(&spec); err != nil {
			return err
		}
		return p.decodeAudio(spec, files)
	case media.MessageStart:
		if p.recording != nil {
			p.recording.start()
			return nil
		}
	}
	return fmt.Errorf("message %#x is not one for a worker for sound in this state", m.Type)
}

func (p *process) record(spec media.RecordSpec, files []*os.File) error {
	if err := spec.Opus.Check(); err != nil {
		return err
	}
	begun := monotonic()
	stream, err := p.stream(files)
	if err != nil {
		return err
	}
	r, err := newRecording(spec, stream, func(s media.Sound) { _ = p.conn.SendJSON(sendTimeout, media.MessageSound, s) })
	if err != nil {
		_ = stream.Close()
		return media.Fault{ID: evidence.FaultAudioStart, Detail: err.Error()}
	}
	p.recording, p.busy = r, true
	go r.listen(context.Background()) // it ends with the process
	go p.job(stream, r.run)
	go p.watch(r.hung, nil, nil)
	p.ready("opus", begun)
	return nil
}

// stream adopts the one file of a job, if the worker may take it.
func (p *process) stream(files []*os.File) (net.Conn, error) {
	if err := p.free(len(files), 1); err != nil {
		return nil, err
	}
	return ipc.StreamConn(files[0])
}

func (p *process) decodeAudio(spec media.OpusSpec, files []*os.File) error {
	if err := spec.Check(); err != nil {
		return err
	}
	begun := monotonic()
	stream, err := p.stream(files)
	if err != nil {
		return err
	}
	d, err := newOpusDecoder(&spec)
	if err != nil {
		_ = stream.Close()
		return media.Fault{ID: evidence.FaultDecoderError, Detail: err.Error()}
	}
	p.busy = true
	go p.job(stream, func() *media.Fault { answerAudio(d, stream); return nil })
	p.ready("opus", begun)
	return nil
}

// answerAudio answers Opus packets with their sound until the stream ends.
func answerAudio(d *opusDecoder, stream net.Conn) {
	runtime.LockOSThread()
	reader, writer := ipc.NewFrameReader(stream), ipc.NewFrameWriter(stream)
	var f ipc.Frame
	for reader.Read(0, &f) == nil {
		answer := ipc.Frame{Sequence: f.Sequence, Done: monotonic(), Data: d.decode(f.Data)}
		if writer.Write(readerTimeout, &answer) != nil {
			return
		}
	}
}
