package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// play launches, streams and leaves.
func (p *prober) play(ctx context.Context) error {
	// The decoder's own start must not count.
	dec, err := startDecoder(ctx, p.o.MediaExecutable)
	if err != nil {
		return err
	}
	defer dec.close()
	addr, err := resolve(ctx, p.o.Host)
	if err != nil {
		return err
	}
	l, err := p.launch(ctx)
	if err != nil {
		return err
	}
	defer p.leave(ctx)
	p.report.Codec, p.report.Mode = "h264", p.mode()
	n, err := p.negotiate(ctx, l)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, addr, l, n, dec)
	if err != nil {
		return err
	}
	err = s.run(ctx)
	s.close()
	s.finish()
	s.finishSound()
	p.report.OK = len(p.report.Problems) == 0
	return err
}

// stream is the media of one run.
type stream struct {
	prober  *prober
	l       launched
	n       negotiated
	addr    netip.Addr
	decoder decoder

	control      *controlLink
	video, audio *net.UDPConn
	receiver     *rtp.VideoReceiver // of the receiving goroutine
	hearing      *hearing
	units        chan unit // closed by the receiving goroutine; full: the decoder is too slow
	overrun      bool      // of the receiving goroutine: a unit was dropped, and no key frame came since

	firstPicture chan struct{} // closed at the first decoded picture

	mu   sync.Mutex // covers what follows
	seen observations
	echo chan int      // how many keys the app has seen, newest value
	news chan struct{} // for the pilot; one entry: a picture came
}

func (p *prober) open(ctx context.Context, addr netip.Addr, l launched, n negotiated, dec decoder) (*stream, error) {
	s := &stream{
		prober: p, l: l, n: n, addr: addr, decoder: dec, units: make(chan unit, maxQueuedPictures),
		firstPicture: make(chan struct{}), echo: make(chan int, 1),
		news: make(chan struct{}, 1),
	}
	var err error
	config := rtp.VideoReceiverConfig{PacketSize: n.packetSize, Frame: s.frame, Lost: s.lost}
	if n.encryption&rtsp.EncryptVideo != 0 {
		key := l.key
		config.Key = &key
	}
	if p.o.Legacy {
		n.connectData = 0
	}
	if s.receiver, err = rtp.NewVideoReceiver(config); err != nil {
		return nil, err
	}
	if s.hearing, err = newHearing(l, n); err != nil {
		return nil, err
	}
	p.report.Audio = Audio{Channels: n.opus.Channels, Packet: Millis(n.opus.Duration), Encrypted: n.encryption&rtsp.EncryptAudio != 0, PerChannel: []AudioChannel{}}
	for _, c := range []**net.UDPConn{&s.video, &s.audio} {
		conn, err := net.ListenPacket("udp", listenAddress(addr))
		if err != nil {
			s.closeSockets()
			return nil, evidence.Errorf(evidence.Unavailable, "open a socket for media: %w", err)
		}
		*c = conn.(*net.UDPConn)
		// The kernel caps it at rmem_max.
		_ = (*c).SetReadBuffer(4 << 20)
	}
	if s.control, err = connect(ctx, addrPort(addr, n.control), l.key, n, p.o.Sent); err != nil {
		s.closeSockets()
		return nil, err
	}
	p.report.Timing.Connected = Millis(time.Since(l.at))
	return s, nil
}

func (s *stream) closeSockets() {
	for _, c := range []*net.UDPConn{s.video, s.audio} {
		if c != nil {
			_ = c.Close()
		}
	}
}

func (s *stream) close() {
	s.prober.report.RTT = Millis(s.control.client.RTT())
	s.control.close()
	s.closeSockets()
	if t := s.control.termination; t != nil {
		code := t.Result.ClientCode(s.seen.received > 0)
		s.prober.report.Termination = &code
	}
}

// run streams for the asked time, or until something ends it.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() { s.control.keepAlive(ctx) })
	work.Go(func() { s.pings(ctx) })
	received := make(chan error, 1)
	work.Go(func() { received <- s.receive(ctx) })
	work.Go(func() { s.decode(ctx) })
	work.Go(func() { s.hear(ctx) })
	work.Go(func() { s.decodeSound(ctx) })
	flown := make(chan error, 1)
	end := time.NewTimer(s.prober.o.Duration + firstPacket + firstFrame)
	defer end.Stop()
	for first := s.firstPicture; ; {
		select {
		case <-first:
			first = nil
			end.Reset(s.prober.o.Duration)
			if s.prober.o.Script != nil {
				work.Go(func() { flown <- s.fly(ctx) })
				continue
			}
			work.Go(func() { s.press(ctx) })
		case err := <-flown:
			return err
		case err := <-received:
			return err
		case <-end.C:
			if first != nil {
				return evidence.Errorf(evidence.Unavailable, "no picture of %s could be decoded", s.prober.report.Host)
			}
			if s.prober.o.Script != nil {
				return evidence.Errorf(evidence.Deadline, "the script did not end within %s", s.prober.o.Duration)
			}
			return nil
		case <-s.control.gone:
			return s.ended()
		case <-ctx.Done():
			return nil
		}
	}
}

// ended says why the control link is over.
func (s *stream) ended() error {
	if t := s.control.termination; t != nil {
		code := t.Result.ClientCode(s.seenAny())
		return evidence.Errorf(evidence.Unavailable, "%s ended the session with code %d: its log says why", s.prober.report.Host, code)
	}
	if s.control.reason == enet.ReasonTimeout {
		return evidence.Errorf(evidence.Unavailable, "the control link to %s was lost: the host or the network is gone", s.prober.report.Host)
	}
	return evidence.Errorf(evidence.Unavailable, "%s closed the control link without a reason (%s)", s.prober.report.Host, s.control.reason)
}

func (s *stream) seenAny() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.received > 0
}

// pings shows the host where the media shall go.
func (s *stream) pings(ctx context.Context) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	video := rtp.Ping{Payload: s.n.videoPing, Legacy: s.prober.o.Legacy}
	audio := rtp.Ping{Payload: s.n.audioPing, Legacy: s.prober.o.Legacy}
	var buf []byte
	for {
		video.Counter++
		audio.Counter++
		_, _ = s.video.WriteToUDPAddrPort(video.Append(buf[:0]), addrPort(s.addr, s.n.video))
		_, _ = s.audio.WriteToUDPAddrPort(audio.Append(buf[:0]), addrPort(s.addr, s.n.audio))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// receive reads video until ctx ends, with the deadlines of a real client.
func (s *stream) receive(ctx context.Context) error {
	defer close(s.units)
	stop := context.AfterFunc(ctx, func() { _ = s.video.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 16<<10)
	began, packets := time.Now(), 0
	for {
		if packets == 0 {
			_ = s.video.SetReadDeadline(began.Add(firstPacket))
		}
		n, from, err := s.video.ReadFromUDPAddrPort(buf)
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && packets == 0:
			return evidence.Errorf(evidence.Unavailable, "no video came from %s within %s (-100): is UDP port %d open towards this machine?", s.prober.report.Host, firstPacket, s.n.video)
		case err != nil:
			return evidence.Errorf(evidence.Unavailable, "receive video: %w", err)
		case from.Addr().Unmap() != s.addr.Unmap():
			continue
		}
		now := time.Now()
		if packets++; packets == 1 {
			_ = s.video.SetReadDeadline(time.Time{})
			began = now
			s.prober.report.Timing.FirstPacket = Millis(now.Sub(s.l.at))
		}
		// What is of no use is counted by the receiver.
		_ = s.receiver.Push(buf[:n], now)
		if !s.seenAny() && now.Sub(began) > firstFrame {
			return evidence.Errorf(evidence.Unavailable, "video comes from %s, but no whole key frame within %s (-101)", s.prober.report.Host, firstFrame)
		}
	}
}
