package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestLife: the stages in order, a goodbye before anything is torn down, and
// nothing left.
func TestLife(t *testing.T) {
	h := open(t, options(t))
	var atGoodbye []string
	var s *Session
	r := request("a", demo())
	r.Goodbye = func(_ context.Context, end evidence.End) {
		atGoodbye = append(atGoodbye, string(end), string(s.State()))
		if len(s.Processes()) < 4 {
			atGoodbye = append(atGoodbye, "torn down already")
		}
	}
	s = h.launch(r)
	if s.State() != Waiting || s.Encoder() != "" {
		t.Errorf("state %s, encoder %q", s.State(), s.Encoder())
	}
	frames := h.play(s, stream)
	if !next(t, frames) {
		t.Error("the first frame is no key frame")
	}
	if s.State() != Streaming || s.Encoder() != "x264enc" || s.Stream() != stream {
		t.Errorf("state %s, encoder %q, stream %+v", s.State(), s.Encoder(), s.Stream())
	}
	if got := len(s.Processes()); got != 5 {
		t.Errorf("%d processes, want display, sound, keeper, app and encoder", got)
	}
	if err := s.SetBitrate(900); err != nil {
		t.Error(err)
	}
	s.Keyframe()
	for !next(t, frames) {
	}
	if other, ok := h.ByClient("a"); !ok || other != s {
		t.Error("the session is not found by its client")
	}
	s.End(evidence.EndStopped, "by the test")
	s.End(evidence.EndAppCrashed, "too late")
	h.finished(s, evidence.EndStopped)
	if want := []string{"stopped", "ending"}; !slices.Equal(atGoodbye, want) {
		t.Errorf("at the goodbye %v, want %v", atGoodbye, want)
	}
	var order []string
	for _, e := range s.Trace().Events() {
		if e.Kind == evidence.Done {
			order = append(order, string(e.Stage))
		}
	}
	// Sound is not waited for.
	order = slices.DeleteFunc(order, func(stage string) bool { return stage == string(evidence.StageAudioSink) })
	if want := "launch display app video_pipeline stop"; strings.Join(order, " ") != want {
		t.Errorf("stages done: %v, want %s", order, want)
	}
	if last := s.Trace().Events(); last[len(last)-1].Kind != evidence.Ended {
		t.Errorf("the last event is %+v", last[len(last)-1])
	}
	if err := s.Prepare(t.Context(), stream); err == nil || !strings.Contains(err.Error(), "launch the app again") {
		t.Errorf("Prepare after the end: %v", err)
	}
	if err := s.Resume(); evidence.KindOf(err) != evidence.NotFound {
		t.Errorf("Resume after the end: %v", err)
	}
}

// TestPauseAndResume: the app lives on without an encoder, and takes another size.
func TestPauseAndResume(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	s.Pause()
	s.Pause()
	if s.State() != Paused || s.Encoder() != "" || len(s.Processes()) != 4 {
		t.Errorf("state %s, encoder %q, processes %v", s.State(), s.Encoder(), s.Processes())
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	wider := stream
	wider.Width, wider.Height = 800, 600
	if !next(t, h.play(s, wider)) {
		t.Error("the first frame after a resume is no key frame")
	}
	s.End(evidence.EndClientQuit, "")
	h.finished(s, evidence.EndClientQuit)
}

// TestDeadlines: a client that never comes, and one that never comes back.
func TestDeadlines(t *testing.T) {
	o := options(t)
	o.Limits.Connect, o.Limits.Lease = 50*time.Millisecond, 50*time.Millisecond
	h := open(t, o)
	never := h.launch(request("never", demo()))
	h.finished(never, evidence.EndNeverConnected)
	h.await("rtsp timeout", 1, func(e evidence.Event) bool {
		return e.Session == never.ID() && e.Fault == evidence.FaultRTSPTimeout
	})
	// A client that gets further is missed at the stage after.
	for _, reached := range []struct {
		stages []evidence.Stage
		fault  evidence.FaultID
	}{
		{[]evidence.Stage{evidence.StageRTSP}, evidence.FaultControlTimeout},
		{[]evidence.Stage{evidence.StageRTSP, evidence.StageControl}, evidence.FaultPingTimeout},
	} {
		o := options(t)
		o.Limits.Connect = time.Second
		h := open(t, o)
		late := h.launch(request("late", demo()))
		for _, stage := range reached.stages {
			late.Trace().Began(stage)
			late.Trace().Done(stage)
		}
		h.finished(late, evidence.EndNeverConnected)
		h.await(string(reached.fault), 1, func(e evidence.Event) bool {
			return e.Session == late.ID() && e.Fault == reached.fault
		})
	}
	o = options(t)
	o.Limits.Lease = 50 * time.Millisecond
	h = open(t, o)
	gone := h.launch(request("gone", demo()))
	gone.Pause()
	h.finished(gone, evidence.EndClientGone)
}

// TestRefusals: each says what is wrong, and leaves nothing.
func TestRefusals(t *testing.T) {
	h := open(t, options(t))
	refused := func(name string, r Request, kind evidence.ErrorKind, words ...string) {
		t.Helper()
		_, err := h.Launch(t.Context(), r)
		if evidence.KindOf(err) != kind {
			t.Errorf("%s: %v is %s, want %s", name, err, evidence.KindOf(err), kind)
			return
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
	}
	missing := demo()
	missing.Runner = app.RunnerSpec{Type: app.TypeProcess, Args: []string{"no-such-program"}}
	refused("missing program", request("m", missing), evidence.KindOf(h.runner.Check(missing, nil)), "no-such-program")
	s := h.launch(request("a", demo()))
	refused("second session", request("a", demo()), evidence.Conflict, "resume or quit", "Demo")
	h.launch(request("b", demo()))
	h.launch(request("c", demo()))
	refused("fourth session", request("d", demo()), evidence.Full, "full", "3 of 3")
	s.End(evidence.EndStopped, "")
	h.finished(s, evidence.EndStopped)
	h.launch(request("d", demo()))
	if got := len(h.Sessions()); got != 3 {
		t.Errorf("%d sessions", got)
	}
}

// TestConcurrentLaunchesDoNotOvershoot: three of fifty start.
func TestConcurrentLaunchesDoNotOvershoot(t *testing.T) {
	h := open(t, options(t))
	var wait sync.WaitGroup
	results := make(chan error, 50)
	for i := range 50 {
		wait.Go(func() {
			_, err := h.Launch(t.Context(), request(fmt.Sprint(i), demo()))
			results <- err
		})
	}
	wait.Wait()
	close(results)
	started := 0
	for err := range results {
		if err == nil {
			started++
		} else if evidence.KindOf(err) != evidence.Full {
			t.Error(err)
		}
	}
	if started != 3 || len(h.Sessions()) != 3 {
		t.Errorf("%d started, %d live", started, len(h.Sessions()))
	}
}

func TestUserIDsRunOut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only a root host gives each session a user id")
	}
	o := options(t)
	o.UIDCount = 1 // taken by the spare worker, or by the session
	h := open(t, o)
	for range 2 {
		_, err := h.Launch(t.Context(), request("a", demo()))
		if err == nil || !strings.Contains(err.Error(), "user ids") {
			t.Errorf("error = %v", err)
		}
		if n := len(h.Sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	}
}

// TestLaunchIsGivenUp: a client that hangs up while the app starts.
func TestLaunchIsGivenUp(t *testing.T) {
	h := open(t, options(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Launch(ctx, request("a", demo())); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	if n := len(h.Sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	ended := h.await("end", 1, func(e evidence.Event) bool { return e.Kind == evidence.Ended })
	h.nothingLeft(ended.Session)
}

// TestSweep: what a killed host left is gone when the next one is open.
func TestSweep(t *testing.T) {
	o := options(t)
	if err := os.MkdirAll(filepath.Join(o.RuntimeDir, "0123456789ab", "home"), 0o700); err != nil {
		t.Fatal(err)
	}
	orphan := startOrphan(t, o.Instance)
	h := open(t, o)
	if entries, _ := os.ReadDir(h.o.RuntimeDir); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
	select {
	case <-orphan:
	case <-time.After(patience):
		t.Error("the orphan lives")
	}
}

// TestCloseEndsAll: also a session whose app ignores its end.
func TestCloseEndsAll(t *testing.T) {
	h := open(t, options(t))
	first := h.launch(request("a", demo()))
	deaf := h.launch(request("b", shell("trap '' TERM HUP INT; sleep 1000 & while :; do wait; done")))
	next(t, h.play(first, stream))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.Close(ctx, evidence.EndShutdown); err != nil {
		t.Error(err)
	}
	for _, s := range []*Session{first, deaf} {
		if end, _ := s.EndReason(); end != evidence.EndShutdown {
			t.Errorf("end = %s", end)
		}
		if pids := marked("KENNEL_SESSION=" + s.ID()); len(pids) > 0 {
			t.Errorf("%v live", pids)
		}
	}
	if _, err := h.Launch(t.Context(), request("c", demo())); evidence.KindOf(err) != evidence.Unavailable {
		t.Errorf("launch after close: %v", err)
	}
}

// TestLookingAtASessionThatBegins: what the API asks of a session can be asked at
// each of its events, from the first one on.
func TestLookingAtASessionThatBegins(t *testing.T) {
	h := open(t, options(t))
	looked := 0
	s, err := h.start(t.Context(), request("a", demo()), func(e evidence.Event) {
		if s, ok := h.Session(e.Session); ok {
			looked++
			_, _, _, _ = s.OutputTail("app"), s.Processes(), s.Encoder(), s.Failovers()
		}
		h.event(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if first := h.seen()[0]; first.Stage != evidence.StageLaunch || first.Kind != evidence.Began || looked == 0 {
		t.Errorf("looked %d times, first at %s %s", looked, first.Stage, first.Kind)
	}
	s.End(evidence.EndStopped, "")
	h.finished(s, evidence.EndStopped)
}
