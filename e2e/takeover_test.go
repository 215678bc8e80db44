package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// TestAClientThatCrashesAndComesBack: its old control link is found dead only
// seconds after the client has a new one, which that must not touch.
func TestAClientThatCrashesAndComesBack(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[limits]\nclient_timeout = \"3s\"\n")
	crashes := exec.Command(kennel(t), "probe", s.addr(), "--identity", me, "--mode", "640x360x30", "--seconds", "60", "--keys", "0")
	if err := crashes.Start(); err != nil {
		t.Fatal(err)
	}
	live := s.streaming()
	if err := crashes.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = crashes.Wait()
	r := s.probe(me, "--mode", "640x360x30", "--seconds", "8", "--keys", "10")
	if !r.Resumed || r.Input.Echoed != 10 || r.Frames.Received < 8*30*8/10 {
		t.Errorf("the stream after the return: resumed %t, %+v, %+v", r.Resumed, r.Input, r.Frames)
	}
	if d := s.ended(live.ID); d.End != string(evidence.EndClientQuit) || hasFault(d, evidence.FaultControlLost) {
		t.Errorf("the session ended as %s: %+v", d.End, d.Events)
	}
}

// TestASecondClientTakesOver: two clients with one certificate. The newer one has
// the session; the older one is told so and ends.
func TestASecondClientTakesOver(t *testing.T) {
	s, me := pairedServer(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first := exec.CommandContext(ctx, kennel(t), "probe", s.addr(), "--identity", me, "--mode", "640x360x30", "--seconds", "60", "--keys", "0", "--json")
	var out bytes.Buffer
	first.Stdout = &out
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	live := s.streaming()
	second := s.probe(me, "--mode", "640x360x30", "--seconds", "3", "--keys", "5")
	_ = first.Wait() // its stream ended early, which it calls a failure
	var r probe.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("the first client: %v in %q", err, &out)
	}
	want := int(int32(control.HostReason(evidence.NumberTakenOver)))
	if r.Termination == nil || *r.Termination != want {
		t.Errorf("the first client was told %v, want %d", r.Termination, want)
	}
	if ctx.Err() != nil {
		t.Error("the first client did not end by itself")
	}
	if !second.Resumed || second.Input.Echoed != 5 || second.Termination != nil {
		t.Errorf("the second client: resumed %t, %+v, ended with %v", second.Resumed, second.Input, second.Termination)
	}
	if d := s.ended(live.ID); d.End != string(evidence.EndClientQuit) {
		t.Errorf("the session ended as %s", d.End)
	}
}
