package host

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// candidates are the launches whose client may knock at the RTSP port.
func (h *Host) candidates() []rtsp.Candidate {
	var all []rtsp.Candidate
	for _, l := range h.links.all() {
		if l.encrypted {
			all = append(all, rtsp.Candidate{ID: l.id, Key: l.key})
		}
	}
	return all
}

// negotiate answers one request of a handshake.
func (h *Host) negotiate(ctx context.Context, r *rtsp.Request) *rtsp.Response {
	l := h.linkOf(r)
	if l == nil {
		h.floods.addFrom("rtsp request of a stranger", r.RemoteAddr)
		return rtsp.NoAnswer
	}
	switch r.Method {
	case rtsp.MethodOptions:
		l.session.Trace().Began(evidence.StageRTSP, "encrypted", strconv.FormatBool(l.encrypted))
		return rtsp.NewResponse(rtsp.StatusOK)
	case rtsp.MethodDescribe:
		return h.describe()
	case rtsp.MethodSetup:
		return h.setup(l, r)
	case rtsp.MethodAnnounce:
		return h.announce(ctx, l, r)
	case rtsp.MethodPlay:
		return h.play(l)
	}
	return rtsp.NewResponse(rtsp.StatusNotImplemented)
}

// linkOf returns the link whose client sent the request, nil for a stranger's.
func (h *Host) linkOf(r *rtsp.Request) *link {
	if r.Candidate != "" {
		return h.links.opened(r.Candidate)
	}
	return h.links.negotiating(r.Header.Get(rtsp.HeaderHost), r.LowQualityAudio(), r.RemoteAddr.Addr())
}

// everything is what a stream can encrypt.
const everything = rtsp.EncryptControl | rtsp.EncryptVideo | rtsp.EncryptAudio

// describe tells what streams the host can make.
func (h *Host) describe() *rtsp.Response {
	d := rtsp.Describe{EncryptionSupported: rtsp.EncryptControl, Surround: rtsp.StandardLayouts()}
	switch h.config().Video.Encryption {
	case config.EncryptionOptional:
		d.EncryptionSupported = everything
	case config.EncryptionPreferred, config.EncryptionRequired:
		// Clients heed a request only for what is supported as well.
		d.EncryptionSupported, d.EncryptionRequested = everything, everything
	}
	text, err := d.Append(nil)
	if err != nil {
		h.log.Error("describe", "error", err)
		return rtsp.NewResponse(rtsp.StatusInternalError)
	}
	res := rtsp.NewResponse(rtsp.StatusOK)
	res.Payload = text
	return res
}

func (h *Host) setup(l *link, r *rtsp.Request) *rtsp.Response {
	res := rtsp.NewResponse(rtsp.StatusOK)
	res.Header.Add(rtsp.HeaderSession, rtsp.FormatSession(l.id, 90*time.Second))
	switch rtsp.StreamOf(r.Target) {
	case rtsp.StreamAudio:
		res.Header.Add(rtsp.HeaderTransport, rtsp.FormatTransport(uint16(h.o.Announced.Audio)))
		res.Header.Add(rtsp.HeaderPingPayload, l.audio.ping)
	case rtsp.StreamVideo:
		res.Header.Add(rtsp.HeaderTransport, rtsp.FormatTransport(uint16(h.o.Announced.Video)))
		res.Header.Add(rtsp.HeaderPingPayload, l.video.ping)
	case rtsp.StreamControl:
		res.Header.Add(rtsp.HeaderTransport, rtsp.FormatTransport(uint16(h.o.Announced.Control)))
		res.Header.Add(rtsp.HeaderConnectData, rtsp.FormatConnectData(l.connectData))
	default:
		return rtsp.NewResponse(rtsp.StatusNotFound)
	}
	return res
}

// announce takes what the client decided on and starts the encoder for it.
func (h *Host) announce(ctx context.Context, l *link, r *rtsp.Request) *rtsp.Response {
	a, err := rtsp.ParseAnnounce(r.Payload)
	if err == nil {
		err = h.checkAnnounce(a)
	}
	if err != nil {
		l.session.Trace().Failed(evidence.StageRTSP, "", "error", err.Error())
		h.log.Warn("announce refused", "session", l.session.ID(), "error", err)
		return refusedAnnounce(err)
	}
	video := h.config().Video
	divided := divide(a, r.LowQualityAudio(), video.FECPercent, video.BitrateMaxKbps)
	if !l.announce(a, divided) {
		return rtsp.NewResponse(rtsp.StatusBadRequest)
	}
	l.session.Trace().Note(evidence.StageRTSP, "encrypts", a.EncryptionEnabled.String())
	err = l.session.Prepare(ctx, session.Stream{
		Width: a.Width, Height: a.Height, FPS: a.FPS,
		BitrateKbps: divided.videoKbps, Slices: max(1, a.SlicesPerFrame), Audio: divided.audio,
	})
	if err != nil {
		h.log.Warn("stream refused", "session", l.session.ID(), "error", err)
		return rtsp.NewResponse(rtsp.StatusServiceUnavailable)
	}
	return rtsp.NewResponse(rtsp.StatusOK)
}

func (h *Host) checkAnnounce(a *rtsp.Announce) error {
	if err := h.checkMode(a.Width, a.Height, a.FPS); err != nil {
		return err
	}
	switch {
	case a.Format != rtsp.H264 || a.HDR || a.Chroma444:
		// DESCRIBE offered H.264 in 8 bit only: this client does not heed it.
		return evidence.Errorf(evidence.Invalid, "the client wants a format that was not offered (format %d, hdr %t, 4:4:4 %t)", a.Format, a.HDR, a.Chroma444)
	case h.config().Video.Encryption == config.EncryptionRequired && a.EncryptionEnabled&everything != everything:
		return evidence.Errorf(evidence.Unauthorized, "update this client: this host requires that it encrypts %s, and it encrypts %s",
			everything, a.EncryptionEnabled)
	}
	return nil
}

// refusedAnnounce gives the client the reason. Clients show the number of the
// status, and their logs the text.
func refusedAnnounce(err error) *rtsp.Response {
	status := rtsp.StatusBadRequest
	if evidence.KindOf(err) == evidence.Unauthorized {
		status = rtsp.StatusForbidden
	}
	res := rtsp.NewResponse(status)
	if _, ok := errors.AsType[*evidence.Error](err); ok {
		res.Reason = sentence(err.Error())
	}
	return res
}

func (h *Host) play(l *link) *rtsp.Response {
	l.mu.Lock()
	ready := l.announced != nil
	l.mu.Unlock()
	if !ready {
		return rtsp.NewResponse(rtsp.StatusBadRequest)
	}
	l.session.Trace().Done(evidence.StageRTSP)
	if l.played.CompareAndSwap(false, true) {
		h.streams.Go(func() { h.listen(l) })
	}
	return rtsp.NewResponse(rtsp.StatusOK)
}
