package wolfapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
)

// events opens a stream of events.
func (w *wire) events() *bufio.Reader {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	w.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+base+"events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("events: %s %v", res.Status, res.Header)
	}
	return bufio.NewReader(res.Body)
}

// next reads one event as name and data.
func next(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var parts []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream of events: %v after %q", err, parts)
		}
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "" && len(parts) > 0:
			return strings.Join(parts, " ")
		case line == "" || line == ":keepalive":
		default:
			parts = append(parts, line)
		}
	}
}

func TestEventsInWolfsWords(t *testing.T) {
	d := newDesk(t)
	d.streams = []Stream{streaming()}
	w := serve(t, d)
	r := w.events()
	w.feed.Waits(host.Pairing{Address: "192.0.2.7"})
	for _, e := range []evidence.Event{
		{Session: "canary", Stage: evidence.StageLaunch, Kind: evidence.Done}, // nobody's
		{Session: "018f", Stage: evidence.StageLaunch, Kind: evidence.Began},
		{Session: "018f", Stage: evidence.StageLaunch, Kind: evidence.Done},
		{Session: "018f", Stage: evidence.StageApp, Kind: evidence.Done},
		{Session: "018f", Stage: evidence.StageRTSP, Kind: evidence.Done},
		{Session: "018f", Stage: evidence.StageStreaming, Kind: evidence.Note, Attrs: map[string]string{"paused": "the client left"}},
		{Session: "018f", Stage: evidence.StageLaunch, Kind: evidence.Note, Attrs: map[string]string{"resume": "1280x720@60"}},
		{Stage: evidence.StageLaunch, Kind: evidence.Note},
		{Session: "018f", Stage: evidence.StageStop, Kind: evidence.Began},
		{Session: "018f", Stage: evidence.StageStop, Kind: evidence.Ended},
		{Session: "018f", Stage: evidence.StageStop, Kind: evidence.Began}, // nothing more of it
	} {
		w.feed.Record(e)
	}
	const settings = `{"run_uid":61000,"run_gid":61000,"controllers_override":[],"mouse_acceleration":1,"v_scroll_acceleration":1,"h_scroll_acceleration":1,"motion_controller_override":"AUTO"}`
	const none = `[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]`
	for _, want := range []string{
		`PairSignal data: {"client_ip":"192.0.2.7","host_ip":""}`,
		`StreamSession data: {"client_ip":"192.0.2.7","aes_key":"","aes_iv":"","rtsp_fake_ip":"","video_width":1280,"video_height":720,"video_refresh_rate":60,"audio_channel_count":6,"app_id":"788346166","client_id":"1","client_settings":` + settings + `}`,
		`StartRunner data: {"stop_stream_when_over":true,"runner":{"type":"process","run_cmd":"kennel demo"},"session_id":"1"}`,
		`VideoSession data: {"display_mode":{"width":1280,"height":720,"refreshRate":60},"gst_pipeline":"","render_node":"","session_id":"1","port":48100,"timeout_ms":0,"wait_for_ping":true,"packet_size":0,"frames_with_invalid_ref_threshold":0,"fec_percentage":0,"min_required_fec_packets":0,"bitrate_kbps":9000,"slices_per_frame":4,"color_range":"MPEG","color_space":"BT601","client_ip":"192.0.2.7","rtp_secret_payload":` + none + `}`,
		`AudioSession data: {"gst_pipeline":"","session_id":"1","encrypt_audio":false,"aes_key":"","aes_iv":"","port":48200,"wait_for_ping":true,"client_ip":"192.0.2.7","rtp_secret_payload":` + none + `,"packet_duration":0,"audio_mode":{"channels":6,"streams":0,"coupled_streams":0,"speakers":["FRONT_LEFT","FRONT_RIGHT","FRONT_CENTER","LOW_FREQUENCY","BACK_LEFT","BACK_RIGHT"],"bitrate":0,"sample_rate":48000}}`,
		`PauseStreamEvent data: {"session_id":"1"}`,
		`ResumeStreamEvent data: {"session_id":"1"}`,
		`StopStreamEvent data: {"session_id":"1"}`,
	} {
		if diff := cmp.Diff("event: wolf::core::events::"+want, next(t, r)); diff != "" {
			t.Error(diff)
		}
	}
	w.feed.Waits(host.Pairing{Address: "192.0.2.8"})
	if last := next(t, r); !strings.Contains(last, "192.0.2.8") {
		t.Errorf("after the end came %s", last)
	}
}

// TestEventsOverOldHTTP: what a tool reads that knows HTTP/1.0 or reads lines
// from the socket has no chunks, also in HTTP/1.1.
func TestEventsOverOldHTTP(t *testing.T) {
	w := serve(t, newDesk(t))
	for _, version := range []string{"1.0", "1.1"} {
		c, err := net.Dial("unix", w.path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, "GET /api/v1/events HTTP/"+version+"\r\nHost: localhost\r\n\r\n")
		r := bufio.NewReader(c)
		for line := "x"; line != "\r\n"; {
			if line, err = r.ReadString('\n'); err != nil || strings.HasPrefix(strings.ToLower(line), "transfer-encoding") {
				t.Fatalf("HTTP/%s: header %q, %v", version, line, err)
			}
		}
		w.feed.Waits(host.Pairing{Address: "192.0.2.7"})
		if line, err := r.ReadString('\n'); err != nil || line != "event: wolf::core::events::PairSignal\n" {
			t.Errorf("HTTP/%s: %q, %v", version, line, err)
		}
	}
}

// TestWhoFallsBehindIsLetGo, and holds up nobody.
func TestWhoFallsBehindIsLetGo(t *testing.T) {
	f := NewFeed()
	slow, leave, err := f.subscribe()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	for range subscriberQueue + 1 {
		f.Waits(host.Pairing{})
	}
	n := 0
	for range slow {
		n++
	}
	if n != subscriberQueue {
		t.Errorf("%d events before the end", n)
	}
	for range maxSubscribers {
		if _, _, err := f.subscribe(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := f.subscribe(); evidence.KindOf(err) != evidence.Full {
		t.Errorf("one too many: %v", err)
	}
	f.Close()
	if _, _, err := f.subscribe(); evidence.KindOf(err) != evidence.Unavailable {
		t.Errorf("after the end: %v", err)
	}
	f.Waits(host.Pairing{})
}
