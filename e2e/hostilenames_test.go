package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
)

// hostileName is what an app calls its window and prints, beside escapes: the
// other reading direction, a tag, and a column of a table.
const hostileName = escapes + " \u202egnp.exe \u2066x\u2069 <script>alert(1)</script> | \\| Größe 日本"

// obeyedAnywhere are the parts of it that no report may hold.
var obeyedAnywhere = append([]string{"\x1b]", "\x1b[2J", "\x07", "\u202e", "\u2066", "\u009d", "\u009c"}, obeyed...)

// TestHostileNames has an app with a hostile title and output fail, and runs every
// command that tells of it, on a terminal and into files.
func TestHostileNames(t *testing.T) {
	t.Parallel() // nothing in it is timed
	dir := publicDir(t)
	program := buildAttacker(t, dir)
	s, me := pairedServer(t, "")
	_, err := s.api.AddApp(t.Context(), config.App{Title: "Hostile", Runner: config.Runner{
		Type: config.RunnerProcess, Args: []string{program}, Env: []string{"KENNEL_ATTACK=[]", "KENNEL_TITLE=" + hostileName},
	}})
	if err != nil {
		t.Fatal(err)
	}
	id := s.showHostile(me)
	log := filepath.Join(t.TempDir(), "kennel.log")
	if err := os.WriteFile(log, []byte(s.log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	plot := filepath.Join(t.TempDir(), "plot.svg")
	data := []string{"--data", s.dir}
	for _, c := range []struct {
		args  []string
		names bool // it shows what the app is called or says
	}{
		{append([]string{"sessions"}, data...), false},
		{append([]string{"sessions", "list", "--all"}, data...), false},
		{append([]string{"sessions", "show", id}, data...), true},
		{append([]string{"sessions", "show", id, "--json"}, data...), true},
		{append([]string{"sessions", "trend"}, data...), false},
		{append([]string{"clients", "list"}, data...), false},
		{append([]string{"pair", "--list"}, data...), false},
		{append([]string{"apps", "list"}, data...), false},
		{append([]string{"apps", "list", "--json"}, data...), true},
		{append([]string{"health"}, data...), false},
		{[]string{"doctor", log}, false},
		{[]string{"doctor", "--format", "markdown", log}, false},
		{[]string{"doctor", "--format", "html", "--plot", plot, log}, false},
		{[]string{"doctor", "--format", "json", log}, false},
		{[]string{"doctor", "trend", log}, false},
		{[]string{"doctor", "compare", log, log}, false},
		{append([]string{"sessions", "show", hostileName}, data...), true},
		{[]string{"doctor", hostileName}, true},
	} {
		seen, _ := tryOnTerminal(t, c.args...) // some end with a verdict
		if seen == "" || c.names && !strings.Contains(seen, "pwned") {
			t.Errorf("kennel %q says %q", c.args, seen)
		}
		for _, part := range obeyedAnywhere {
			if strings.Contains(seen, part) {
				t.Errorf("kennel %q gives %q to the terminal: %q", c.args, part, seen)
			}
		}
		if strings.Contains(seen, `\u001b[1;3`) {
			t.Errorf("kennel %q escapes its own colours: %q", c.args, seen)
		}
		if strings.Contains(strings.Join(c.args, " "), "--format html") && strings.Contains(seen, "<script>alert") {
			t.Errorf("kennel %q writes a script", c.args)
		}
	}
	picture, err := os.ReadFile(plot)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"log of the host": s.log.String(), "picture": string(picture)} {
		for _, part := range obeyedAnywhere {
			if strings.Contains(text, part) {
				t.Errorf("the %s holds %q", name, part)
			}
		}
	}
	if !strings.Contains(s.log.String(), "Größe 日本") {
		t.Error("the log shows no letters that are harmless")
	}
}

// showHostile launches the app, waits until its title and its output are known,
// has it crash, and returns its session.
func (s *server) showHostile(identity string) (id string) {
	s.t.Helper()
	o := s.clientOptions(identity)
	o.App, o.Duration = "Hostile", time.Minute
	o.Script = func(context.Context, *probe.Pilot) error {
		live := s.streaming()
		id = live.ID
		waitFor(s.t, "title and output of the app", func() bool {
			d, err := s.api.Session(s.t.Context(), id)
			titled := false
			for _, e := range d.Events {
				titled = titled || e.Stage == evidence.StageApp && strings.Contains(e.Attrs["title"], "pwned")
			}
			return err == nil && titled && len(s.output(id, "OUTPUT")) > 0
		})
		kill(s.t, process(s.t, live, "attacker"))
		return nil
	}
	_, _ = probe.Run(s.t.Context(), o) // the app ends it
	s.ended(id)
	return id
}
