package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReload: SIGHUP takes over a whole configuration or none of it, names what
// waits for the next start, and disturbs no session.
func TestReload(t *testing.T) {
	t.Parallel() // nothing in it is timed
	file := filepath.Join(t.TempDir(), "kennel.toml")
	write := func(config string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("version = 1\n"+config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const demo = "[[apps]]\ntitle = %q\n[apps.runner]\ntype = \"demo\"\n"
	write(fmt.Sprintf(demo, "Old"))
	dir, port := t.TempDir(), freeBase(t)
	s := start(t, exec.Command(kennel(t), "serve", "--data", dir, "--port", fmt.Sprint(port), "--config", file), dir, port)
	me := t.TempDir()
	s.pair(me, "1234")
	b := s.background(me, "--seconds", "8", "--keys", "4", "--mode", "640x360x30")
	live := s.streaming()
	hup := func() {
		t.Helper()
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	titles := func() string {
		apps, err := s.api.Apps(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, a := range apps {
			all = append(all, a.Title)
		}
		return strings.Join(all, " ")
	}
	write(fmt.Sprintf(demo, "New") + "[limits]\nsessions = \"many\"\n")
	hup()
	waitFor(t, "the refusal", func() bool { return strings.Contains(s.log.String(), "everything is as before") })
	if log := s.log.String(); !strings.Contains(log, "kennel.toml:7:12") || titles() != "Old" {
		t.Errorf("apps %q after a configuration that is wrong\n%s", titles(), log)
	}
	write(fmt.Sprintf(demo, "New") + "[limits]\nsessions = 1\n[listen]\naddress = \"127.0.0.1\"\n")
	hup()
	waitFor(t, "the new apps", func() bool { return titles() == "New" })
	waitFor(t, "the word on what waits", func() bool { return strings.Contains(s.log.String(), "section=listen") })
	// The one place is taken by the session that goes on.
	other := t.TempDir()
	s.pair(other, "4321")
	if _, stderr, err := s.tryProbe(other, "--seconds", "1", "--mode", "640x360x30"); err == nil || !strings.Contains(stderr, "1 of 1 sessions") {
		t.Errorf("a second session: %v\n%s", err, stderr)
	}
	<-b.done
	if b.err != nil || b.report.Input.Echoed != 4 {
		t.Errorf("the session that ran: %v\n%s", b.err, b.stderr)
	}
	if d := s.ended(live.ID); d.End != "client-quit" {
		t.Errorf("it ended by %s", d.End)
	}
}
