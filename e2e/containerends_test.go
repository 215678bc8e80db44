package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// containerEnd is a way for a container to end while its player looks.
type containerEnd struct {
	title  string
	runner string // lines of its [apps.runner]
	meddle func(*enginetest.Docker, string)
	fault  evidence.FaultID
	end    evidence.End
	words  string // of how it ended
}

var containerEnds = []containerEnd{
	{"Crash", `args = ["sh", "-c", "echo libfoo.so.1 is missing; exit 3"]`, nil, evidence.FaultAppCrashed, evidence.EndAppCrashed, "exit status 3"},
	{"Memory", "memory_mib = 96\n" + `args = ["sh", "-c", "kennel demo & sleep 2; tail /dev/zero; exit $?"]`, nil, evidence.FaultAppOOM, evidence.EndAppCrashed, "it needed more than its 96 MiB of memory"},
	{"Stopped", `args = ["kennel", "demo"]`, func(d *enginetest.Docker, id string) {
		d.Tell("POST", "/containers/"+id+"/stop?t=0")
	}, evidence.FaultContainerStopped, evidence.EndStopped, "its container was stopped from outside"},
	{"Restart", `args = ["kennel", "demo"]`, func(d *enginetest.Docker, _ string) {
		d.Stop()
		d.Restart()
	}, evidence.FaultEngineRestarted, evidence.EndAppCrashed, "the container engine was stopped or restarted, and ended it"},
}

// TestHowContainersEnd is every failure of a container with both things that may
// follow: the player sees the card, his client is told, the history has the
// fault and the reason, and nothing is left.
func TestHowContainersEnd(t *testing.T) {
	t.Parallel() // nothing in it is timed
	if enginetest.Podman() {
		t.Skip("podman 4.3 does not tell in time what ended a container")
	}
	d := desk(t)
	before := everything(t, d)
	config := fmt.Sprintf("version = 1\n[docker]\nsocket = %q\n", d.Socket)
	app := func(title, image, policy, lines string) {
		config += fmt.Sprintf("[[apps]]\ntitle = %q\n[apps.runner]\ntype = \"docker\"\nimage = %q\npull = \"never\"\nnetwork = \"none\"\non_crash = %q\n%s\n", title, image, policy, lines)
	}
	for _, c := range containerEnds {
		app(c.title, boxImage, "end", c.runner)
		app(c.title+" kept", boxImage, "card", c.runner)
	}
	app("Absent", "kennel/absent:1", "end", "")
	app("Absent kept", "kennel/absent:1", "card", "")
	s, me := pairedServer(t, config)
	then := s.lookBeside(t)
	for _, kept := range []string{"", " kept"} {
		for _, c := range containerEnds {
			t.Run(c.title+kept, func(t *testing.T) { s.fails(t, me, d, c, kept) })
		}
		t.Run("Absent"+kept, func(t *testing.T) {
			_, stderr, err := s.tryProbe(me, "--app", "Absent"+kept, "--seconds", "1", "--keys", "0")
			if err == nil || !strings.Contains(stderr, "image kennel/absent:1 of app") || !strings.Contains(stderr, "is not on this host") {
				t.Errorf("the player reads: %v\n%s", err, stderr)
			}
			s.history(t, "Absent"+kept, evidence.EndLaunchFailed, evidence.FaultImageMissing, "")
		})
	}
	waitFor(t, "the host as it was", func() bool { return slices.Equal(s.lookBeside(t), then) })
	waitFor(t, "Docker as it was", func() bool { return everything(t, d) == before })
	s.noGroups(t)
	for _, id := range s.sessions(t) {
		waitFor(t, "a receipt", func() bool {
			detail, err := s.api.Session(t.Context(), id)
			return err == nil && detail.Receipt != nil
		})
		if detail, err := s.api.Session(t.Context(), id); err != nil || len(detail.Receipt.Residue) > 0 || hasFault(detail, evidence.FaultResidue) {
			t.Errorf("%s: %v %+v", detail.Title, err, detail.Receipt)
		}
	}
}

// lookBeside is look without the mounts of engines under test, of which one
// restarts.
func (s *server) lookBeside(t *testing.T) traces {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for line := range strings.Lines(string(raw)) {
		if !strings.Contains(line, " /tmp/kd") {
			mounts++
		}
	}
	seen := slices.DeleteFunc(s.look(), func(trace string) bool { return strings.HasSuffix(trace, " mounts") })
	return append(seen, fmt.Sprintf("%d mounts beside engines", mounts))
}

// fails streams an app until it fails, and looks at what the player sees.
func (s *server) fails(t *testing.T, me string, d *enginetest.Docker, c containerEnd, kept string) {
	t.Helper()
	atOnce := c.title == "Crash"
	r, err := s.tryFlight(t, me, c.title+kept, 640, 360, false, func(f *flight) {
		if !atOnce {
			f.must(f.p.Until(f.ctx, "the window", appPatience, func(p *probe.Frame) bool {
				w, h := p.Size()
				return !near(p.Mean(w*45/100, 0, w*3/4, h/20), shades) && s.tells(f.ctx, func(e evidence.Event) bool { return e.Attrs["display"] == "mapped" })
			}))
		}
		if c.meddle != nil {
			c.meddle(d, ours(t, d))
		}
		f.must(f.p.Until(f.ctx, "the fault", appPatience, func(*probe.Frame) bool {
			return s.tells(f.ctx, func(e evidence.Event) bool { return e.Fault == c.fault })
		}))
		f.card("the card of " + f.title)
		f.png("card")
		if kept == "" {
			_ = f.p.Until(f.ctx, "the end", appPatience, func(*probe.Frame) bool { return false })
		}
	})
	end, code := evidence.EndClientQuit, 0
	if kept == "" {
		end = c.end
		code = control.HostReason(c.end.Number()).ClientCode(true)
		if c.end.Graceful() {
			code = control.Graceful.ClientCode(true)
		}
	}
	switch {
	case kept != "" && err != nil:
		t.Errorf("the client: %v %q", err, r.Problems)
	case kept == "" && atOnce: // before the client is there to be told
		if err == nil {
			t.Error("the client found no fault")
		}
	case kept == "" && (r.Termination == nil || *r.Termination != code):
		t.Errorf("the client is not told %d: %+v, %v", code, r, err)
	}
	s.history(t, c.title+kept, end, c.fault, c.words)
}

// tells looks for an event of the only session.
func (s *server) tells(ctx context.Context, fits func(evidence.Event) bool) bool {
	all, err := s.api.Sessions(ctx, false)
	if err != nil || len(all) != 1 {
		return false
	}
	detail, err := s.api.Session(ctx, all[0].ID)
	return err == nil && slices.ContainsFunc(detail.Events, fits)
}

// ours is the id of the only container that runs.
func ours(t *testing.T, d *enginetest.Docker) string {
	t.Helper()
	running := ""
	for _, c := range containersOf(t, d) {
		if c.State == "running" {
			running = c.ID
		}
	}
	if running == "" {
		t.Error("no container runs")
	}
	return running
}

// history waits for the end of the only session of an app, and judges it.
func (s *server) history(t *testing.T, title string, end evidence.End, fault evidence.FaultID, words string) {
	t.Helper()
	all, err := s.api.Sessions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, one := range all {
		if one.Title != title {
			continue
		}
		found++
		detail := s.ended(one.ID)
		if detail.End != string(end) {
			t.Errorf("it ended by %s, want %s", detail.End, end)
		}
		told := ""
		for _, e := range detail.Events {
			if e.Fault == fault {
				told = e.Attrs["how"]
			}
			if e.Fault == fault && e.Kind == evidence.Exited && e.Attrs["after"] == "" {
				t.Errorf("its event does not tell how soon: %v", e.Attrs)
			}
		}
		if told != words || !hasFault(detail, fault) {
			t.Errorf("the fault %s tells %q, want %q: %+v", fault, told, words, detail.Events)
		}
	}
	if found != 1 {
		t.Errorf("%d sessions of %s", found, title)
	}
}
