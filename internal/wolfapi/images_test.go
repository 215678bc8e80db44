package wolfapi

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/engine"
)

// raw makes a call over a connection of its own, and returns the header and the
// lines of the body.
func (w *wire) raw(request string) (header string, lines []string) {
	w.t.Helper()
	c, err := net.Dial("unix", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, request)
	text, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		w.t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(text), "\r\n\r\n")
	return header, strings.Split(strings.TrimSuffix(body, "\r\n"), "\r\n")
}

func pullRequest(body string) string {
	return "POST /api/v1/docker/images/pull HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func TestPull(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	events := w.events()
	d.pull = func(tell func(engine.Progress)) error {
		tell(engine.Progress{})
		tell(engine.Progress{Done: 5, Total: 9})
		return nil
	}
	header, lines := w.raw(pullRequest(`{"image_name":"firefox:edge"}`))
	if !strings.HasPrefix(header, "HTTP/1.1 200") || strings.Contains(strings.ToLower(header), "transfer-encoding") {
		t.Errorf("the header is %q", header)
	}
	want := []string{
		`{"layer_id":"firefox:edge","current_progress":0,"total":0}`, `{"layer_id":"firefox:edge","current_progress":5,"total":9}`, `{"success":true}`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	d.pull = func(tell func(engine.Progress)) error {
		tell(engine.Progress{Done: 1, Total: 2})
		return errors.New("the registry is gone")
	}
	if _, lines := w.raw(pullRequest(`{"image_name":"a"}`)); len(lines) != 2 || lines[1] != `{"success":false,"error":"the registry is gone"}` {
		t.Errorf("a pull that fails on its way answers %q", lines)
	}
	d.pull = func(func(engine.Progress)) error { return errors.New("no such image") }
	w.no("docker/images/pull", `{"image_name":"b"}`, 500, "no such image")
	for _, want := range []string{
		`event: DockerPullImageStartEvent data: {"image_name":"firefox:edge"}`, `event: DockerPullImageEndEvent data: {"image_name":"firefox:edge","success":true}`,
		`event: DockerPullImageStartEvent data: {"image_name":"a"}`, `event: DockerPullImageEndEvent data: {"image_name":"a","success":false}`,
	} {
		if got := next(t, events); got != want {
			t.Errorf("the event is %s, want %s", got, want)
		}
	}
	w.no("docker/images/pull", `{"image_name":""}`, 500, "name an image")
	w.no("docker/images/pull", `{"image_name":"`+strings.Repeat("x", maxImageName+1)+`"}`, 500, "name an image")
	w.no("docker/images/pull", `{`, 500, "read the request's json")
}

// TestPullsAreBounded: one too many is refused, and its place is given back.
func TestPullsAreBounded(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	begun, finish := make(chan struct{}, maxPulls), make(chan struct{})
	d.pull = func(func(engine.Progress)) error {
		begun <- struct{}{}
		<-finish
		return nil
	}
	done := make(chan []string, maxPulls)
	for range maxPulls {
		go func() {
			_, lines := w.raw(pullRequest(`{"image_name":"x"}`))
			done <- lines
		}()
	}
	for range maxPulls {
		<-begun
	}
	w.no("docker/images/pull", `{"image_name":"x"}`, 500, "are being fetched")
	close(finish)
	for range maxPulls {
		if lines := <-done; len(lines) != 1 || lines[0] != `{"success":true}` {
			t.Errorf("a pull answers %q", lines)
		}
	}
	w.ok("docker/images/pull", `{"image_name":"x"}`)
}

func TestInspect(t *testing.T) {
	w := serve(t, newDesk(t))
	var image struct{ ID string }
	if status := w.call("docker/images/inspect?image_name=ghcr.io/games-on-whales/firefox:edge", "", &image); status != 200 || image.ID != "sha256:1" {
		t.Errorf("%d %+v", status, image)
	}
	w.no("docker/images/inspect?image_name=x", "", 404, "there is none")
	w.no("docker/images/inspect", "", 400, "name an image")
}

// TestIcon hands out what apps tell as their icon, and no other file.
func TestIcon(t *testing.T) {
	dir := t.TempDir()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"steam.png": picture.Bytes(), "other.png": picture.Bytes(), "text.png": []byte("secret")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := serve(t, newDesk(t))
	for name, id := range map[string]string{"steam.png": "1", "text.png": "2", "gone.png": "3"} {
		w.ok("apps/add", `{"title":"App `+id+`","id":"`+id+`","icon_png_path":"`+filepath.Join(dir, name)+`","runner":{"type":"process","run_cmd":"foot"}}`)
	}
	res, err := w.http.Get("http://localhost" + base + "utils/get-icon?icon_path=" + filepath.Join(dir, "steam.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/png" || !bytes.Equal(got, picture.Bytes()) {
		t.Errorf("%s, %s, %d bytes, %v", res.Status, res.Header.Get("Content-Type"), len(got), err)
	}
	w.no("utils/get-icon", "", 400, "icon_path")
	w.no("utils/get-icon?icon_path="+filepath.Join(dir, "other.png"), "", 404, "no app has")
	w.no("utils/get-icon?icon_path=/etc/shadow", "", 404, "no app has")
	w.no("utils/get-icon?icon_path="+filepath.Join(dir, "gone.png"), "", 404, "no such file")
	w.no("utils/get-icon?icon_path="+filepath.Join(dir, "text.png"), "", 404, "picture")
}

func TestInput(t *testing.T) {
	d := newDesk(t)
	d.streams = []Stream{streaming()}
	w := serve(t, d)
	w.ok("sessions/input", `{"session_id":"1","input_packet_hex":"06020C0000000008070000000001FFFF"}`)
	if diff := cmp.Diff([]string{"018f 06020c0000000008070000000001ffff"}, d.inputs); diff != "" {
		t.Error(diff)
	}
	w.no("sessions/input", `{"session_id":"1","input_packet_hex":"0"}`, 500, "no hex")
	w.no("sessions/input", `{"session_id":"2","input_packet_hex":"00"}`, 500, "no session")
}
