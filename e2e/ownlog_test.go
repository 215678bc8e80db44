package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// doctor reads what the host has logged so far.
func (s *server) doctor() diagnosis.Diagnosis {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "kennel.log")
	if err := os.WriteFile(file, []byte(s.log.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// The exit status tells the verdict, too.
	out, stderr, _ := run(s.t.Context(), s.t, "doctor", "--format", "json", file)
	var d diagnosis.Diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		s.t.Fatalf("the doctor's report: %v in %q, %s", err, out, stderr)
	}
	return d
}

// TestTheDoctorReadsWhatServeWrites: each failure is brought about, and the
// doctor names it from the lines that this host wrote about it.
func TestTheDoctorReadsWhatServeWrites(t *testing.T) {
	t.Parallel() // nothing in it is timed
	const short = "version = 1\n[limits]\nconnect_timeout = \"2s\"\n"
	// A port that clients are told and nobody listens to is as one that a firewall
	// closes.
	closed := func(port string) string { return short + fmt.Sprintf("[announce]\n%s = 9\n", port) }
	app := func(runner string) string {
		return "version = 1\n[[apps]]\ntitle = \"App\"\n[apps.runner]\ntype = \"process\"\n" + runner
	}
	for _, tt := range []struct {
		name, config string
		fault        evidence.FaultID
	}{
		{"rtsp port closed", closed("rtsp"), evidence.FaultRTSPTimeout},
		{"control port closed", closed("control"), evidence.FaultControlTimeout},
		{"video port closed", closed("video"), evidence.FaultPingTimeout},
		{"no such program", app(`run_cmd = "no-such-program"`), evidence.FaultAppNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, me := pairedServer(t, tt.config)
			if _, _, err := s.tryProbe(me, "--seconds", "3", "--keys", "0", "--keep"); err == nil {
				t.Fatal("the stream came about")
			}
			waitFor(t, "the end of the session", func() bool {
				live, err := s.api.Sessions(t.Context(), false)
				return err == nil && len(live) == 0
			})
			want := "fault=" + string(tt.fault)
			waitFor(t, want+" in the log", func() bool { return strings.Contains(s.log.String(), want) })
			d := s.doctor()
			if d.Verdict != "fault" || len(d.Candidates) == 0 || d.Candidates[0].ID != string(tt.fault) {
				t.Errorf("the doctor says %s, %+v, want %s", d.Verdict, d.Candidates, tt.fault)
			}
		})
	}
}
