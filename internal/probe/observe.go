package probe

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/rtp"
)

// observations are what is kept of a stream until the report is made.
type observations struct {
	received, decoded, lost, idrs int
	cut                           int // received, but the stream ended before it could be decoded
	bytes                         uint64
	first, last                   time.Time
	intervals, hostLatency        []time.Duration
	latency                       []time.Duration
	sound, soundLost              uint64 // packets
	lastFrame                     uint32
	code                          Barcode
	keysAtStart, keys             int
	haveKeys                      bool
	picture                       picture
	flashes                       []time.Time // when each began
	flash                         bool
}

// frame takes a whole frame; a client can show nothing before the first key
// frame. It runs on the receiving goroutine.
func (s *stream) frame(f *rtp.ReceivedFrame) {
	s.mu.Lock()
	o := &s.seen
	if o.received == 0 && !f.IDR {
		s.mu.Unlock()
		return
	}
	if o.received == 0 {
		s.prober.report.Timing.FirstPicture = Millis(f.Last.Sub(s.l.at))
		o.first = f.Last
	} else {
		o.intervals = append(o.intervals, f.Last.Sub(o.last))
	}
	o.received++
	if f.IDR {
		o.idrs++
	}
	if f.HostLatency > 0 {
		o.hostLatency = append(o.hostLatency, f.HostLatency)
	}
	o.bytes += uint64(len(f.Data))
	o.last = f.Last
	s.mu.Unlock()
	select {
	case s.units <- unit{bytes.Clone(f.Data), f.Index, f.Last}:
		s.overrun = s.overrun && !f.IDR
	default:
		// The decoder is too slow for the stream: this frame counts as not decoded,
		// and those after it are worth nothing before the next key frame.
		if !s.overrun || f.IDR {
			_ = s.control.requestIDR()
		}
		s.overrun = true
	}
}

// lost takes the frames that will not come, and asks for a key frame as a
// client does that cannot go on without them.
func (s *stream) lost(first, last uint32) {
	s.mu.Lock()
	if s.seen.received > 0 {
		s.seen.lost += int(last - first + 1)
	}
	s.mu.Unlock()
	_ = s.control.requestIDR()
}

// heard books the sound's packets so far.
func (s *stream) heard(stats rtp.AudioReceiverStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.sound, s.seen.soundLost = stats.Data+stats.Recovered, stats.Lost
}

// decode decodes until the receiver closes the queue.
func (s *stream) decode(ctx context.Context) {
	failed := false
	for u := range s.units {
		if failed || ctx.Err() != nil {
			if !failed {
				s.cutOff()
			}
			continue // the queue is emptied, so that the receiver never waits
		}
		// A frame that is begun is finished: the end of a stream is no fault of the decoder's.
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), decodeTimeout)
		err := s.decoder.Decode(deadline, u.data, uint64(u.index), s.picture)
		cancel()
		if err != nil {
			failed = true
			s.prober.report.problem("the decoder failed: %v", err)
		}
	}
}

// cutOff counts a frame that came too late for this stream.
func (s *stream) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.cut++
}

// picture reads one decoded picture. It runs on the decoding goroutine.
func (s *stream) picture(p *media.Picture) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.seen
	if o.decoded++; o.decoded == 1 {
		s.prober.report.Timing.FirstDecoded = Millis(now.Sub(s.l.at))
		close(s.firstPicture)
	}
	o.picture.width, o.picture.height = p.Width, p.Height
	o.picture.data = append(o.picture.data[:0], p.Data...)
	select {
	case s.news <- struct{}{}:
	default:
	}
	reading, err := barcode.Read(p.Y(), p.Width, p.Width, p.Height)
	if err != nil {
		if errors.Is(err, barcode.ErrDamaged) {
			o.code.Damaged++
		}
		return
	}
	if reading.Flash && !o.flash && o.code.Seen > 0 {
		o.flashes = append(o.flashes, now)
	}
	o.flash = reading.Flash
	o.read(&reading, p.Done)
	select {
	case <-s.echo:
	default:
	}
	s.echo <- o.keys - o.keysAtStart
}

// read books one barcode. done is when its picture was decoded.
func (o *observations) read(r *barcode.Reading, done int64) {
	c := &o.code
	if c.Seen == 0 {
		c.SessionTag = r.SessionTag
	}
	if r.SessionTag != c.SessionTag {
		c.Foreign++
		return
	}
	switch {
	case c.Seen > 0 && r.Frame == o.lastFrame:
		c.Repeated++
		return
	case c.Seen > 0 && r.Frame < o.lastFrame:
		c.OutOfOrder++
		return
	case c.Seen > 0:
		c.Missed += int(r.Frame-o.lastFrame) - 1
	}
	c.Seen++
	o.lastFrame = r.Frame
	if age := time.Duration(done - int64(r.MonotonicNanos)); age > 0 && age < 10*time.Second {
		o.latency = append(o.latency, age)
	}
	o.keys = int(r.KeysDown)
	if !o.haveKeys {
		o.haveKeys, o.keysAtStart = true, o.keys
	}
}

// press types the keys, spread over the run, and waits for each in the picture.
func (s *stream) press(ctx context.Context) {
	count := s.prober.o.Keys
	if count <= 0 {
		return
	}
	interval := (s.prober.o.Duration - echoTimeout/2) / time.Duration(count+1)
	tick := time.NewTicker(max(interval, 10*time.Millisecond))
	defer tick.Stop()
	var trips []time.Duration
	in := &s.prober.report.Input
	for i := range count {
		select {
		case <-ctx.Done():
			count = i
		case <-tick.C:
			in.Sent++
			at := time.Now()
			vk := uint8('A' + i%26)
			if s.control.input(control.Key{VK: vk, Down: true}) != nil || s.control.input(control.Key{VK: vk}) != nil {
				continue
			}
			if s.awaitEcho(ctx, in.Sent, at.Add(echoTimeout)) {
				trips = append(trips, time.Since(at))
			}
			_ = s.control.input(control.MouseMove{DX: int16(i%7 - 3), DY: int16(i%5 - 2)})
		}
		if ctx.Err() != nil {
			break
		}
	}
	in.RoundTrip = spread(trips)
}

// awaitEcho waits until the app says that it has seen that many keys.
func (s *stream) awaitEcho(ctx context.Context, keys int, until time.Time) bool {
	timeout := time.NewTimer(time.Until(until))
	defer timeout.Stop()
	for {
		select {
		case seen := <-s.echo:
			if seen >= keys {
				return true
			}
		case <-timeout.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// finish makes the report. Every goroutine of the stream has ended.
func (s *stream) finish() {
	o, r := &s.seen, s.prober.report
	stats := s.receiver.Stats()
	f := &r.Frames
	f.Received, f.Decoded, f.Lost, f.IDRs = o.received, o.decoded, o.lost, o.idrs
	if total := o.received + o.lost - o.cut; total > 0 {
		f.DecodedPercent = 100 * float64(o.decoded) / float64(total)
	}
	if d := o.last.Sub(o.first).Seconds(); d > 0 {
		f.FPS, f.BitrateKbps = float64(o.received-1)/d, float64(o.bytes)*8/1000/d
	}
	f.Packets, f.Recovered, f.Duplicates = stats.Packets, stats.Recovered, stats.Duplicates
	f.Refused = stats.Malformed + stats.Unauthentic
	f.Gaps = longest(o.intervals, 32)
	f.Interval, f.HostLatency = spread(o.intervals), spread(slices.Clone(o.hostLatency))
	o.code.Latency = spread(o.latency)
	r.Barcode = o.code
	if o.code.Seen > 0 {
		r.Input.SeenTotal = o.keys - o.keysAtStart
		r.Input.Echoed = min(r.Input.Sent, r.Input.SeenTotal)
	}
	if o.decoded > 0 {
		r.last = &o.picture
	}
	s.judge()
}

// healthy is the share of frames in percent below which a stream is not.
const healthy = 95

func (s *stream) judge() {
	r := s.prober.report
	switch {
	case r.Frames.Decoded == 0:
		r.problem("no frame was decoded")
	case r.Frames.DecodedPercent < healthy:
		r.problem("only %.1f %% of the frames could be decoded", r.Frames.DecodedPercent)
	}
	if r.Barcode.Foreign > 0 {
		r.problem("%d pictures belong to another session", r.Barcode.Foreign)
	}
	if r.Barcode.OutOfOrder > 0 {
		r.problem("%d pictures came out of order", r.Barcode.OutOfOrder)
	}
	if r.Barcode.Seen > 0 && r.Input.Sent > 0 && r.Input.Echoed < r.Input.Sent {
		r.problem("only %d of %d keys reached the app", r.Input.Echoed, r.Input.Sent)
	}
}
