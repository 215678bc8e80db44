package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/config"
)

func TestNextStepsAreThreeNarrowLines(t *testing.T) {
	n := nextSteps{program: "bin/kennel", addresses: []string{"192.168.100.100:47989", "192.168.101.101:47989"}}
	lines := strings.Split(strings.TrimSuffix(n.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), n)
	}
	for _, line := range lines {
		if columns := utf8.RuneCountInString(line); columns > 80 {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
}

func TestNextStepsTellOfApps(t *testing.T) {
	n := nextSteps{program: "bin/kennel", addresses: []string{"127.0.0.1"}, apps: 12}
	lines := strings.Split(strings.TrimSuffix(n.String(), "\n"), "\n")
	if len(lines) != 4 || lines[0] != "12 more apps could be streamed from here: bin/kennel apps discover --add" {
		t.Errorf("%q", lines)
	}
}

func TestAddressesForMoonlight(t *testing.T) {
	r := &running{config: config.Default(), announced: config.Default().Ports.Plan()}
	r.config.Listen.Address = "127.0.0.1"
	if got := strings.Join(r.addresses(), " "); got != "127.0.0.1" {
		t.Errorf("bound to one address: %s", got)
	}
	r.announced.HTTP = 50000
	if got := strings.Join(r.addresses(), " "); got != "127.0.0.1:50000" {
		t.Errorf("on another port: %s", got)
	}
	r.config.Announce.Address = "play.example.org"
	if got := strings.Join(r.addresses(), " "); got != "play.example.org:50000" {
		t.Errorf("behind a port forward: %s", got)
	}
	r.config.Announce.Address, r.config.Listen.Address = "", "::"
	if got := r.addresses(); len(got) == 0 || len(got) > maxAddresses {
		t.Errorf("bound to all: %s", got)
	}
}

func TestProgramName(t *testing.T) {
	for called, want := range map[string]string{
		"bin/kennel": "bin/kennel", "kennel": "kennel", "/usr/bin/kennel": "/usr/bin/kennel",
		"/opt/games/a/long/way/down/kennel": "kennel",
	} {
		if got := programName(called); got != want {
			t.Errorf("%s: %s, want %s", called, got, want)
		}
	}
}
