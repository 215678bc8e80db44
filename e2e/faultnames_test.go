package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
)

const faultyHost = `version = 1
[limits]
width = 8192
height = 4320
cores = 1000
sessions = 8
[video]
encoders = ["openh264"]
[[apps]]
title = "Demo"
[apps.runner]
type = "demo"
[[apps]]
title = "Sleeps"
[apps.runner]
type = "process"
args = ["sleep", "600"]
`

// failing is a way in which a session of these tests fails.
type failing struct {
	name string
	want evidence.FaultID
	// provoke has a client of that identity fail, and returns its session.
	provoke func(s *server, identity string) string
}

var failings = []failing{
	{"an encoder that is killed", evidence.FaultEncoderDied, killEncoder},
	{"a directory that stays", evidence.FaultResidue, leaveDirectory},
	// The last one, because its encoder then rests for all sessions.
	{"a picture that the encoder refuses", evidence.FaultEncoderInit, refusePicture},
}

// TestFaultsAreNamed: what fails is named by the fault of the worker that failed,
// in the events and by the doctor, who reads the log that this host wrote.
func TestFaultsAreNamed(t *testing.T) {
	t.Parallel() // what is timed has seconds to spare
	s := startServer(t, faultyHost)
	ids := make([]string, len(failings))
	for i, f := range failings {
		me := t.TempDir()
		s.pair(me, "1234")
		ids[i] = f.provoke(s, me)
	}
	seen := s.doctor()
	for i, f := range failings {
		if ids[i] == "" {
			continue // it needs root
		}
		d := s.ended(ids[i])
		var told []evidence.FaultID
		for _, e := range d.Events {
			if e.Fault != "" {
				told = append(told, e.Fault)
			}
		}
		if !slices.Contains(told, f.want) {
			t.Errorf("%s: the events tell %q, want %s", f.name, told, f.want)
		}
		one := nearest(seen.Sessions, d.Started)
		if one == nil {
			t.Errorf("%s: the doctor does not see the session", f.name)
			continue
		}
		if !slices.ContainsFunc(one.Findings, func(found diagnosis.Finding) bool { return found.Fault == string(f.want) }) {
			t.Errorf("%s: the doctor finds %+v", f.name, one.Findings)
		}
		// The others fail in no stage.
		if f.want == evidence.FaultEncoderInit && (one.Root == nil || *one.Root != string(f.want)) {
			t.Errorf("%s: the doctor says %s, root %v", f.name, one.Verdict, one.Root)
		}
	}
}

// nearest is the session that began at that time, or nil.
func nearest(sessions []diagnosis.Session, at time.Time) *diagnosis.Session {
	for i := range sessions {
		if sessions[i].Began.Sub(at).Abs() < 100*time.Millisecond {
			return &sessions[i]
		}
	}
	return nil
}

// failingSession runs a client until its session has ended, and returns that.
func (s *server) failingSession(o probe.Options, meanwhile func(id string)) (id string) {
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := probe.Run(ctx, o)
		done <- err
	}()
	client := clientID(s.t, o.IdentityDir)
	waitFor(s.t, "the session of a client", func() bool {
		all, err := s.api.Sessions(s.t.Context(), true)
		for _, one := range all {
			if err == nil && one.Client == client {
				id = one.ID
			}
		}
		return id != ""
	})
	meanwhile(id)
	s.ended(id)
	stop()
	<-done
	return id
}

// killEncoder kills the encoder of a stream, which goes on.
func killEncoder(s *server, identity string) string {
	o := s.clientOptions(identity)
	o.App = "Demo"
	return s.failingSession(o, func(id string) {
		live := s.streaming()
		kill(s.t, process(s.t, live, "kennel-media"))
		waitFor(s.t, "another encoder", func() bool {
			d, err := s.api.Session(s.t.Context(), id)
			return err == nil && d.Failovers != nil
		})
		if err := s.api.StopSession(s.t.Context(), id); err != nil {
			s.t.Error(err)
		}
	})
}

// leaveDirectory keeps the host from removing a session's directory, as a mount
// does that nobody takes away.
func leaveDirectory(s *server, identity string) string {
	if os.Geteuid() != 0 {
		return ""
	}
	o := s.clientOptions(identity)
	o.App = "Demo"
	return s.failingSession(o, func(id string) {
		s.streaming()
		dir := filepath.Join("/run/kennel", s.instance(), id[24:], "left")
		if err := os.Mkdir(dir, 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
			_ = os.RemoveAll(filepath.Dir(dir))
		})
		if err := s.api.StopSession(s.t.Context(), id); err != nil {
			s.t.Error(err)
		}
		waitFor(s.t, "the leak in the log", func() bool { return strings.Contains(s.log.String(), "fault="+string(evidence.FaultResidue)+" ") })
	})
}

// refusePicture asks for a picture that openh264 does not encode.
func refusePicture(s *server, identity string) string {
	o := s.clientOptions(identity)
	o.App, o.Width, o.Height, o.FPS = "Sleeps", 8192, 4320, 10
	return s.failingSession(o, func(string) {})
}
