package output

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/scene"
)

// share makes a client's buffer of memory, whose first pixel is word.
func (o *owner) share(word uint32, idle func()) *Shared {
	o.t.Helper()
	fd, err := unix.MemfdCreate("client", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, 64)
	}
	if err == nil {
		_, err = unix.Pwrite(fd, binary.LittleEndian.AppendUint32(nil, word), 0)
	}
	if err == nil { // a reader of these tests must not be able to write
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_FUTURE_WRITE)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return o.Share(scene.Buffer{Kind: scene.DMABuf, Width: 4, Height: 4, Format: scene.FormatXRGB8888, Planes: []scene.Plane{{Stride: 16}}}, []int{fd}, idle)
}

func (o *owner) showShared(s *Shared) {
	var damage region.Region
	damage.SetRect(o.Bounds())
	at := scene.Rect{Width: 4, Height: 4}
	o.PublishLayers([]Layer{{Client: s, Source: scene.Rect{Width: 4 << 8, Height: 4 << 8}, Destination: at}}, &damage, 1)
}

// TestManyClientBuffers has a client show more buffers than a reader may know
// at a time: the oldest are forgotten, and announced again when they return.
func TestManyClientBuffers(t *testing.T) {
	o := newOwner(t, 4, 4)
	r := o.reader(1)
	idle := 0
	var all []*Shared
	for i := range scene.MaxBuffers + 10 {
		all = append(all, o.share(uint32(i), func() { idle++ }))
	}
	for i := range 2 * len(all) {
		o.showShared(all[i%len(all)])
		if !r.next(5 * time.Second) {
			t.Fatalf("no scene %d", i)
		}
		if got := r.at(0, 0); got != uint32(i%len(all)) {
			t.Fatalf("scene %d shows buffer %d", i, got)
		}
		if len(r.buffers) > scene.MaxBuffers {
			t.Fatalf("%d buffers are announced", len(r.buffers))
		}
		if err := r.conn.Send(time.Second, scene.MessageDone, binary.LittleEndian.AppendUint64(nil, r.scene.Sequence)); err != nil {
			t.Fatal(err)
		}
		o.settle(1)
	}
	if idle < len(all) {
		t.Errorf("buffers were idle %d times", idle)
	}
	if err := r.conn.Send(time.Second, scene.MessageRefresh, nil); err != nil {
		t.Fatal(err)
	}
	o.settle(1)
	if !r.next(5 * time.Second) {
		t.Fatal("no scene of the new generation")
	}
	if len(r.buffers) != 1 || r.scene.Generation != 2 {
		t.Errorf("%d buffers, generation %d", len(r.buffers), r.scene.Generation)
	}
	// The last look is over: all but the newest may be closed.
	o.RemoveSink(1)
	for i, s := range all {
		if s.Held() {
			t.Errorf("buffer %d is held by nobody", i)
		}
		s.Close()
	}
}
