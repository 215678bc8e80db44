package worker

import (
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// encode begins the job of encoding. The files are closed by the caller; what
// lives on is a duplicate.
func (p *process) encode(spec media.EncodeSpec, files []*os.File) error {
	if err := p.free(len(files), 3); err != nil {
		return err
	}
	if err := spec.Check(); err != nil {
		return err
	}
	trail, err := openTrail(files[2])
	if err != nil {
		return err
	}
	begun := monotonic()
	element, ok := choose(spec.Encoder, p.encoders)
	if !ok {
		return media.Fault{ID: evidence.FaultEncoderMissing, Detail: missing(wanted(spec.Encoder, media.Encoders(spec.Codec)))}
	}
	scenes, err := ipc.FromFile(files[0])
	if err != nil {
		return err
	}
	stream, err := ipc.StreamConn(files[1])
	if err != nil {
		_ = scenes.Close()
		return err
	}
	e, err := newEncoding(spec, element, scenes, stream, trail, p.report)
	if err != nil {
		_, _ = scenes.Close(), stream.Close()
		return media.Fault{ID: evidence.FaultEncoderInit, Detail: fmt.Sprintf("%s for %dx%d: %s", element, spec.Width, spec.Height, err)}
	}
	p.encoding = e
	go p.job(stream, e.run)
	go p.scenes(e)
	go p.watch(e.hung, e.stats, trail.beat)
	p.ready(element, begun)
	return nil
}

// try encodes a picture with one rung, and says whether that worked.
func (p *process) try(rung media.Rung) error {
	begun := monotonic()
	rung = media.EncoderOf(rung.Element)
	if rung.Codec == "" {
		return fmt.Errorf("%q is no encoder of the ladder", rung.Element)
	}
	if !haveElement(rung.Element) {
		if err := whyAbsent(rung); err != nil {
			return media.Fault{ID: evidence.FaultEncoderInit, Detail: fmt.Sprintf("%s: %s", rung.Element, err)}
		}
		return media.Fault{ID: evidence.FaultEncoderMissing, Detail: missing([]media.Rung{rung})}
	}
	if err := tryEncoder(rung); err != nil {
		return media.Fault{ID: evidence.FaultEncoderInit, Detail: fmt.Sprintf("%s: %s", rung.Element, err)}
	}
	took := monotonic() - begun
	_ = p.conn.SendJSON(sendTimeout, media.MessageReady, media.Ready{Element: rung.Element, WarmupNanos: took, PixelNanos: encodingCost(rung)})
	return nil
}

// scenes reads the scene link. When the display goes, the last picture is kept.
func (p *process) scenes(e *encoding) {
	if err := e.inbox.read(); err != nil {
		p.report(media.Fault{ID: evidence.FaultSceneMalformed, Detail: err.Error()})
	}
	_ = e.inbox.conn.Close()
}

func (p *process) decode(spec media.DecodeSpec, files []*os.File) error {
	if err := p.free(len(files), 1); err != nil {
		return err
	}
	begun := monotonic()
	element, ok := choose(spec.Decoder, p.decoders)
	if !ok {
		return media.Fault{ID: evidence.FaultDecoderMissing, Detail: missing(wanted(spec.Decoder, media.Decoders("h264")))}
	}
	stream, err := ipc.StreamConn(files[0])
	if err != nil {
		return err
	}
	d, err := newDecoding(element, stream)
	if err != nil {
		_ = stream.Close()
		return media.Fault{ID: evidence.FaultDecoderError, Detail: fmt.Sprintf("%s: %s", element, err)}
	}
	p.decoding = d
	go p.job(stream, d.run)
	go p.watch(d.hung, nil, nil)
	p.ready(element, begun)
	return nil
}

// free reports whether the worker may take a job that came with that many files.
func (p *process) free(files, want int) error {
	if p.encoding != nil || p.decoding != nil || p.busy {
		return media.ErrBusy
	}
	if files != want {
		return fmt.Errorf("a job came with %d files, want %d", files, want)
	}
	return nil
}

// choose returns the wanted element, or the best one if none is wanted.
func choose(want string, have []string) (string, bool) {
	if want == "" && len(have) > 0 {
		return have[0], true
	}
	return want, slices.Contains(have, want)
}

// wanted are the rungs that would have served.
func wanted(element string, rungs []media.Rung) []media.Rung {
	i := slices.IndexFunc(rungs, func(r media.Rung) bool { return r.Element == element })
	switch {
	case i >= 0:
		return rungs[i : i+1]
	case element != "":
		return []media.Rung{{Element: element, Package: "that brings it"}}
	}
	return rungs
}

func (p *process) ready(element string, begun int64) {
	r := media.Ready{Element: element, WarmupNanos: monotonic() - begun}
	// A parent that is gone is noticed by control.
	_ = p.conn.SendJSON(sendTimeout, media.MessageReady, r)
}

// job runs a job to its end, which is the process's.
func (p *process) job(stream net.Conn, run func() *media.Fault) {
	fault := run()
	if fault == nil {
		_ = stream.Close()
		p.end(nil)
		return
	}
	p.fail(*fault)
	_ = stream.Close()
}
