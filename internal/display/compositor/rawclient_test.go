package compositor

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// raw is a Wayland client that writes messages by hand, so that tests can say
// what no library would.
type raw struct {
	t       testing.TB
	conn    *net.UnixConn
	next    uint32
	globals map[string][2]uint32 // name and version by interface
	objects map[uint32]string    // interfaces of bound globals, for messages
	in      []byte
	fds     []int
	events  []rawEvent
	fault   *rawFault
	ended   error
}

type rawEvent struct {
	object uint32
	opcode uint16
	body   []byte
}

func (e rawEvent) word(i int) uint32 { return binary.NativeEndian.Uint32(e.body[4*i:]) }

// rawFault is a wl_display.error.
type rawFault struct {
	object, code uint32
	message      string
}

func (f *rawFault) String() string {
	return fmt.Sprintf("error %d on object %d: %s", f.code, f.object, f.message)
}

// file is a descriptor argument.
type file int

func (s *session) dial() *raw {
	s.t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.socket, Net: "unix"})
	if err != nil {
		s.t.Fatal(err)
	}
	c := &raw{t: s.t, conn: conn, next: 2, globals: map[string][2]uint32{}, objects: map[uint32]string{}}
	s.t.Cleanup(func() {
		_ = conn.Close()
		for _, fd := range c.fds {
			_ = unix.Close(fd)
		}
	})
	registry := c.id()
	c.send(1, 1, registry)
	if !c.roundtrip() {
		s.t.Fatalf("no registry: %v", c.ended)
	}
	for _, e := range c.events {
		if e.object == registry && e.opcode == 0 {
			name, n := e.word(0), e.word(1)
			c.globals[string(e.body[8:8+n-1])] = [2]uint32{name, binary.NativeEndian.Uint32(e.body[8+(n+3)&^3:])}
		}
	}
	c.events = nil
	return c
}

func (c *raw) id() uint32 {
	id := c.next
	c.next++
	return id
}

// bind binds a global at a version, 0 for the advertised one.
func (c *raw) bind(iface string, version uint32) uint32 {
	c.t.Helper()
	g, ok := c.globals[iface]
	if !ok {
		c.t.Fatalf("%s is not offered", iface)
	}
	if version == 0 {
		version = g[1]
	}
	id := c.id()
	c.send(2, 0, g[0], iface, version, id)
	c.objects[id] = iface
	return id
}

// send writes one request; a peer that hung up is noticed when reading.
func (c *raw) send(object uint32, opcode uint16, args ...any) {
	body, fds := encode(args)
	msg := binary.NativeEndian.AppendUint32(nil, object)
	msg = binary.NativeEndian.AppendUint32(msg, uint32(8+len(body))<<16|uint32(opcode))
	msg = append(msg, body...)
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _, _ = c.conn.WriteMsgUnix(msg, oob, nil)
}

func encode(args []any) (body []byte, fds []int) {
	for _, a := range args {
		switch v := a.(type) {
		case int:
			body = binary.NativeEndian.AppendUint32(body, uint32(int32(v)))
		case uint32:
			body = binary.NativeEndian.AppendUint32(body, v)
		case string:
			body = binary.NativeEndian.AppendUint32(body, uint32(len(v)+1))
			body = append(body, v...)
			body = append(body, make([]byte, 4-len(v)%4)...)
		case file:
			fds = append(fds, int(v))
		default:
			panic(fmt.Sprintf("no such argument: %T", a))
		}
	}
	return body, fds
}

// read takes events off the socket; false when it ended.
func (c *raw) read(wait time.Duration) bool {
	if c.ended != nil {
		return false
	}
	buf, oob := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(28*4))
	_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	n, oobn, _, _, err := c.conn.ReadMsgUnix(buf, oob)
	if err == nil && n == 0 {
		err = fmt.Errorf("end of file")
	}
	if err != nil {
		c.ended = err
		return false
	}
	if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
		for i := range msgs {
			fds, _ := unix.ParseUnixRights(&msgs[i])
			c.fds = append(c.fds, fds...)
		}
	}
	c.in = append(c.in, buf[:n]...)
	for len(c.in) >= 8 {
		size := int(binary.NativeEndian.Uint32(c.in[4:]) >> 16)
		if size < 8 || len(c.in) < size {
			break
		}
		e := rawEvent{binary.NativeEndian.Uint32(c.in), uint16(binary.NativeEndian.Uint32(c.in[4:])), append([]byte(nil), c.in[8:size]...)}
		c.in = c.in[size:]
		if e.object == 1 && e.opcode == 0 {
			c.fault = &rawFault{e.word(0), e.word(1), strings.TrimRight(string(e.body[12:]), "\x00")}
		}
		c.events = append(c.events, e)
	}
	return true
}

// wait reads until an event of an object came and takes it out.
func (c *raw) wait(object uint32, opcode uint16) (rawEvent, bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		for i, e := range c.events {
			if e.object == object && e.opcode == opcode {
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				return e, true
			}
		}
		if !c.read(time.Until(deadline)) {
			return rawEvent{}, false
		}
	}
}

func (c *raw) must(object uint32, opcode uint16) rawEvent {
	c.t.Helper()
	e, ok := c.wait(object, opcode)
	if !ok {
		c.t.Fatalf("no event %d of object %d: %v, %v", opcode, object, c.ended, c.fault)
	}
	return e
}

// roundtrip reports whether the display still answers.
func (c *raw) roundtrip() bool {
	c.t.Helper()
	id := c.id()
	c.send(1, 0, id)
	_, ok := c.wait(id, 0)
	return ok
}

// dies waits for the display to disconnect the client and returns the fault.
func (c *raw) dies() *rawFault {
	c.t.Helper()
	for deadline := time.Now().Add(patience); c.read(time.Until(deadline)); {
	}
	if c.fault == nil && strings.Contains(c.ended.Error(), "timeout") {
		c.t.Fatal("the display keeps the client")
	}
	return c.fault
}

// testWindow is a toplevel made by hand.
type testWindow struct {
	c                      *raw
	compositor, shm, wm    uint32
	surface, xdg, toplevel uint32
	width, height          int
	pool, buffer           uint32
	fd                     int
	pix                    []byte
}

// open makes a configured toplevel without content.
func (c *raw) open() *testWindow {
	c.t.Helper()
	w := &testWindow{c: c, compositor: c.bind("wl_compositor", 0), shm: c.bind("wl_shm", 0), wm: c.bind("xdg_wm_base", 0)}
	w.surface, w.xdg, w.toplevel = c.id(), c.id(), c.id()
	c.send(w.compositor, 0, w.surface)
	c.send(w.wm, 2, w.xdg, w.surface)
	c.send(w.xdg, 1, w.toplevel)
	c.send(w.surface, 6)
	w.ack()
	return w
}

// ack waits for a configure and acks it; the size is that of the window.
func (w *testWindow) ack() {
	w.c.t.Helper()
	e := w.c.must(w.toplevel, 0)
	w.width, w.height = int(e.word(0)), int(e.word(1))
	w.c.send(w.xdg, 4, w.c.must(w.xdg, 0).word(0))
}

// fill makes a buffer of one colour.
func (w *testWindow) fill(width, height int, argb uint32, format int) {
	w.c.t.Helper()
	size := 4 * width * height
	w.fd = memfd(w.c.t, size)
	w.c.t.Cleanup(func() { _ = unix.Close(w.fd) })
	pix, err := unix.Mmap(w.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		w.c.t.Fatal(err)
	}
	w.c.t.Cleanup(func() { _ = unix.Munmap(pix) })
	w.pix = pix
	paint(pix, argb)
	w.pool, w.buffer = w.c.id(), w.c.id()
	w.c.send(w.shm, 0, w.pool, file(w.fd), size)
	w.c.send(w.pool, 0, w.buffer, 0, width, height, 4*width, format)
}

func paint(pix []byte, argb uint32) {
	for i := 0; i+4 <= len(pix); i += 4 {
		binary.LittleEndian.PutUint32(pix[i:], argb)
	}
}

// Formats of wl_shm.
const (
	formatARGB = 0
	formatXRGB = 1
)

// show attaches the buffer, damages all of it and commits.
func (w *testWindow) show() {
	w.c.send(w.surface, 1, w.buffer, 0, 0)
	w.c.send(w.surface, 9, 0, 0, 1<<20, 1<<20)
	w.c.send(w.surface, 6)
}

// openFilled opens a window that shows one colour over the whole output.
func (c *raw) openFilled(argb uint32) *testWindow {
	c.t.Helper()
	w := c.open()
	w.fill(w.width, w.height, argb, formatXRGB)
	w.show()
	return w
}
