package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/e2e/attack"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/probe"
)

// buildAttacker builds the program cmd/attacker into a directory.
func buildAttacker(t testing.TB, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "attacker")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/attacker")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// appAttackTime is how long an app attacks.
const appAttackTime = 2 * time.Second

// fromASession has the second client launch an app that attacks, while the
// player streams. That launch is the one that must succeed.
func (s *siege) fromASession(program string) {
	s.t.Helper()
	orders := []attack.Order{
		{Kind: "ping", Count: 1000, Rate: 100},
		{Kind: "guess", Count: 10000, Rate: 2000},
		{Kind: "replay", Payloads: capturedPings(s.player.pilot.Wire()), Count: 1000, Rate: 100},
		{Kind: "disconnect", Count: 1000, Rate: 200},
		{Kind: "command", Count: 20000, Rate: 5000},
		{Kind: "roam", Count: 60000, Rate: 10000},
		{Kind: "connect", Count: 5000, Rate: 1000},
		{Kind: "rtsp-forge", Count: 20, Rate: 20},
		{Kind: "idle", Port: s.ports.RTSP, Count: 40},
		{Kind: "idle", Port: s.ports.HTTP, Count: 100},
		{Kind: "idle", Port: s.ports.HTTPS, Count: 100},
	}
	for i := range orders {
		orders[i].Ports, orders[i].Limit = s.ports, appAttackTime
	}
	raw, err := json.Marshal(orders)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.host.api.AddApp(s.t.Context(), config.App{Title: "Attacker", Runner: config.Runner{
		Type: config.RunnerProcess, Args: []string{program},
		Env: []string{"KENNEL_ATTACK=" + string(raw), "KENNEL_TITLE=" + escapes},
	}}); err != nil {
		s.t.Fatal(err)
	}
	var results []attack.Result
	s.during(func(context.Context) []attack.Result { return nil }, func() { results = s.launchAttacker(len(orders)) })
	s.happened(results)
	s.silent(results)
}

// launchAttacker launches the app, and waits until it has told what came of its
// attacks.
func (s *siege) launchAttacker(attacks int) (results []attack.Result) {
	s.t.Helper()
	o := s.host.clientOptions(s.second)
	o.App, o.Duration = "Attacker", 30*time.Second
	o.Script = func(context.Context, *probe.Pilot) error {
		id := ""
		waitFor(s.t, "what the attacks of the app came to", func() bool {
			all, err := s.host.api.Sessions(s.t.Context(), false)
			for _, one := range all {
				if err == nil && one.Title == "Attacker" {
					id = one.ID
				}
			}
			return id != "" && len(s.host.output(id, "RESULT")) == attacks
		})
		s.looksAt(id)
		for _, line := range s.host.output(id, "RESULT") {
			var r attack.Result
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				s.t.Errorf("%v in %q", err, line)
			}
			results = append(results, r)
		}
		return nil
	}
	if _, err := probe.Run(s.t.Context(), o); err != nil {
		s.t.Errorf("the session of the attacker: %v", err)
	}
	return results
}
