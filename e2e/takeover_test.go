package e2e

import (
	"os/exec"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
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
