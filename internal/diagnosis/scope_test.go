package diagnosis

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// diagnose reads lines.
func diagnose(t testing.TB, lines ...string) *Diagnosis {
	t.Helper()
	c := catalogue(t)
	l, err := c.Read(t.Context(), Source{"wolf.log", strings.NewReader(strings.Join(lines, "\n") + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

// launched are a session's first lines at a time of day, hh:mm.
func launched(at, ip string) []string {
	return []string{
		at + ":00.000000000 DEBUG | " + ip + " [GET] HTTPS://10.0.0.1/launch",
		at + ":00.060000000 INFO  | Wayland display ready, listening on: wayland-1",
		at + ":00.600000000 DEBUG | [ENET] connected client: " + ip + ":5511",
		at + ":00.900000000 DEBUG | [GSTREAMER] Forcing IDR",
	}
}

func quitAt(at, ip string) string {
	return at + ":00.100000000 DEBUG | " + ip + " [GET] HTTPS://10.0.0.1/cancel"
}

// TestSinceWhen: of sessions in a row that broke in the same way the first is
// told, of others the newest, and what broke besides is told in every report.
func TestSinceWhen(t *testing.T) {
	lines := []string{"09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"}
	for hour, bad := range []bool{true, false, true, true, true} {
		at := fmt.Sprintf("1%d:01", hour)
		lines = append(lines, launched(at, "10.0.0.7")...)
		if bad {
			lines = append(lines, at+":01.000000000 ERROR | smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY error generated. x")
		} else {
			lines = append(lines, at+`:01.000000000 WARN  | [DOCKER] error 500 - {"message":"x"}`)
		}
		lines = append(lines, quitAt(fmt.Sprintf("1%d:05", hour), "10.0.0.7"))
	}
	d := diagnose(t, lines...)
	if d.Root == nil || d.Root.ID != "gl-oom" || d.Root.Session != 2 {
		t.Fatalf("%+v", d.Root)
	}
	if len(d.Also) != 1 || d.Also[0].ID != "docker-error" || d.Also[0].Session != 1 || d.Also[0].Count != 1 {
		t.Errorf("also %+v", d.Also)
	}
	var text, markdown, html bytes.Buffer
	if err := d.WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	for name, report := range map[string]*bytes.Buffer{"text": &text, "markdown": &markdown, "html": &html} {
		if !strings.Contains(report.String(), "(docker-error)") || !strings.Contains(report.String(), "Also broke") {
			t.Errorf("%s says nothing of what broke besides", name)
		}
	}
}

// TestRecovered: a later life is well only where it shows none of it.
func TestRecovered(t *testing.T) {
	start := "09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"
	oom := ":01.000000000 ERROR | smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY error generated. x"
	broken := append(append([]string{start}, launched("10:01", "10.0.0.7")...), "10:01"+oom)
	again := append(append(broken, "11:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"), launched("11:01", "10.0.0.7")...)
	if d := diagnose(t, again...); d.Root == nil || d.Root.Session != 0 || !d.Recovered {
		t.Errorf("a good life after: %+v, recovered %v", d.Root, d.Recovered)
	}
	if d := diagnose(t, append(again, "11:01"+oom)...); d.Root == nil || d.Root.Session != 1 || d.Recovered {
		t.Errorf("the same in the next: %+v, recovered %v", d.Root, d.Recovered)
	}
}

// TestBeforeTheFirstSign: where launches are not logged, what was said within
// two seconds before a session's first sign is that session's, each time anew.
func TestBeforeTheFirstSign(t *testing.T) {
	lines := []string{"09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"}
	for _, at := range []string{"10:01", "10:02"} {
		lines = append(lines,
			at+`:00.100000000 WARN  | [GSTREAMER] Pipeline parse error (recovered): no property "max-bytes" in element "interpipesink"`,
			at+":00.104000000 INFO  | RTP server started on port: 48100",
			at+":02.000000000 ERROR | [GSTREAMER] Pipeline error: Internal data stream error.")
	}
	d := diagnose(t, lines...)
	if len(d.Sessions) != 2 || len(d.Lives[0].Findings) != 0 {
		t.Fatalf("%d sessions, the process's findings %+v", len(d.Sessions), d.Lives[0].Findings)
	}
	for i, s := range d.Sessions {
		f := s.Findings[0]
		if strings.Join(s.Chain, " ") != "interpipe-max-bytes internal-data" || f.Count != 1 || f.Line != int64(2+3*i) {
			t.Errorf("session %d: chain %v, first %+v", i+1, s.Chain, f)
		}
	}
	// Long before, it is the process's.
	lines[1] = strings.Replace(lines[1], "10:01:00", "10:00:00", 1)
	if d := diagnose(t, lines...); len(d.Lives[0].Findings) != 1 {
		t.Errorf("a minute before: %+v", d.Lives[0].Findings)
	}
}
