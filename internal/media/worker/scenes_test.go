package worker

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

const patience = 10 * time.Second

// display is the other end of an inbox's link.
type display struct {
	*testing.T
	conn    *ipc.Conn
	inbox   *inbox
	changes chan bool
	faults  chan string
}

func newDisplay(t *testing.T) *display {
	t.Helper()
	conn, far, err := ipc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	link, err := ipc.FromFile(far)
	if err != nil {
		t.Fatal(err)
	}
	d := &display{T: t, conn: conn, changes: make(chan bool, 100), faults: make(chan string, 100)}
	d.inbox = newInbox(link, func(changed bool) { d.changes <- changed }, func(detail string) { d.faults <- detail })
	ended := make(chan error, 1)
	go func() { ended <- d.inbox.read() }()
	t.Cleanup(func() {
		_ = conn.Close()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the link ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the reader does not end")
		}
		_ = link.Close()
	})
	return d
}

func sealed(t testing.TB, size int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, int64(size))
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func description(id uint32) scene.Buffer {
	return scene.Buffer{ID: id, Kind: scene.Shm, Width: 4, Height: 4, Format: scene.FormatXRGB8888, Planes: []scene.Plane{{Stride: 16}}}
}

func (d *display) send(typ uint16, payload []byte, files ...int) {
	d.Helper()
	if err := d.conn.Send(patience, typ, payload, files...); err != nil {
		d.Fatal(err)
	}
}

func (d *display) announce(id uint32) {
	d.Helper()
	fd := sealed(d, 64)
	defer unix.Close(fd)
	b := description(id)
	d.send(scene.MessageBuffer, b.Append(nil), fd)
}

// show sends a scene and waits until it is the newest.
func (d *display) show(sequence uint64, id uint32, damage ...scene.Rect) (changed bool) {
	d.Helper()
	s := scene.Scene{Sequence: sequence, Width: 4, Height: 4, Damage: damage, Layers: []scene.Layer{{
		Buffer: id, Source: scene.Rect{Width: 4 << 8, Height: 4 << 8}, Destination: scene.Rect{Width: 4, Height: 4},
	}}}
	d.send(scene.MessageScene, s.Append(nil))
	select {
	case changed = <-d.changes:
	case detail := <-d.faults:
		d.Fatal(detail)
	case <-time.After(patience):
		d.Fatal("the scene did not come")
	}
	return changed
}

func (d *display) wantDone(sequence uint64) {
	d.Helper()
	m, err := d.conn.Receive(patience)
	if err != nil || m.Type != scene.MessageDone || binary.LittleEndian.Uint64(m.Payload) != sequence {
		d.Fatalf("got message %#x % x, %v; want done %d", m.Type, m.Payload, err, sequence)
	}
}

func (d *display) wantFault(words string) {
	d.Helper()
	select {
	case detail := <-d.faults:
		if !strings.Contains(detail, words) {
			d.Fatalf("fault %q, want words about %q", detail, words)
		}
	case <-time.After(patience):
		d.Fatal("no fault")
	}
}

var all = scene.Rect{Width: 4, Height: 4}

func TestInboxKeepsTheNewest(t *testing.T) {
	d := newDisplay(t)
	for id := range uint32(3) {
		d.announce(id)
	}
	if d.inbox.current() != nil {
		t.Fatal("a picture before any scene")
	}
	if !d.show(1, 0, all) {
		t.Error("the first scene is no change")
	}
	p := d.inbox.current()
	if p == nil || p.sequence != 1 {
		t.Fatalf("the newest is %+v", p)
	}
	d.show(2, 1, all)
	d.show(3, 2, all) // 2 is skipped, but 1 is still read: nothing is given back yet
	d.inbox.finish(p)
	d.wantDone(3)
	p = d.inbox.current()
	if p.sequence != 3 {
		t.Fatalf("the newest is %+v", p)
	}
	d.inbox.finish(p) // still the newest: not given back
	if d.show(4, 0) {
		t.Error("a scene without damage is a change")
	}
	d.wantDone(4) // nobody reads 3 any more
	if d.show(5, 1); !d.show(6, 2) {
		t.Error("a scene without damage that replaces an unread one is no change")
	}
	if scenes, skipped := d.inbox.counts(); scenes != 6 || skipped != 3 {
		t.Errorf("%d scenes, %d skipped; want 6 and 3", scenes, skipped)
	}
}

func TestInboxUnmaps(t *testing.T) {
	d := newDisplay(t)
	d.announce(1)
	d.announce(2)
	d.show(1, 1, all)
	p := d.inbox.current()
	d.send(scene.MessageForget, []byte{1, 0, 0, 0})
	d.announce(2) // again: replaces the first
	d.show(2, 2, all)
	read := p.layers[0].surface
	if read.pixels == nil || read.holds != 1 {
		t.Fatalf("a surface that is read has %d holds, mapped %v", read.holds, read.pixels != nil)
	}
	d.inbox.finish(p)
	if read.pixels != nil || read.holds != 0 {
		t.Errorf("a forgotten surface has %d holds, mapped %v", read.holds, read.pixels != nil)
	}
}

func TestInboxIsBounded(t *testing.T) {
	d := newDisplay(t)
	for id := range uint32(scene.MaxBuffers + 1) {
		d.announce(id)
	}
	d.wantFault("more than 64")
	d.show(1, 0, all)
}

func FuzzInbox(f *testing.F) {
	b := description(1)
	s := scene.Scene{Sequence: 1, Width: 4, Height: 4, Layers: []scene.Layer{{Buffer: 1, Source: scene.Rect{Width: 1024, Height: 1024}, Destination: all}}}
	f.Add(scene.MessageBuffer, b.Append(nil), true)
	f.Add(scene.MessageScene, s.Append(nil), false)
	f.Add(scene.MessageForget, []byte{1, 0, 0, 0}, false)
	f.Add(scene.MessageDone, []byte{}, true)
	b.Kind, b.Format = scene.DMABuf, scene.FormatABGR8888
	f.Add(scene.MessageBuffer, b.Append(nil), true)
	s.Width, s.Layers[0].Transform = 7, 3
	f.Add(scene.MessageScene, s.Append(nil), true)
	b, s = description(1), scene.Scene{Sequence: 2, Width: 4, Height: 4, Layers: s.Layers}
	f.Fuzz(func(t *testing.T, typ uint16, payload []byte, file bool) {
		conn, far, err := ipc.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		defer far.Close()
		in := newInbox(conn, func(bool) {}, func(string) {})
		for _, m := range []ipc.Message{{Type: scene.MessageBuffer, Payload: b.Append(nil)}, {Type: typ, Payload: payload}, {Type: scene.MessageScene, Payload: s.Append(nil)}} {
			if file || m.Type == scene.MessageBuffer {
				m.Files = []int{sealed(t, 64)}
			}
			_ = in.handle(&m)
			m.CloseFiles()
		}
		if p := in.current(); p != nil {
			for _, l := range p.layers {
				if l.surface.refused == nil && len(l.surface.pixels) < int(l.surface.Size()) {
					t.Errorf("%d bytes are mapped of %d", len(l.surface.pixels), l.surface.Size())
				}
			}
			var c canvas
			if p.width*p.height < 1<<20 {
				if err := c.compose(p); err != nil {
					t.Error(err)
				}
				c.close()
			}
			in.finish(p)
			in.newest.drop()
		}
		for _, surface := range in.surfaces {
			surface.drop()
		}
	})
}
