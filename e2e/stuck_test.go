package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/process/processtest"
)

// TestSIGTERMWithAProcessThatNothingEnds: an encoder hangs in its driver. The
// host ends within the time that a service manager gives, and tells of the
// process that it had to leave behind.
func TestSIGTERMWithAProcessThatNothingEnds(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, "")
	b := s.background(me, "--mode", "640x360x30", "--seconds", "30", "--keys", "0")
	live := s.streaming()
	pid := process(t, live, "kennel-media")
	thaw := processtest.Freeze(t, pid)
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.done <- err
		t.Logf("ended after %v: %v", time.Since(began).Round(time.Millisecond), err)
	case <-time.After(29 * time.Second): // TimeoutStopSec is 30 in docs/operations.md
		t.Error("it does not end")
	}
	<-b.done
	if named := fmt.Sprintf("process %d (media, state D)", pid); !strings.Contains(s.log.String(), named) {
		t.Errorf("the log does not name %q", named)
	}
	thaw()
}
