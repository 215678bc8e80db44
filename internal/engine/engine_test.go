package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// frame is a piece of a log as an engine sends it.
func frame(stream byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(text)))) + text
}

// conversation is what podman 4.3.1 and Docker 20.10 answer, shortened.
var conversation = map[string]string{
	"/_ping":                     "OK",
	"/containers/json":           `[{"Id":"aaaa1111","Names":["/mywolf"],"Image":"ghcr.io/games-on-whales/wolf:stable","State":"running"},{"Id":"bbbb2222","Names":["/oldwolf"],"Image":"wolf","State":"exited"},{"Id":"cccc3333","Names":["/wolfram"],"Image":"docker.io/x/wolfram:1","State":"running"}]`,
	"/containers/aaaa1111/json":  `{"Id":"aaaa1111","RestartCount":2,"State":{"Status":"running","StartedAt":"2025-10-02T06:40:11.5Z","Pid":42},"Config":{"Tty":false,"Env":["A=b"]}}`,
	"/containers/aaaa1111/stats": `{"memory_stats":{"usage":3145728,"limit":4194304,"stats":{"inactive_file":1048576}}}`,
	"/containers/aaaa1111/logs":  frame(2, "2025 one ") + frame(1, "2025 other\n") + frame(2, "line\n") + frame(2, "last") + "\x02\x00\x00\x00\x00\x00\x00\x50cut",
}

// serve answers on a socket, and fails the test for what is not recorded.
func serve(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/v1."); ok {
			_, path, _ = strings.Cut(rest, "/")
			path = "/" + path
		}
		answer, ok := conversation[path]
		if !ok {
			http.Error(w, fmt.Sprintf(`{"message":"no such thing: %s"}`, path), http.StatusNotFound)
			return
		}
		w.Header().Set("Api-Version", "1.41")
		_, _ = io.WriteString(w, answer)
	}))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return socket
}

func TestAskAnEngine(t *testing.T) {
	socket := serve(t)
	e, err := Connect(t.Context(), []string{"/nonexistent/docker.sock", socket})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	c, err := e.Find(t.Context(), "")
	if err != nil || c.Name != "mywolf" {
		t.Fatalf("%+v, %v", c, err)
	}
	if other, err := e.Find(t.Context(), "bbbb2222"); err != nil || other.Name != "oldwolf" {
		t.Errorf("by id: %+v, %v", other, err)
	}
	if _, err := e.Find(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "mywolf, oldwolf, wolfram") {
		t.Errorf("of none: %v", err)
	}
	d, err := e.Inspect(t.Context(), c)
	if err != nil || d.Restarts != 2 || d.PID != 42 || d.Memory != 2<<20 || !d.Measured || d.TTY || !d.Started.Equal(time.Date(2025, 10, 2, 6, 40, 11, 5e8, time.UTC)) {
		t.Errorf("%+v, %v", d, err)
	}
	r, err := e.Logs(t.Context(), d, LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil || string(text) != "2025 other\n2025 one line\nlastcut" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestNoEngine(t *testing.T) {
	if _, err := Connect(t.Context(), Sockets(t.TempDir(), func(string) string { return "" })); err == nil || !strings.Contains(err.Error(), "DOCKER_HOST") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "docker.sock")
	_ = os.WriteFile(file, nil, 0o600)
	if _, err := Connect(t.Context(), []string{file}); err == nil || !strings.Contains(err.Error(), "may this user") {
		t.Error(err)
	}
}

func TestImagesOfWolf(t *testing.T) {
	for image, want := range map[string]bool{
		"ghcr.io/games-on-whales/wolf:stable": true, "wolf": true, "localhost:5000/wolf@sha256:ab": true, "x/wolf-dev:1": true,
		"wolfram": false, "ghcr.io/games-on-whales/steam:edge": false, "wolf/redis": false, "": false,
	} {
		if isWolf(image) != want {
			t.Errorf("%q: %t", image, !want)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(1, "a\n") + frame(2, "b")))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, _ := io.ReadAll(&demultiplexer{from: io.NopCloser(strings.NewReader(string(text)))})
		if len(out) > len(text) {
			t.Errorf("%d bytes of %d", len(out), len(text))
		}
	})
}
