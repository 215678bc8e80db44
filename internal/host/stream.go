package host

import (
	"strconv"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// pingTimeout is how long after the control link a client may take for its
// first video ping.
const pingTimeout = 10 * time.Second

// receivePings reads the pings for one stream until its socket is closed.
func (h *Host) receivePings(conn *quietConn, stream func(*link) *destination) error {
	buf := make([]byte, 256)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		ping, err := rtp.ParsePing(buf[:n])
		if err != nil {
			h.floods.addFrom("unreadable ping", from)
			continue
		}
		if !h.links.pinged(stream, ping, from) {
			h.floods.addFrom("ping of a stranger", from)
		}
	}
}

// stream waits for the client's first ping and has the session play to it.
func (h *Host) stream(l *link) {
	timeout := time.NewTimer(pingTimeout)
	defer timeout.Stop()
	select {
	case <-l.video.first:
	case <-l.gone:
		return
	case <-timeout.C:
		l.session.Trace().Failed(evidence.StageStreaming, evidence.FaultPingTimeout)
		return
	}
	l.mu.Lock()
	a, divided := l.announced, l.rates
	l.mu.Unlock()
	v, err := newVideoStream(h, l, a, divided)
	if err != nil {
		h.log.Error("cannot stream video", "session", l.session.ID(), "error", err)
		l.session.End(evidence.EndLaunchFailed, err.Error())
		return
	}
	l.session.Trace().Began(evidence.StageStreaming)
	l.session.Play(v.frame)
}

// maxMinParity bounds the parity that a client may demand of small frames.
const maxMinParity = 16

// videoStream turns encoded frames into datagrams for one client. It is used
// by the one goroutine that reads the encoder.
type videoStream struct {
	host       *Host
	link       *link
	packetizer *rtp.VideoPacketizer
	burst      *burst
	start      int64 // CLOCK_MONOTONIC of the first frame
	first      bool
	// warned are the faults that were told already.
	warned map[evidence.FaultID]bool
}

func newVideoStream(h *Host, l *link, a *rtsp.Announce, r rates) (*videoStream, error) {
	config := rtp.VideoConfig{PacketSize: a.PacketSize, FECPercent: r.fecPercent, MinParity: r.minParity}
	if a.EncryptionEnabled&rtsp.EncryptVideo != 0 {
		key := l.key
		config.Key = &key
	}
	packetizer, err := rtp.NewVideoPacketizer(config)
	if err != nil {
		return nil, err
	}
	return &videoStream{host: h, link: l, packetizer: packetizer, burst: h.quiet.video.newBurst(), first: true, warned: map[evidence.FaultID]bool{}}, nil
}

// frame sends one frame.
func (v *videoStream) frame(f *ipc.Frame) {
	to := v.link.video.to.Load()
	if v.link.isGone() || to == nil {
		return
	}
	now := evidence.Monotonic()
	if v.first {
		v.start = now
	}
	latency := time.Duration(0)
	if f.Commit > 0 && f.Commit < now {
		latency = time.Duration(now - f.Commit)
	}
	batch, err := v.packetizer.Packetize(rtp.Frame{
		Data: f.Data, IDR: f.Key(), Timestamp: uint32((now-v.start)*9/100_000) + 1, HostLatency: latency,
	})
	if err != nil {
		v.warn(evidence.FaultFrameTooLarge, err.Error())
		v.link.session.Keyframe()
		return
	}
	if batch.WithoutFEC {
		v.warn(evidence.FaultFrameWithoutFEC, strconv.Itoa(len(f.Data))+" bytes")
	}
	if err := v.burst.sendFrame(batch, *to); err != nil {
		v.host.floods.add("video not sent: "+err.Error(), v.link.session.ID())
		return
	}
	s := &v.link.stats
	s.frames.Add(1)
	s.packets.Add(uint64(batch.Len()))
	s.bytes.Add(uint64(len(batch.Slab())))
	if f.Key() {
		s.keyFrames.Add(1)
	}
	if v.first {
		v.first = false
		v.link.session.Trace().Done(evidence.StageStreaming, "bytes", strconv.Itoa(len(f.Data)))
	}
}

// warn records a fault of the stream once.
func (v *videoStream) warn(fault evidence.FaultID, detail string) {
	if !v.warned[fault] {
		v.warned[fault] = true
		v.link.session.Trace().Failed(evidence.StageStreaming, fault, "detail", detail)
	}
}
