package compositor

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

const patience = 10 * time.Second

// session is a display in this process with the host's end of its control
// link, and a sink that follows the picture.
type session struct {
	t      testing.TB
	dir    string
	socket string
	host   *ipc.Conn
	events chan display.Event
	stats  chan display.Stats
	result chan error
	sink   *viewer
}

func startSession(t testing.TB, width, height int) *session {
	return startSessionClock(t, width, height, systemClock{})
}

func startSessionClock(t testing.TB, width, height int, clk clock) *session {
	t.Helper()
	return startSessionRate(t, width, height, clk, 60_000)
}

func startSessionRate(t testing.TB, width, height int, clk clock, milliHz int) *session {
	t.Helper()
	return startSessionAs(t, clk, display.Configure{Width: width, Height: height, RefreshMilliHz: milliHz, SessionID: "test"})
}

func startSessionAs(t testing.TB, clk clock, conf display.Configure) *session {
	t.Helper()
	dir, err := os.MkdirTemp("", "kennel")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{
		t: t, dir: dir, socket: filepath.Join(dir, "wayland-1"),
		events: make(chan display.Event, 4096), stats: make(chan display.Stats, 1), result: make(chan error, 1),
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var child *os.File
	if s.host, child, err = ipc.Pair(); err != nil {
		t.Fatal(err)
	}
	conn, err := ipc.FromFile(child)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		// Not the test's context, which ends before its cleanups run.
		err := serve(context.Background(), conn, listener, clk)
		_ = conn.Close()
		s.result <- err
	}()
	t.Cleanup(s.stop)
	s.greet(conf)
	go s.listen()
	s.sink = s.addSink(1)
	return s
}

func (s *session) greet(conf display.Configure) {
	s.t.Helper()
	if m, err := s.host.Receive(patience); err != nil || m.Type != display.MessageHello {
		s.t.Fatalf("hello: %+v, %v", m, err)
	}
	err := s.host.SendJSON(patience, display.MessageConfigure, conf)
	if err != nil {
		s.t.Fatal(err)
	}
	if m, err := s.host.Receive(patience); err != nil || m.Type != display.MessageReady {
		s.t.Fatalf("ready: type %#x %s, %v", m.Type, m.Payload, err)
	}
}

func (s *session) listen() {
	for {
		m, err := s.host.Receive(0)
		if err != nil {
			close(s.events)
			return
		}
		var e display.Event
		var st display.Stats
		switch m.Type {
		case display.MessageEvent:
			if m.Decode(&e) == nil {
				s.events <- e
			}
		case display.MessageStats:
			if m.Decode(&st) == nil {
				s.stats <- st
			}
		}
	}
}

func (s *session) stop() {
	_ = s.host.Send(time.Second, display.MessageStop, nil)
	select {
	case err := <-s.result:
		if err != nil {
			s.t.Errorf("display ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Error("display did not end")
	}
	_ = s.host.Close()
	_ = os.RemoveAll(s.dir)
}

func (s *session) input(in display.Input) {
	s.t.Helper()
	if err := s.host.Send(patience, display.MessageInput, in.Append(nil)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) text(text string) {
	s.t.Helper()
	s.input(display.Input{Kind: display.InputText, Text: text})
}

// await returns the next event of a kind.
func (s *session) await(kind display.EventKind) display.Event {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the display is gone, waiting for %q", kind)
			}
			if e.Kind == kind {
				return e
			}
		case <-deadline:
			s.t.Fatalf("no event %q", kind)
		}
	}
}

func (s *session) statistics() display.Stats {
	s.t.Helper()
	if err := s.host.Send(patience, display.MessageQueryStats, nil); err != nil {
		s.t.Fatal(err)
	}
	select {
	case st := <-s.stats:
		return st
	case <-time.After(patience):
		s.t.Fatal("no statistics")
		return display.Stats{}
	}
}

// start runs a real client.
func (s *session) start(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		s.t.Skipf("%s is not installed", name)
	}
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	// Some of them are other users, who may not be here.
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "WAYLAND_DISPLAY="+s.socket, "XDG_RUNTIME_DIR="+s.dir, "HOME="+s.dir, "WAYLAND_DEBUG="+os.Getenv("TEST_WAYLAND_DEBUG"))
	log := new(lockedBuffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() || os.Getenv("TEST_WAYLAND_DEBUG") == "1" {
			s.t.Logf("%s said:\n%s", name, log)
		}
	})
	return cmd
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// viewer is what a media process does with a scene link.
type viewer struct {
	t    testing.TB
	conn *ipc.Conn

	mu      sync.Mutex // covers all below
	changed chan struct{}
	buffers map[uint32][]byte
	descs   map[uint32]scene.Buffer
	keeps   bool // does not say that it is done with scenes
	scene   scene.Scene
	scenes  int
	commits []int64 // latency from commit to receipt in nanoseconds
	failure error
}

func (s *session) addSink(id uint32) *viewer {
	s.t.Helper()
	mine, media, err := ipc.FilePair()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.host.SendJSON(patience, display.MessageAddSink, display.SinkID{ID: id}, int(mine.Fd())); err != nil {
		s.t.Fatal(err)
	}
	_ = mine.Close()
	v := &viewer{t: s.t, buffers: map[uint32][]byte{}, descs: map[uint32]scene.Buffer{}, changed: make(chan struct{})}
	if v.conn, err = ipc.FromFile(media); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.read()
	}()
	s.t.Cleanup(func() {
		_ = v.conn.Close()
		<-done
	})
	return v
}

func (v *viewer) read() {
	for {
		m, err := v.conn.Receive(0)
		if err != nil {
			return
		}
		v.mu.Lock()
		err = v.take(&m)
		if err != nil {
			v.failure = err
		}
		close(v.changed)
		v.changed = make(chan struct{})
		v.mu.Unlock()
		m.CloseFiles()
	}
}

func (v *viewer) take(m *ipc.Message) error {
	switch m.Type {
	case scene.MessageBuffer:
		b, err := scene.ParseBuffer(m.Payload)
		if err != nil {
			return err
		}
		pix, err := unix.Mmap(m.Files[0], 0, int(b.Size()), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		v.buffers[b.ID], v.descs[b.ID] = pix, b
	case scene.MessageForget:
		id := binary.LittleEndian.Uint32(m.Payload)
		if pix := v.buffers[id]; pix != nil {
			_ = unix.Munmap(pix)
		}
		delete(v.buffers, id)
	case scene.MessageScene:
		if err := v.scene.Parse(m.Payload); err != nil {
			return err
		}
		for _, l := range v.scene.Layers {
			if v.buffers[l.Buffer] == nil {
				return errors.New("scene with an unknown buffer")
			}
		}
		v.scenes++
		v.commits = append(v.commits, systemClock{}.Now()-v.scene.Commit)
		if v.keeps {
			return nil
		}
		return v.conn.Send(time.Second, scene.MessageDone, binary.LittleEndian.AppendUint64(nil, v.scene.Sequence))
	}
	return nil
}

// pixels calls f with the newest picture; rows are 4*width bytes.
func (v *viewer) pixels(f func(pix []byte, width, height int)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.scenes > 0 {
		f(v.buffers[v.scene.Layers[0].Buffer], int(v.scene.Width), int(v.scene.Height))
	}
}

func (v *viewer) at(x, y int) (argb uint32) {
	v.pixels(func(pix []byte, w, h int) {
		if x < w && y < h {
			argb = binary.LittleEndian.Uint32(pix[4*(y*w+x):]) | 0xff000000
		}
	})
	return argb
}

func (v *viewer) width() (width int) {
	v.pixels(func(_ []byte, w, _ int) { width = w })
	return width
}

func (v *viewer) hash() (sum uint32) {
	v.pixels(func(pix []byte, _, _ int) { sum = crc32.ChecksumIEEE(pix) })
	return sum
}

// until waits for a picture that fits.
func (v *viewer) until(what string, fits func() bool) {
	v.t.Helper()
	deadline := time.After(patience)
	for {
		v.mu.Lock()
		changed, failure := v.changed, v.failure
		v.mu.Unlock()
		if failure != nil {
			v.t.Fatalf("%s: %v", what, failure)
		}
		if fits() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			v.save("failed.png")
			v.t.Fatalf("%s: the picture never came", what)
		}
	}
}

// settled waits until no new picture has come for a while.
func (v *viewer) settled(quiet time.Duration) {
	v.t.Helper()
	deadline := time.After(patience)
	for {
		v.mu.Lock()
		changed := v.changed
		v.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(quiet):
			return
		case <-deadline:
			v.t.Fatal("the picture never settles")
		}
	}
}

// linger lets a client that moves by itself show some pictures, and one that
// does not some time.
func (v *viewer) linger(pictures int, quiet time.Duration) {
	for range pictures {
		v.mu.Lock()
		changed := v.changed
		v.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(quiet):
			return
		}
	}
}

// save writes the picture where people can look at it, if TEST_PICTURES names
// a directory.
func (v *viewer) save(name string) {
	dir := os.Getenv("TEST_PICTURES")
	if dir == "" {
		return
	}
	v.pixels(func(pix []byte, w, h int) {
		img := image.NewRGBA(image.Rect(0, 0, w, h))
		for i := range w * h {
			img.Set(i%w, i/w, color.RGBA{pix[4*i+2], pix[4*i+1], pix[4*i], 255})
		}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			v.t.Log(err)
			return
		}
		defer f.Close()
		_ = png.Encode(f, img)
	})
}

// open lets another user connect.
func (s *session) open(uid int) {
	s.t.Helper()
	for _, p := range []string{s.dir, s.socket} {
		if err := os.Chown(p, uid, uid); err != nil {
			s.t.Skipf("needs root: %v", err)
		}
	}
}

func (s *session) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// moveTo is the pointer at (x, y) of an output.
func moveTo(x, y, width, height int) display.Input {
	return display.Input{Kind: display.InputMotionAbsolute, X: int32(x), Y: int32(y), MaxX: uint16(width), MaxY: uint16(height)}
}
