package session

import (
	"bytes"
	"context"
	drawn "image"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// onlooker decodes a stream and compares pictures with notices.
type onlooker struct {
	t        testing.TB
	frames   chan []byte
	decoding *media.Decoding
	n        uint64
}

// onlooker plays the session into an onlooker.
func (h *house) onlooker(s *Session) *onlooker {
	h.t.Helper()
	w, err := h.spares.start(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { h.spares.retire(w) })
	o := &onlooker{t: h.t, frames: make(chan []byte, 4096)}
	if o.decoding, err = w.worker.Decode(h.t.Context(), media.DecodeSpec{Codec: "h264"}); err != nil {
		h.t.Skipf("no decoder: %v", err)
	}
	if err := s.Prepare(h.t.Context(), stream); err != nil {
		h.t.Fatal(err)
	}
	s.Play(func(f *ipc.Frame) {
		select {
		case o.frames <- bytes.Clone(f.Data):
		default:
		}
	})
	return o
}

// until decodes pictures until one shows the notice, or so many have not.
func (o *onlooker) until(notice *drawn.RGBA, most int) bool {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	for range most {
		var seen bool
		select {
		case frame := <-o.frames:
			o.n++
			if err := o.decoding.Decode(ctx, frame, o.n, func(p *media.Picture) { seen = seen || shows(p, notice) }); err != nil {
				o.t.Fatal(err)
			}
		case <-ctx.Done():
			o.t.Fatal("no frame")
		}
		if seen {
			return true
		}
	}
	return false
}

// shows compares the brightness of a picture at its lower edge, where notices
// are laid, with one.
func shows(p *media.Picture, notice *drawn.RGBA) bool {
	w, h := notice.Bounds().Dx(), notice.Bounds().Dy()
	left, top := (p.Width-w)/2, p.Height-h*3/2
	off := 0
	for y := range h {
		for x := range w {
			c := notice.RGBAAt(x, y)
			want := 16 + (66*int(c.R)+129*int(c.G)+25*int(c.B))/256
			if d := int(p.Y()[(top+y)*p.Width+left+x]) - want; d > 40 || d < -40 {
				off++
			}
		}
	}
	return off < w*h/50
}

// TestFailoverIsSaidOnce: by one event, by the API, and in the picture, also
// when the same encoder takes its own place.
func TestFailoverIsSaidOnce(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	o := h.onlooker(s)
	notice, err := card.Notice(stream.Width, stream.Height, failoverNotice("x264enc", "x264enc", media.ErrGone, "Demo"))
	if err != nil {
		t.Fatal(err)
	}
	if o.until(notice, 2*steadyFrames) {
		t.Fatal("the picture tells of a failover that was not")
	}
	if f := s.Failovers(); f.Count != 0 {
		t.Fatalf("before: %+v", f)
	}
	killed := time.Now()
	h.killEncoder(s)
	if !o.until(notice, 10*stream.FPS) {
		t.Error("the picture does not tell")
	}
	f := s.Failovers()
	if f.Count != 1 || f.From != "x264enc" || f.To != "x264enc" || f.Last.Before(killed) || !strings.Contains(f.Why, media.ErrGone.Error()) {
		t.Errorf("the API: %+v", f)
	}
	told := 0
	for _, e := range h.seen() {
		if e.Attrs[attrFailover] != "" {
			told++
		}
	}
	if from := FailoversOf(s.Trace().Events()); told != 1 || from.Count != 1 || from.Why != f.Why || from.To != f.To {
		t.Errorf("%d events tell it: %+v", told, from)
	}
	// And it goes away.
	for gone := false; !gone; gone = !o.until(notice, 1) {
		if time.Since(killed) > patience {
			t.Fatal("the notice stays")
		}
	}
}

// TestFailoverNotices say what happened, in words.
func TestFailoverNotices(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		why      error
		want     string
	}{
		{"a", "a", errDead, "The encoder a failed and was started again."},
		{"a", "b", errDead, "The encoder a failed; b goes on in its place."},
		{"a", "a", clientBufferError{1, errDead}, "A picture that App drew with the GPU ended the encoder. It is left out."},
	} {
		if got := failoverNotice(tt.from, tt.to, tt.why, "App"); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	events := []evidence.Event{
		{Stage: evidence.StageVideoPipeline, Attrs: map[string]string{attrFailover: "1", attrFrom: "a", attrNext: "b", attrBecause: "c"}},
		{Stage: evidence.StageApp, Attrs: map[string]string{attrFailover: "9"}},
		{Stage: evidence.StageVideoPipeline, Attrs: map[string]string{attrFailover: "2", attrFrom: "b", attrNext: "b", attrBecause: "d"}},
		{Stage: evidence.StageVideoPipeline},
	}
	if got := FailoversOf(events); got != (Failovers{Count: 2, From: "b", To: "b", Why: "d"}) {
		t.Errorf("of the events: %+v", got)
	}
}
