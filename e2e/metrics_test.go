package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/web"
)

// metrics reads what Prometheus would.
func (s *server) metrics(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(s.dir, web.SocketName)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://kennel/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", answer.StatusCode, err)
	}
	return string(text)
}

// TestMetrics: sessions, their ends and refusals are counted; what is unknown
// is left out.
func TestMetrics(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, "version = 1\n[limits]\nsessions = 1\n")
	b := s.background(me, "--seconds", "4", "--keys", "0", "--mode", "640x360x30")
	s.streaming()
	other := t.TempDir()
	s.pair(other, "4321")
	if _, _, err := s.tryProbe(other, "--seconds", "1", "--mode", "640x360x30"); err == nil {
		t.Error("a second session started")
	}
	text := s.metrics(t)
	for _, line := range []string{
		`kennel_sessions{state="streaming"} 1`, "kennel_launches_refused_total 1", `kennel_sessions_ended_total{end="client-quit"} 0`,
		`kennel_budget_used{resource="sessions"} 1`, `kennel_encoder_usable{encoder="x264enc"} 1`, "kennel_leaks_total 0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	for _, meter := range []string{"files", "processes", "cgroups"} {
		for _, name := range []string{"reads_total", "failures_total", "seconds", "dark"} {
			if want := fmt.Sprintf("kennel_meter_%s{meter=%q} ", name, meter); !strings.Contains(text, want) {
				t.Errorf("the metrics lack %q", want)
			}
		}
	}
	if strings.Contains(text, "gpu_memory_used") && !strings.Contains(text, `kennel_meter_dark{meter="gpu"}`) {
		t.Error("memory of a GPU that no meter reads")
	}
	<-b.done
	if b.err != nil {
		t.Fatalf("probe: %v\n%s", b.err, b.stderr)
	}
	waitFor(t, "the end to be counted", func() bool {
		return strings.Contains(s.metrics(t), `kennel_sessions_ended_total{end="client-quit"} 1`+"\n")
	})
}
