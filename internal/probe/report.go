package probe

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// Millis is a duration that is written to JSON in milliseconds.
type Millis time.Duration

// MarshalJSON writes milliseconds with three decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(m)/1e6), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Millis) UnmarshalJSON(raw []byte) error {
	var f float64
	if _, err := fmt.Sscan(string(raw), &f); err != nil {
		return fmt.Errorf("read milliseconds %q: %w", raw, err)
	}
	*m = Millis(f * 1e6)
	return nil
}

// String writes one decimal.
func (m Millis) String() string { return fmt.Sprintf("%.1f ms", float64(m)/1e6) }

// Spread is how a duration is distributed.
type Spread struct {
	Count int    `json:"count"`
	P50   Millis `json:"p50_ms"`
	P95   Millis `json:"p95_ms"`
	P99   Millis `json:"p99_ms"`
	Max   Millis `json:"max_ms"`
}

// spread sorts samples in place. Percentiles are by nearest rank.
func spread(samples []time.Duration) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	slices.Sort(samples)
	at := func(p int) Millis { return Millis(samples[(len(samples)*p+99)/100-1]) }
	return Spread{Count: len(samples), P50: at(50), P95: at(95), P99: at(99), Max: Millis(samples[len(samples)-1])}
}

// longest returns the n longest samples, longest first.
func longest(samples []time.Duration, n int) []Millis {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	all := make([]Millis, 0, n)
	for _, d := range sorted[:min(n, len(sorted))] {
		all = append(all, Millis(d))
	}
	return all
}

// Timing is measured from the launch request. Zero: it did not come to that.
type Timing struct {
	LaunchAnswered Millis `json:"launch_answered_ms"`
	RTSPDone       Millis `json:"rtsp_done_ms"`
	Connected      Millis `json:"control_connected_ms"`
	FirstPacket    Millis `json:"first_packet_ms"`
	FirstAudio     Millis `json:"first_audio_ms"`
	// FirstPicture is when the first key frame was whole: decodable.
	FirstPicture Millis `json:"first_picture_ms"`
	FirstDecoded Millis `json:"first_decoded_ms"`
}

// Frames counts what came over the wire, from the first key frame on.
type Frames struct {
	Received int `json:"received"`
	Decoded  int `json:"decoded"`
	Lost     int `json:"lost"`
	IDRs     int `json:"idrs"`
	// DecodedPercent is decoded of received and lost.
	DecodedPercent float64 `json:"decoded_percent"`
	FPS            float64 `json:"fps"`
	BitrateKbps    float64 `json:"bitrate_kbps"`
	// Recovered counts packets made from parity; Duplicates and Refused
	// datagrams of no use.
	Packets    uint64 `json:"packets"`
	Recovered  uint64 `json:"fec_recovered"`
	Duplicates uint64 `json:"duplicates"`
	Refused    uint64 `json:"refused"`
	// Interval is from one whole frame to the next.
	Interval Spread `json:"interval"`
	// Gaps are the longest intervals, at most 32, longest first.
	Gaps []Millis `json:"gaps_ms"`
	// HostLatency is what the host says that a frame took it.
	HostLatency Spread `json:"host_latency"`
}

// Barcode is what the demo app's picture says. Seen is 0 with other apps.
type Barcode struct {
	// Seen counts distinct frame numbers, Missed the gaps between them,
	// Repeated pictures with the number of the one before.
	Seen     int `json:"seen"`
	Missed   int `json:"missed"`
	Repeated int `json:"repeated"`
	// OutOfOrder counts numbers that fell, Foreign pictures of another session,
	// Damaged strips with a wrong checksum.
	OutOfOrder int    `json:"out_of_order"`
	Foreign    int    `json:"foreign"`
	Damaged    int    `json:"damaged"`
	SessionTag uint32 `json:"session_tag"`
	// Latency is from the app's commit to the decoded picture; it is measured
	// only on the host itself, which shares the clock.
	Latency Spread `json:"commit_to_decode"`
}

// Input is what became of the keys that were pressed.
type Input struct {
	Sent   int `json:"sent"`
	Echoed int `json:"echoed"`
	// SeenTotal is the number of keys that the app says it has seen since the
	// first picture.
	SeenTotal int    `json:"seen_total"`
	RoundTrip Spread `json:"round_trip"`
}

// Report is what a probe saw.
type Report struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
	Host     string   `json:"host"`
	Hostname string   `json:"hostname"`
	// Apps are the titles on offer, App the one that was launched.
	Apps []string `json:"apps"`
	App  string   `json:"app"`
	// Resumed is set when the app was running already.
	Resumed bool   `json:"resumed"`
	Codec   string `json:"codec"`
	Mode    string `json:"mode"`
	// EncryptedRTSP and EncryptedVideo say what was encrypted; the control
	// link always is.
	EncryptedRTSP  bool    `json:"encrypted_rtsp"`
	EncryptedVideo bool    `json:"encrypted_video"`
	Timing         Timing  `json:"timing"`
	Frames         Frames  `json:"frames"`
	Barcode        Barcode `json:"barcode"`
	Input          Input   `json:"input"`
	Audio          Audio   `json:"audio"`
	RTT            Millis  `json:"rtt_ms"`
	// Termination is the code with which the host ended the session, in the
	// client's numbering (0: it ended it gracefully); nil when it did not.
	Termination *int `json:"termination,omitempty"`

	last *picture
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Render writes the report for people, at most 80 columns wide.
func (r *Report) Render(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s "+format+"\n", append([]any{name}, args...)...)
	}
	line("host", "%s (%s)", r.Hostname, r.Host)
	line("apps", "%s", strings.Join(r.Apps, ", "))
	if r.App != "" {
		r.renderStream(line)
	}
	switch {
	case len(r.Problems) > 0:
		for _, p := range r.Problems {
			line("problem", "%s", p)
		}
	case r.OK:
		line("verdict", "healthy")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// encrypted lists what was encrypted.
func (r *Report) encrypted() string {
	what := []string{"control"}
	for name, is := range map[string]bool{"rtsp": r.EncryptedRTSP, "video": r.EncryptedVideo, "sound": r.Audio.Encrypted} {
		if is {
			what = append(what, name)
		}
	}
	slices.Sort(what)
	return strings.Join(what, " ")
}

func (r *Report) renderStream(line func(name, format string, args ...any)) {
	how := "launched"
	if r.Resumed {
		how = "resumed"
	}
	line("stream", "%s, %s, %s %s", r.App, how, r.Codec, r.Mode)
	line("encrypted", "%s", r.encrypted())
	t := r.Timing
	line("start", "answer %s, rtsp %s, control %s", t.LaunchAnswered, t.RTSPDone, t.Connected)
	line("", "first packet %s, first picture %s", t.FirstPacket, t.FirstPicture)
	f := r.Frames
	line("frames", "%d decoded (%.1f %%), %d lost, %d key frames, %.1f fps, %.0f kbit/s", f.Decoded, f.DecodedPercent, f.Lost, f.IDRs, f.FPS, f.BitrateKbps)
	line("packets", "%d, %d recovered, %d duplicate, %d refused", f.Packets, f.Recovered, f.Duplicates, f.Refused)
	line("interval", "p50 %s, p95 %s, p99 %s, max %s", f.Interval.P50, f.Interval.P95, f.Interval.P99, f.Interval.Max)
	if c := r.Barcode; c.Seen > 0 {
		line("pictures", "%d seen, %d missed, %d repeated, %d out of order, %d foreign", c.Seen, c.Missed, c.Repeated, c.OutOfOrder, c.Foreign)
		if c.Latency.Count > 0 {
			line("latency", "commit to decoded: p50 %s, p95 %s, p99 %s", c.Latency.P50, c.Latency.P95, c.Latency.P99)
		}
	}
	if r.Input.Sent > 0 {
		line("input", "%d of %d keys echoed, round trip p50 %s, p95 %s", r.Input.Echoed, r.Input.Sent, r.Input.RoundTrip.P50, r.Input.RoundTrip.P95)
	} else if r.Input.SeenTotal > 0 {
		line("input", "%d keys reached the app", r.Input.SeenTotal)
	}
	r.renderAudio(line)
	if r.Termination != nil {
		line("ended", "by the host, %s", terminationWords(*r.Termination))
	}
}

// takenOver reports whether another client of this certificate has the session.
func (r *Report) takenOver() bool {
	if r.Termination == nil {
		return false
	}
	n, ok := control.HRESULT(uint32(int32(*r.Termination))).HostReason()
	return ok && n == evidence.NumberTakenOver
}

// terminationWords tells a termination code, and of a Kennel host also why.
func terminationWords(code int) string {
	if n, ok := control.HRESULT(uint32(int32(code))).HostReason(); ok {
		if n == evidence.NumberTakenOver {
			return fmt.Sprintf("code %#x: taken over by another client with this certificate", uint32(int32(code)))
		}
		if end, known := evidence.EndByNumber(n); known {
			return fmt.Sprintf("code %#x: %s", uint32(int32(code)), end)
		}
	}
	return fmt.Sprintf("code %d", code)
}
