package wolfapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/web"
)

// desk is a Backend with a real catalogue and store, and sessions on paper.
type desk struct {
	catalogue *host.Catalogue

	mu       sync.Mutex // covers what follows
	pairings []web.Pairing
	accepted []web.Accept
	clients  []Paired
	streams  []Stream
	orders   []host.Order
	paused   []string
	ran      []string
	users    []config.WolfProfile
	inputs   []string
	pull     func(tell func(engine.Progress)) error
}

const (
	anna = "00000000000000010000000000000000000000000000000000000000000000aa" // 1
	bert = "00000000000000020000000000000000000000000000000000000000000000bb" // 2
)

func newDesk(t testing.TB) *desk {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, _, err := host.NewCatalogue(t.Context(), s, []config.App{config.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{catalogue: c, clients: []Paired{{ID: anna, Number: "1", Folder: "annas"}, {ID: bert, Number: "2", Folder: bert}}, pairings: []web.Pairing{{ID: "c0ffee01", Address: "192.0.2.7"}}}
}

func (d *desk) Apps(context.Context) (all []web.App, err error) {
	for _, e := range d.catalogue.Entries() {
		all = append(all, web.App(e))
	}
	return all, nil
}

func (d *desk) AddApp(ctx context.Context, a config.App) (web.App, error) {
	e, err := d.catalogue.Add(ctx, a)
	return web.App(e), err
}

func (d *desk) UpdateApp(ctx context.Context, slug string, a config.App) (web.App, error) {
	e, err := d.catalogue.Update(ctx, slug, a)
	return web.App(e), err
}

func (d *desk) DeleteApp(ctx context.Context, slug string) error {
	return d.catalogue.Delete(ctx, slug)
}

func (d *desk) Pairings(context.Context) ([]web.Pairing, error) { return d.pairings, nil }

func (d *desk) AcceptPairing(_ context.Context, a web.Accept) (web.Pairing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepted = append(d.accepted, a)
	if a.Request != d.pairings[0].ID {
		return web.Pairing{}, evidence.Errorf(evidence.NotFound, "no client is waiting with request %s", a.Request)
	}
	return d.pairings[0], nil
}

func (d *desk) Paired(context.Context) ([]Paired, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clients, nil
}

func (d *desk) RemoveClient(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients = nil
	return nil
}

func (d *desk) StopSession(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, s := range d.streams {
		if s.ID == id {
			d.streams = append(d.streams[:i:i], d.streams[i+1:]...)
			return nil
		}
	}
	return evidence.Errorf(evidence.NotFound, "no session %s", id)
}

func (d *desk) Streams() []Stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.streams
}

func (d *desk) Stream(id string) (Stream, bool) {
	for _, s := range d.Streams() {
		if s.ID == id {
			return s, true
		}
	}
	return Stream{}, false
}

func (d *desk) Order(_ context.Context, o host.Order) (Stream, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders = append(d.orders, o)
	s := Stream{ID: "s1", Client: o.Client, App: config.Demo(), Width: o.Width, Height: o.Height, FPS: o.FPS, Channels: o.Channels}
	if s.Client == "" {
		s.Client = strings.Repeat("0", 15) + "9" + strings.Repeat("0", 48)
	}
	s.Number = clientNumber(s.Client)
	d.streams = append(d.streams, s)
	return s, nil
}

func (d *desk) PauseSession(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = append(d.paused, id)
	return nil
}

func (d *desk) Run(_ context.Context, id string, a config.App, endWith bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ran = append(d.ran, fmt.Sprint(id, " ", a.Title, " ", a.Runner.Type, " ", endWith))
	return nil
}

func (d *desk) Input(id string, packet []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inputs = append(d.inputs, fmt.Sprintf("%s %x", id, packet))
	return nil
}

func (d *desk) Pull(_ context.Context, image string, tell func(engine.Progress)) error {
	return d.pull(tell)
}

func (d *desk) Image(_ context.Context, image string) ([]byte, error) {
	if image != "ghcr.io/games-on-whales/firefox:edge" {
		return nil, evidence.Errorf(evidence.NotFound, "look at the image %s: there is none", image)
	}
	return []byte(`{"Id":"sha256:1"}`), nil
}

func (d *desk) Art(app int32) (host.Art, error) { return d.catalogue.Art(app) }

func (d *desk) UserIDs() (uid, gid int) { return 61000, 61000 }

func (d *desk) Ports() config.PortPlan { return config.PortPlan{Video: 48100, Audio: 48200} }

func (d *desk) Profiles() []config.WolfProfile { return d.users }

// streaming is a session of anna's.
func streaming() Stream {
	return Stream{
		ID: "018f", Client: anna, Number: "1", App: config.Demo(), Width: 1280, Height: 720, FPS: 60, Channels: 6, BitrateKbps: 9000, Slices: 4,
		Address: netip.MustParseAddr("192.0.2.7"),
	}
}

// wire is a client of a served socket.
type wire struct {
	t    testing.TB
	path string
	feed *Feed
	http *http.Client
}

func serve(t testing.TB, b Backend) *wire {
	t.Helper()
	quiet := func(string, ...any) {}
	path := filepath.Join(t.TempDir(), "run", "wolf.sock")
	l, err := Listen(path, "", quiet)
	if err != nil {
		t.Fatal(err)
	}
	feed := NewFeed()
	srv := NewServer(b, feed, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { feed.Run(ctx, b) })
	running.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		stop, done := context.WithTimeout(context.Background(), 20*time.Second)
		defer done()
		if err := srv.Shutdown(stop); err != nil {
			t.Errorf("shut down: %v", err)
		}
		cancel()
		running.Wait()
	})
	return &wire{t: t, path: path, feed: feed, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// call makes one call, with a body by POST and without by GET, and reads the
// answer's JSON.
func (w *wire) call(path, body string, into any) int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	method, content := http.MethodGet, io.Reader(nil)
	if body != "" {
		method, content = http.MethodPost, strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+base+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		w.t.Fatalf("%s answers %s: %v", path, text, err)
	}
	return res.StatusCode
}

// ok makes a call that succeeds.
func (w *wire) ok(path, body string) {
	w.t.Helper()
	var s struct {
		Success
		Error     string
		SessionID Key `json:"session_id"`
	}
	if status := w.call(path, body, &s); status != http.StatusOK || !s.Success.Success {
		w.t.Errorf("%s %s: %d %+v", path, body, status, s)
	}
}

// no makes a call that fails with words.
func (w *wire) no(path, body string, status int, words string) {
	w.t.Helper()
	var f Failure
	if got := w.call(path, body, &f); got != status || f.Success || !strings.Contains(f.Error, words) {
		w.t.Errorf("%s %.100s: %d %+v, want %d with %q", path, body, got, f, status, words)
	}
}
