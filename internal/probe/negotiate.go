package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// negotiated is what the RTSP handshake settled.
type negotiated struct {
	video, audio, control uint16
	videoPing, audioPing  [16]byte
	connectData           uint32
	encryption            rtsp.Encryption
	packetSize            int
	opus                  media.OpusSpec
}

// handshake is one RTSP handshake.
type handshake struct {
	prober *prober
	client *rtsp.Client
	url    string
	host   string // for the Host header
	result negotiated
}

// negotiate goes from OPTIONS to PLAY.
func (p *prober) negotiate(ctx context.Context, l launched) (negotiated, error) {
	u, err := url.Parse(l.url)
	if err != nil || u.Port() == "" || (u.Scheme != "rtsp" && u.Scheme != "rtspenc") {
		return negotiated{}, evidence.Errorf(evidence.Unavailable, "%s answers the launch with the session address %q, which is none", p.report.Host, l.url)
	}
	h := &handshake{prober: p, url: l.url, host: u.Hostname(), client: &rtsp.Client{Addr: net.JoinHostPort(p.o.Host, u.Port())}}
	if u.Scheme == "rtspenc" {
		p.report.EncryptedRTSP = true
		key := l.key
		h.client.Key = &key
	}
	for _, step := range []func(context.Context) error{h.options, h.describe, h.setup, h.announce, h.play} {
		step1, cancel := context.WithTimeout(ctx, rtspTimeout)
		err := step(step1)
		cancel()
		if err != nil {
			return negotiated{}, evidence.Errorf(evidence.Unavailable, "negotiate with %s (RTSP, TCP port %s): %w", p.o.Host, u.Port(), err)
		}
	}
	p.report.Timing.RTSPDone = Millis(time.Since(l.at))
	return h.result, nil
}

func (h *handshake) do(ctx context.Context, method, target string, payload []byte, header ...rtsp.Field) (*rtsp.Response, error) {
	r := rtsp.Request{Method: method, Target: target, Payload: payload}
	r.Header.Add(rtsp.HeaderHost, h.host)
	for _, f := range header {
		r.Header.Add(f.Name, f.Value)
	}
	return h.client.Do(ctx, r)
}

func (h *handshake) options(ctx context.Context) error {
	_, err := h.do(ctx, rtsp.MethodOptions, h.url, nil)
	return err
}

func (h *handshake) describe(ctx context.Context) error {
	res, err := h.do(ctx, rtsp.MethodDescribe, h.url, nil)
	if err != nil {
		return err
	}
	d, err := rtsp.ParseDescribe(res.Payload)
	if err != nil {
		return err
	}
	// Control is encrypted wherever it can be, the rest where the host asks:
	// a probe has nothing to hide.
	if h.result.opus, err = opusOf(d, h.prober.o.AudioChannels); err != nil {
		return err
	}
	h.result.encryption = d.EncryptionSupported & (rtsp.EncryptControl | d.EncryptionRequested)
	return nil
}

func (h *handshake) setup(ctx context.Context) error {
	for _, s := range []rtsp.Stream{rtsp.StreamAudio, rtsp.StreamVideo, rtsp.StreamControl} {
		res, err := h.do(ctx, rtsp.MethodSetup, s.Target(), nil, rtsp.Field{Name: rtsp.HeaderTransport, Value: "unicast;X-GS-ClientPort=50000-50001"})
		if err != nil {
			return err
		}
		port, err := rtsp.ParseTransport(res.Header.Get(rtsp.HeaderTransport))
		if err != nil {
			return err
		}
		switch s {
		case rtsp.StreamAudio:
			h.result.audio = port
			if h.result.audioPing, err = rtsp.ParsePingPayload(res.Header.Get(rtsp.HeaderPingPayload)); err != nil {
				return err
			}
		case rtsp.StreamVideo:
			h.result.video = port
			if h.result.videoPing, err = rtsp.ParsePingPayload(res.Header.Get(rtsp.HeaderPingPayload)); err != nil {
				return err
			}
		case rtsp.StreamControl:
			h.result.control = port
			if h.result.connectData, err = rtsp.ParseConnectData(res.Header.Get(rtsp.HeaderConnectData)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *handshake) announce(ctx context.Context) error {
	o := h.prober.o
	h.result.packetSize = o.PacketSize
	if h.result.encryption&rtsp.EncryptVideo != 0 {
		h.result.packetSize -= 32
		h.prober.report.EncryptedVideo = true
	}
	features := rtsp.ClientFECStatus | rtsp.ClientSessionID
	if o.Legacy {
		features = 0
	}
	a := &rtsp.Announce{
		Features: features, EncryptionEnabled: h.result.encryption,
		Width: o.Width, Height: o.Height, FPS: o.FPS, Format: rtsp.H264, ColorSpace: rtsp.Rec709, SlicesPerFrame: 1, MaxReferenceFrames: 1,
		PacketSize: h.result.packetSize, BitrateKbps: o.BitrateKbps * 80 / 100, ConfiguredBitrateKbps: o.BitrateKbps, MinFECPackets: 2,
		ReliableUDP: 13, Channels: o.AudioChannels, ChannelMask: uint32(audioMasks[o.AudioChannels]), PacketDuration: packetDuration,
	}
	host, err := netip.ParseAddr(h.host)
	if err != nil {
		host = netip.IPv4Unspecified()
	}
	payload, err := a.Marshal(host, h.result.video)
	if err != nil {
		return err
	}
	_, err = h.do(ctx, rtsp.MethodAnnounce, rtsp.StreamControl.Target(), payload)
	return err
}

func (h *handshake) play(ctx context.Context) error {
	_, err := h.do(ctx, rtsp.MethodPlay, "/", nil)
	return err
}

// resolve finds the one address that all media of a run go to.
func resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, evidence.Errorf(evidence.Unavailable, "find the address of %s: %w", host, errors.Join(err))
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	return addrs[0], nil
}

func addrPort(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// listenAddress is the wildcard of an address's family.
func listenAddress(a netip.Addr) string {
	if a.Is4() {
		return "0.0.0.0:0"
	}
	return strings.Join([]string{"[::]", strconv.Itoa(0)}, ":")
}
