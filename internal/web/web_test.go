package web

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// recorder is a Backend that answers from memory.
type recorder struct {
	Backend
	apps    []App
	stopped string
	denied  string
	accept  Accept
}

func (r *recorder) Status(context.Context) (Status, error) {
	return Status{Version: "v0", PID: 7, Ports: map[string]int{"http": 47989}}, nil
}
func (r *recorder) Apps(context.Context) ([]App, error) { return r.apps, nil }

func (r *recorder) AddApp(_ context.Context, app config.App) (App, error) {
	r.apps = append(r.apps, App{App: app, Source: "api"})
	return r.apps[len(r.apps)-1], nil
}

func (r *recorder) DeleteApp(_ context.Context, slug string) error {
	return evidence.Errorf(evidence.NotFound, "there is no app %q", slug).WithFault(evidence.FaultAppNotFound)
}

func (r *recorder) StopSession(_ context.Context, id string) error {
	r.stopped = id
	return nil
}

func (r *recorder) AcceptPairing(_ context.Context, a Accept) (Pairing, error) {
	r.accept = a
	return Pairing{ID: "p1", Outcome: "paired", Client: "client 1"}, nil
}

func (r *recorder) DenyPairing(_ context.Context, id string) error {
	r.denied = id
	return nil
}

func (r *recorder) Session(_ context.Context, id string) (SessionDetail, error) {
	return SessionDetail{Session: Session{ID: id}, Events: []evidence.Event{{Seq: 1, Stage: evidence.StageLaunch}}}, nil
}

func serve(t *testing.T) (*recorder, *Remote, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Listen(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	b := &recorder{}
	srv := NewServer(b)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return b, NewClient(dir), dir
}

func TestCallsOverTheSocket(t *testing.T) {
	b, c, dir := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if s, err := c.Status(ctx); err != nil || s.PID != 7 || s.Ports["http"] != 47989 {
		t.Errorf("status = %+v, %v", s, err)
	}
	want := config.App{Title: "Foot", Runner: config.Runner{Type: config.RunnerProcess, RunCmd: "foot -e top"}}
	got, err := c.AddApp(ctx, want)
	if err != nil || cmp.Diff(App{App: want, Source: "api"}, got) != "" {
		t.Errorf("add = %+v, %v", got, err)
	}
	if apps, err := c.Apps(ctx); err != nil || len(apps) != 1 {
		t.Errorf("apps = %+v, %v", apps, err)
	}
	err = c.DeleteApp(ctx, "no/such app")
	if evidence.KindOf(err) != evidence.NotFound || evidence.FaultOf(err) != evidence.FaultAppNotFound || err.Error() != `there is no app "no/such app"` {
		t.Errorf("delete: %v", err)
	}
	if err := c.StopSession(ctx, "s1"); err != nil || b.stopped != "s1" {
		t.Errorf("stop: %v, %q", err, b.stopped)
	}
	if p, err := c.AcceptPairing(ctx, Accept{PIN: "1234"}); err != nil || b.accept.PIN != "1234" || p.Outcome != "paired" || p.Client != "client 1" {
		t.Errorf("accept: %+v, %v, %+v", p, err, b.accept)
	}
	if err := c.DenyPairing(ctx, "p/1"); err != nil || b.denied != "p/1" {
		t.Errorf("deny: %v, %q", err, b.denied)
	}
	if s, err := c.Session(ctx, "s9"); err != nil || s.ID != "s9" || s.Events[0].Stage != evidence.StageLaunch {
		t.Errorf("session = %+v, %v", s, err)
	}
	if info, err := os.Stat(filepath.Join(dir, SocketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket mode = %v, %v", info.Mode(), err)
	}
}

func TestBadRequestsGetAProblem(t *testing.T) {
	_, c, _ := serve(t)
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		kind               string
	}{
		"unknown call":   {"GET", "nothing", "", 404, "not-found"},
		"wrong method":   {"PATCH", "apps", "", 404, "not-found"},
		"not json":       {"POST", "apps", "{", 400, "invalid"},
		"unknown field":  {"POST", "apps", `{"titel":"x"}`, 400, "invalid"},
		"second value":   {"POST", "apps", `{} {}`, 400, "invalid"},
		"oversized body": {"POST", "apps", `{"title":"` + strings.Repeat("x", maxBody) + `"}`, 400, "invalid"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://kennel/api/v1/"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		err = json.NewDecoder(res.Body).Decode(&p)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != tt.status || p.Error.Kind != tt.kind || p.Error.Message == "" {
			t.Errorf("%s: %s %+v %v", name, res.Status, p, err)
		}
	}
}

func TestNoHostIsNamed(t *testing.T) {
	dir := t.TempDir()
	_, err := NewClient(dir).Status(t.Context())
	if evidence.KindOf(err) != evidence.Unavailable || !strings.Contains(err.Error(), dir) {
		t.Errorf("err = %v", err)
	}
}

// TestOpenAPIListsEveryCall compares the text with the routes in the source.
func TestOpenAPIListsEveryCall(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("server.go")
	if err != nil {
		t.Fatal(err)
	}
	routes := regexp.MustCompile(`HandleFunc\("([A-Z]+) (/[^"]*)"`).FindAllStringSubmatch(string(source), -1)
	if len(routes) < 10 {
		t.Fatalf("found only %d routes", len(routes))
	}
	for _, r := range routes {
		if _, ok := doc.Paths[r[2]][strings.ToLower(r[1])]; !ok {
			t.Errorf("openapi.json lacks %s %s", r[1], r[2])
		}
	}
	calls := 0
	for _, p := range doc.Paths {
		for verb := range p {
			if verb != "parameters" {
				calls++
			}
		}
	}
	if calls != len(routes) {
		t.Errorf("openapi.json has %d calls, the server %d", calls, len(routes))
	}
}
