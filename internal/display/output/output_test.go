package output

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// owner runs an Output on the test's goroutine: posted functions wait until
// the test runs them.
type owner struct {
	t     testing.TB
	posts chan func()
	lost  []error
	*Output
}

func newOwner(t testing.TB, w, h int) *owner {
	t.Helper()
	own := &owner{t: t, posts: make(chan func(), 1024)}
	out, err := New(w, h, func(f func()) bool { own.posts <- f; return true },
		func(_ uint32, err error) { own.lost = append(own.lost, err) })
	if err != nil {
		t.Fatal(err)
	}
	own.Output = out
	t.Cleanup(out.Close)
	return own
}

// settle runs the next n posted functions.
func (o *owner) settle(n int) {
	o.t.Helper()
	for range n {
		select {
		case f := <-o.posts:
			f()
		case <-time.After(5 * time.Second):
			o.t.Fatal("nothing was posted")
		}
	}
}

// show draws one colour to r and publishes it; false when no buffer is free.
func (o *owner) show(argb uint32, r region.Rect) bool {
	o.t.Helper()
	b, err := o.Draw()
	if err != nil {
		o.t.Fatal(err)
	}
	if b == nil {
		return false
	}
	var damage region.Region
	damage.SetRect(r)
	o.CatchUp(b, &damage)
	pixel.Fill(&b.Image, r, argb)
	o.Publish(b, &damage, int64(argb))
	return true
}

// reader is a media process's end of a link.
type reader struct {
	t       testing.TB
	conn    *ipc.Conn
	buffers map[uint32][]byte
	stride  int
	scene   scene.Scene
}

func (o *owner) reader(id uint32) *reader {
	o.t.Helper()
	mine, media, err := ipc.FilePair()
	if err != nil {
		o.t.Fatal(err)
	}
	conn, err := ipc.FromFile(mine)
	if err != nil {
		o.t.Fatal(err)
	}
	r := &reader{t: o.t, buffers: map[uint32][]byte{}}
	if r.conn, err = ipc.FromFile(media); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = r.conn.Close() })
	o.AddSink(id, conn)
	return r
}

// next reads messages up to a scene; false when none comes for a while.
func (r *reader) next(wait time.Duration) bool {
	r.t.Helper()
	for {
		m, err := r.conn.Receive(wait)
		if err != nil {
			return false
		}
		switch m.Type {
		case scene.MessageBuffer:
			b, err := scene.ParseBuffer(m.Payload)
			if err != nil {
				r.t.Fatal(err)
			}
			pix, err := unix.Mmap(m.Files[0], 0, int(b.Size()), unix.PROT_READ, unix.MAP_SHARED)
			if err != nil {
				r.t.Fatal(err)
			}
			if _, err := unix.Mmap(m.Files[0], 0, int(b.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
				r.t.Error("a reader can map the picture for writing")
			}
			if err := unix.Ftruncate(m.Files[0], 0); err == nil {
				r.t.Error("a reader can shrink the picture")
			}
			r.t.Cleanup(func() { _ = unix.Munmap(pix) })
			r.buffers[b.ID], r.stride = pix, int(b.Planes[0].Stride)
			m.CloseFiles()
		case scene.MessageForget:
			delete(r.buffers, binary.LittleEndian.Uint32(m.Payload))
		case scene.MessageScene:
			if err := r.scene.Parse(m.Payload); err != nil {
				r.t.Fatal(err)
			}
			if r.buffers[r.scene.Layers[0].Buffer] == nil {
				r.t.Fatalf("scene names unknown buffer %d", r.scene.Layers[0].Buffer)
			}
			return true
		}
	}
}

func (r *reader) at(x, y int) uint32 {
	return binary.LittleEndian.Uint32(r.buffers[r.scene.Layers[0].Buffer][y*r.stride+4*x:])
}

func (r *reader) done(sequence uint64) {
	r.t.Helper()
	if err := r.conn.Send(time.Second, scene.MessageDone, binary.LittleEndian.AppendUint64(nil, sequence)); err != nil {
		r.t.Fatal(err)
	}
}

func TestSinkSeesPicturesWithDamage(t *testing.T) {
	o := newOwner(t, 64, 32)
	r := o.reader(1)
	o.show(0xff111111, o.Bounds())
	if !r.next(time.Second) || r.at(63, 31) != 0xff111111 || r.scene.Sequence != 1 || r.scene.Commit != 0xff111111 {
		t.Fatalf("first scene %+v", r.scene)
	}
	o.show(0xff222222, region.XYWH(4, 4, 8, 8))
	if !r.next(time.Second) || r.at(4, 4) != 0xff222222 || r.at(3, 3) != 0xff111111 {
		t.Fatalf("second scene %+v", r.scene)
	}
	if len(r.scene.Damage) != 1 || r.scene.Damage[0] != (scene.Rect{X: 4, Y: 4, Width: 8, Height: 8}) {
		t.Errorf("damage %v", r.scene.Damage)
	}
}

func TestSlowSinkGetsTheNewestAndAllItsDamage(t *testing.T) {
	o := newOwner(t, 64, 32)
	slow, quick := o.reader(1), o.reader(2)
	for i := range uint32(20) {
		if !o.show(0xff000000+i, region.XYWH(int32(i), 0, 1, 1)) {
			t.Fatalf("no buffer for picture %d: the slow sink starves the quick one", i)
		}
		if !quick.next(time.Second) || quick.scene.Sequence != uint64(i+1) {
			t.Fatalf("quick sink has %d, want %d", quick.scene.Sequence, i+1)
		}
		quick.done(quick.scene.Sequence)
		o.settle(1)
	}
	for range maxHeld {
		slow.next(time.Second)
	}
	if slow.next(50*time.Millisecond) || slow.scene.Sequence != maxHeld {
		t.Fatalf("slow sink was sent %d without giving back", slow.scene.Sequence)
	}
	slow.done(maxHeld)
	o.settle(1)
	if !slow.next(time.Second) || slow.scene.Sequence != 20 {
		t.Fatalf("slow sink continues with %d, want 20", slow.scene.Sequence)
	}
	var damage region.Region
	for _, d := range slow.scene.Damage {
		damage.Add(region.XYWH(d.X, d.Y, d.Width, d.Height))
	}
	if !damage.Covers(region.XYWH(maxHeld, 0, 20-maxHeld, 1)) {
		t.Errorf("damage %v lacks what the sink missed", slow.scene.Damage)
	}
	if slow.at(19, 0) != 0xff000013 || slow.at(5, 0) != 0xff000005 {
		t.Error("the newest picture is not whole")
	}
}

func TestHeldBufferIsNotDrawnTo(t *testing.T) {
	o := newOwner(t, 16, 16)
	r := o.reader(1)
	o.show(0xff000001, o.Bounds())
	r.next(time.Second)
	first := r.scene.Layers[0].Buffer
	for i := range uint32(40) {
		o.show(0xff000002+i, o.Bounds())
		if got := binary.LittleEndian.Uint32(r.buffers[first]); got != 0xff000001 {
			t.Fatalf("the held picture changed to %08x", got)
		}
	}
}

func TestDeadSinkLetsGo(t *testing.T) {
	o := newOwner(t, 16, 16)
	r := o.reader(1)
	for range 3 {
		o.show(0xff000001, o.Bounds())
	}
	_ = r.conn.Close()
	o.settle(1)
	if o.Sinks() != 0 || len(o.lost) != 1 || o.lost[0] != nil {
		t.Fatalf("%d sinks, lost %v", o.Sinks(), o.lost)
	}
	for _, b := range o.ring.buffers {
		if b.holds != 0 && b != o.ring.newest {
			t.Errorf("buffer %d is still held", b.desc.ID)
		}
	}
}

func TestMalformedAnswerDropsOnlyThatSink(t *testing.T) {
	o := newOwner(t, 16, 16)
	bad, good := o.reader(1), o.reader(2)
	if err := bad.conn.Send(time.Second, scene.MessageDone, []byte{1}); err != nil {
		t.Fatal(err)
	}
	o.settle(1)
	if o.Sinks() != 1 || len(o.lost) != 1 || !errors.Is(o.lost[0], ErrReader) {
		t.Fatalf("%d sinks, lost %v", o.Sinks(), o.lost)
	}
	o.settle(1) // the closed link's end
	o.show(0xff000001, o.Bounds())
	if !good.next(time.Second) {
		t.Error("the other sink got no scene")
	}
}

func TestReaderThatNeverReadsIsDropped(t *testing.T) {
	o := newOwner(t, 16, 16)
	r := o.reader(1)
	o.show(0xff000001, o.Bounds())
	for i := range uint32(5000) {
		if r.conn.Send(time.Second, scene.MessageRefresh, nil) == nil {
			o.settle(1)
		}
		o.show(i, o.Bounds())
		if o.Sinks() > 0 {
			r.done(1 << 40)
			o.settle(1)
		}
		if o.Sinks() == 0 {
			return
		}
	}
	t.Error("a reader that only asks and never reads was not dropped")
}

func TestRefreshAndLateSinkGetAWholeScene(t *testing.T) {
	o := newOwner(t, 16, 16)
	o.show(0xff000007, o.Bounds())
	r := o.reader(1)
	if !r.next(time.Second) || r.at(0, 0) != 0xff000007 || r.scene.Generation != 1 {
		t.Fatalf("late sink: %+v", r.scene)
	}
	if err := r.conn.Send(time.Second, scene.MessageRefresh, nil); err != nil {
		t.Fatal(err)
	}
	o.settle(1)
	if !r.next(time.Second) || r.scene.Generation != 2 || len(r.buffers) != 1 {
		t.Fatalf("after refresh: %+v, %d buffers", r.scene, len(r.buffers))
	}
}

func TestResizeStartsAGeneration(t *testing.T) {
	o := newOwner(t, 16, 16)
	r := o.reader(1)
	o.show(0xff000001, o.Bounds())
	r.next(time.Second)
	if err := o.Resize(32, 8); err != nil {
		t.Fatal(err)
	}
	o.show(0xff000002, o.Bounds())
	if !r.next(time.Second) || r.scene.Width != 32 || r.scene.Height != 8 || r.scene.Generation != 2 || r.at(31, 7) != 0xff000002 {
		t.Fatalf("after resize: %+v", r.scene)
	}
	if err := o.Resize(0, 8); err == nil {
		t.Error("an output without width was accepted")
	}
}

// TestRingAgainstOnePicture draws at random with sinks of random pace: every
// scene must show exactly what was drawn up to it.
func TestRingAgainstOnePicture(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := newOwner(t, 12, 9)
		r := o.reader(1)
		want := map[uint64]pixel.Image{}
		current := pixel.New(12, 9)
		c := rapid.Int32Range(0, 11)
		for i := range rapid.IntRange(1, 25).Draw(rt, "pictures") {
			rect := region.XYWH(c.Draw(rt, "x"), c.Draw(rt, "y"), c.Draw(rt, "w"), c.Draw(rt, "h")).Intersect(o.Bounds())
			if i == 0 {
				rect = o.Bounds()
			}
			if o.show(0xff000000+uint32(i), rect) {
				pixel.Fill(&current, rect, 0xff000000+uint32(i))
				snapshot := pixel.New(12, 9)
				pixel.Copy(&snapshot, &current, snapshot.Bounds(), 0, 0)
				want[o.Published()] = snapshot
			}
			if rapid.Bool().Draw(rt, "read") && r.next(10*time.Millisecond) {
				compare(rt, r, want[r.scene.Sequence])
				r.done(r.scene.Sequence)
				o.settle(1)
			}
		}
		o.Close()
	})
}

func compare(t *rapid.T, r *reader, want pixel.Image) {
	for y := range want.Height {
		for x := range want.Width {
			if got, w := r.at(x, y), binary.LittleEndian.Uint32(want.Row(int32(y), int32(x), int32(x)+1)); got != w {
				t.Fatalf("scene %d: pixel %d,%d is %08x, want %08x", r.scene.Sequence, x, y, got, w)
			}
		}
	}
}

func TestPublishAllocatesNothing(t *testing.T) {
	o := newOwner(t, 64, 64)
	r := o.reader(1)
	// The reader's goroutine would count too: answer from here.
	sink := o.sinks[0]
	step := func() {
		o.show(0xff000001, region.XYWH(1, 1, 5, 5))
		r.next(time.Second)
		sink.release(r.scene.Sequence)
	}
	for range 8 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n > 6 {
		t.Errorf("%v allocations per picture", n)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(scene.MessageDone, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(scene.MessageRefresh, []byte{})
	f.Add(scene.MessageRefused, []byte("\x01\x00\x00\x00why"))
	f.Fuzz(func(t *testing.T, typ uint16, payload []byte) {
		number, reason, err := parseAnswer(typ, payload)
		if err == nil && (number != 0 && typ == scene.MessageRefresh || typ == scene.MessageRefused && number > 1<<32-1 || reason != "" && typ != scene.MessageRefused) {
			t.Errorf("type %#x gave %d", typ, number)
		}
	})
}
