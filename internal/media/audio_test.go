package media_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/pulse"
	"github.com/kennel-stream/kennel/internal/sound"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

func (b *bench) audioWorker() *media.Worker {
	b.Helper()
	w, err := media.Start(b.ctx, b.spawner, media.Options{Executable: b.exe, Audio: true, Stderr: os.Stderr})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { w.Kill() })
	return w
}

// soundServer is a session's server without a session.
func (b *bench) soundServer(channels int) (*sound.Server, *process.Process) {
	b.Helper()
	s, err := sound.Open(sound.Options{Dir: b.TempDir(), Channels: channels, Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s, b.serve(s)
}

func (b *bench) serve(s *sound.Server) *process.Process {
	b.Helper()
	p, err := s.Start(b.ctx, b.spawner, os.Stderr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Kill)
	return p
}

// opusLayouts are what hosts tell clients, and stereo.
func opusLayouts() []media.OpusSpec {
	stereo := media.OpusSpec{Channels: 2, Streams: 1, Coupled: 1, Mapping: [8]uint8{0, 1}, Duration: 5 * time.Millisecond, BitrateKbps: 128}
	specs := []media.OpusSpec{stereo}
	for _, l := range rtsp.StandardLayouts() {
		spec := media.OpusSpec{Channels: l.Channels, Streams: l.Streams, Coupled: l.Coupled, Duration: 5 * time.Millisecond, BitrateKbps: 64 * l.Channels}
		copy(spec.Mapping[:], l.Mapping)
		specs = append(specs, spec)
	}
	specs[1].Duration = 10 * time.Millisecond
	return specs
}

// soloist plays on one channel alone, on every server that comes.
func (b *bench) soloist(s *sound.Server, channels, channel int) {
	b.Helper()
	client, err := pulse.Dial(b.ctx, s.Socket(), "soloist")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	wanted := make(chan int, 256)
	playback, err := client.Play(sound.Sink, channels, 40*time.Millisecond, func(n int) { wanted <- n })
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		sample := 0
		for {
			select {
			case n := <-wanted:
				pcm := make([]byte, n)
				for i := channel * 2; i < n; i += 2 * channels {
					v := 8000 * math.Sin(2*math.Pi*600*float64(sample)/media.AudioRate)
					binary.LittleEndian.PutUint16(pcm[i:], uint16(int16(v)))
					sample++
				}
				if playback.Write(pcm) != nil {
					return
				}
			case <-client.Done():
				return
			}
		}
	}()
}

// levels is the mean square of each channel.
func levels(pcm []byte, channels int) []float64 {
	sums := make([]float64, channels)
	for i := 0; i+1 < len(pcm); i += 2 {
		v := float64(int16(binary.LittleEndian.Uint16(pcm[i:])))
		sums[i/2%channels] += v * v
	}
	for k := range sums {
		sums[k] = math.Sqrt(sums[k] / float64(len(pcm)/2/channels))
	}
	return sums
}

func (b *bench) record(spec media.OpusSpec, s *sound.Server) *media.Recording {
	b.Helper()
	r, err := b.audioWorker().Record(b.ctx, media.RecordSpec{Opus: spec, Socket: s.Socket(), Source: sound.Monitor})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	if err := r.Start(); err != nil {
		b.Fatal(err)
	}
	return r
}

// loud reads packets until one is decoded to sound, all of one length.
func (b *bench) loud(r *media.Recording, d *media.AudioDecoding, channels int) []float64 {
	b.Helper()
	deadline, length := time.Now().Add(patience), 0
	var f ipc.Frame
	for heard := 0; time.Now().Before(deadline); {
		if err := r.Read(patience, &f); err != nil {
			b.Fatal(err)
		}
		if length == 0 {
			length = len(f.Data)
		}
		if len(f.Data) != length {
			b.Fatalf("a packet of %d bytes after those of %d", len(f.Data), length)
		}
		pcm, err := d.Decode(f.Data)
		if err != nil {
			b.Fatal(err)
		}
		got := levels(pcm, channels)
		sum := 0.0
		for _, l := range got {
			sum += l
		}
		// The first packets after silence still fade in.
		if sum > 2000 {
			if heard++; heard == 8 {
				return got
			}
		}
	}
	b.Fatal("nothing was heard")
	return nil
}

// TestEveryChannelStaysItself: what plays on one channel comes out there and
// nowhere else, in each layout that clients are told of.
func TestEveryChannelStaysItself(t *testing.T) {
	b := newBench(t)
	for _, spec := range opusLayouts() {
		d, err := b.audioWorker().DecodeAudio(b.ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		for channel := range spec.Channels {
			s, p := b.soundServer(spec.Channels)
			b.soloist(s, spec.Channels, channel)
			r := b.record(spec, s)
			got := b.loud(r, d, spec.Channels)
			for k, level := range got {
				if k == channel && level < 1500 || k != channel && level > got[channel]/10 {
					t.Errorf("%d streams, %d coupled: channel %d alone plays, levels %.0f", spec.Streams, spec.Coupled, channel, got)
				}
			}
			_ = r.Close()
			p.Kill()
		}
	}
}

// TestSilenceFlows: without a sound server there are packets of silence; when
// one comes it is heard, when it goes silence flows again.
func TestSilenceFlows(t *testing.T) {
	b := newBench(t)
	spec := opusLayouts()[0]
	s, p := b.soundServer(2)
	p.Kill()
	r := b.record(spec, s)
	var f ipc.Frame
	for range 50 {
		if err := r.Read(patience, &f); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.audioWorker().DecodeAudio(b.ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want media.Sound) {
		t.Helper()
		for {
			select {
			case got := <-r.Sounds():
				if got == want {
					return
				}
			case <-time.After(patience):
				t.Fatalf("%+v was not told", want)
			}
		}
	}
	p = b.serve(s)
	expect(media.Sound{Connected: true})
	b.soloist(s, 2, 1)
	b.loud(r, d, 2)
	p.Kill()
	expect(media.Sound{})
	for range 50 {
		if err := r.Read(patience, &f); err != nil {
			t.Fatal(err)
		}
	}
	b.serve(s)
	b.soloist(s, 2, 0)
	expect(media.Sound{Connected: true, Settled: true, Players: 1})
	b.loud(r, d, 2)
}

func TestAudioWorkersRefuse(t *testing.T) {
	b := newBench(t)
	w := b.audioWorker()
	if h := w.Hello(); h.Opus == "" || h.GStreamer != "" {
		t.Errorf("hello %+v", h)
	}
	good := opusLayouts()[0]
	for name, change := range map[string]func(*media.OpusSpec){
		"no channels": func(s *media.OpusSpec) { s.Channels = 0 },
		"coupled":     func(s *media.OpusSpec) { s.Coupled = 2 },
		"mapping":     func(s *media.OpusSpec) { s.Mapping[1] = 2 },
		"duration":    func(s *media.OpusSpec) { s.Duration = 7 * time.Millisecond },
		"bit rate":    func(s *media.OpusSpec) { s.BitrateKbps = 1 },
	} {
		bad := good
		change(&bad)
		if _, err := w.DecodeAudio(b.ctx, bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	d, err := w.DecodeAudio(b.ctx, good)
	if err != nil {
		t.Fatal(err)
	}
	for _, packet := range [][]byte{nil, {0xff}, make([]byte, 1275)} {
		if _, err := d.Decode(packet); err != nil {
			t.Errorf("a damaged packet ends the decoder: %v", err)
		}
	}
	if _, err := w.DecodeAudio(b.ctx, good); !errors.Is(err, media.ErrBusy) {
		t.Errorf("a second job: %v", err)
	}
	video := b.audioWorker()
	if _, err := video.Decode(b.ctx, media.DecodeSpec{Codec: "h264"}); err == nil {
		t.Error("a worker for sound decodes video")
	}
}
