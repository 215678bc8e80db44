package worker

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/pulse"
)

const (
	// fragment is how much sound the server sends at a time.
	fragment = 5 * time.Millisecond
	// retry is the pause between attempts to reach the sound server, each of
	// which takes at most connectTimeout.
	retry          = 20 * time.Millisecond
	connectTimeout = 3 * time.Second
	// settle is the time from a connection to the look at who plays.
	settle = 2 * time.Second
)

// recording is the worker's job of recording and encoding a session's sound. One
// goroutine records whenever there is a sound server (listen), another one
// encodes at a constant rate, whatever the first one brings (run).
type recording struct {
	spec    media.RecordSpec
	encoder *opusEncoder
	writer  *ipc.FrameWriter
	intake  *intake
	begun   time.Time
	tell    func(media.Sound)

	started chan struct{} // closed by start
	once    sync.Once
	busy    atomic.Int64 // since when a packet is encoded, 0 when none is
}

func newRecording(spec media.RecordSpec, stream net.Conn, tell func(media.Sound)) (*recording, error) {
	encoder, err := newOpusEncoder(&spec.Opus)
	if err != nil {
		return nil, err
	}
	bytes := spec.Opus.Samples() * spec.Opus.Channels * pulse.SampleBytes
	return &recording{
		spec: spec, encoder: encoder, writer: ipc.NewFrameWriter(stream), intake: newIntake(bytes, spec.Opus.Duration),
		begun: time.Now(), tell: tell, started: make(chan struct{}),
	}, nil
}

func (r *recording) start() { r.once.Do(func() { close(r.started) }) }

// run encodes until the parent is gone.
func (r *recording) run() *media.Fault {
	runtime.LockOSThread()
	<-r.started
	pcm := make([]byte, r.intake.packet)
	r.intake.start(time.Since(r.begun))
	// Finer than a packet, so that a late one goes out soon.
	tick := time.NewTicker(r.spec.Opus.Duration / 2)
	defer tick.Stop()
	for sequence := uint64(1); ; {
		for r.intake.next(time.Since(r.begun), pcm) {
			r.busy.Store(monotonic())
			packet, err := r.encoder.encode(pcm)
			r.busy.Store(0)
			if err != nil {
				return &media.Fault{ID: evidence.FaultAudioDied, Detail: err.Error(), Fatal: true}
			}
			if err := r.writer.Write(readerTimeout, &ipc.Frame{Sequence: sequence, Done: monotonic(), Data: packet}); err != nil {
				return nil // the parent is done with us
			}
			sequence++
		}
		<-tick.C
	}
}

// hung reports whether one packet has been encoded for longer than limit.
func (r *recording) hung(limit time.Duration) bool {
	since := r.busy.Load()
	return since != 0 && monotonic()-since > int64(limit)
}

// listen records from the sound server, from the next one when it ends, until
// ctx ends.
func (r *recording) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if client, err := r.connect(ctx); err == nil {
			r.tell(media.Sound{Connected: true})
			r.attend(ctx, client)
			client.Close()
			r.tell(media.Sound{})
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

func (r *recording) connect(ctx context.Context) (*pulse.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	client, err := pulse.Dial(ctx, r.spec.Socket, "kennel recorder")
	if err != nil {
		return nil, err
	}
	if err := client.Record(r.spec.Source, r.spec.Opus.Channels, fragment, r.intake.put); err != nil {
		client.Close()
		return nil, fmt.Errorf("record the session: %w", err)
	}
	return client, nil
}

// attend waits for the end of a connection, and meanwhile looks who plays.
func (r *recording) attend(ctx context.Context, client *pulse.Client) {
	settled := time.NewTimer(settle)
	defer settled.Stop()
	for {
		select {
		case <-settled.C:
			if players, err := client.Players(); err == nil {
				r.tell(media.Sound{Connected: true, Settled: true, Players: players})
			}
		case <-client.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}
