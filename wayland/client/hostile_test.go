package client_test

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/client"
	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
	"github.com/kennel-stream/kennel/wayland/wire"
)

// event makes a message by hand.
func event(object uint32, opcode uint16, words ...uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, object)
	b = binary.NativeEndian.AppendUint32(b, uint32(8+4*len(words))<<16|uint32(opcode))
	for _, w := range words {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// hear connects to a compositor that says only b, along with a descriptor,
// and hangs up. It returns how the connection ended. The client has 2 a
// wl_registry, 3 a wl_seat, 4 a wl_keyboard, 5 a wl_data_device_manager and 6
// a wl_data_device.
func hear(t testing.TB, b []byte, fds ...int) error {
	t.Helper()
	ours, theirs := socketpair(t)
	c, err := client.NewConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	registry := new(wlclient.WlRegistry)
	registry.SetListener(wlclient.WlRegistryListener{Global: func(uint32, string, uint32) {}})
	c.GetRegistry(registry, wlclient.WlRegistryInterface)
	seat := wlclient.BindWlSeat(registry, 1, 9)
	seat.GetKeyboard().SetListener(wlclient.WlKeyboardListener{
		Keymap: func(_ wlclient.WlKeyboardKeymapFormat, fd int, _ uint32) { _ = unix.Close(fd) },
		Enter:  func(uint32, *wlclient.WlSurface, []byte) {},
	})
	device := wlclient.BindWlDataDeviceManager(registry, 2, 3).GetDataDevice(seat)
	device.SetListener(wlclient.WlDataDeviceListener{DataOffer: func(o *wlclient.WlDataOffer) {
		o.SetListener(wlclient.WlDataOfferListener{Offer: func(string) {}})
	}})
	go func() {
		defer func() { _ = theirs.Close() }()
		_ = theirs.SetDeadline(time.Now().Add(patience))
		var oob []byte
		if len(fds) > 0 {
			oob = unix.UnixRights(fds...)
		}
		_, _, _ = theirs.WriteMsgUnix(b, oob, nil)
		// The requests are read to the end, or writing them would fail first.
		_ = theirs.CloseWrite()
		_, _ = io.Copy(io.Discard, theirs)
	}()
	for {
		if err := c.Dispatch(deadline(t)); err != nil {
			return err
		}
	}
}

func TestCompositorThatTalksNonsense(t *testing.T) {
	file := memfd(t, "x")
	for name, c := range map[string]struct {
		b    []byte
		fds  []int
		want error
	}{
		"nothing":                   {want: client.ErrClosed},
		"an event for nobody":       {b: event(77, 0), want: client.ErrClosed},
		"delete_id of nobody":       {b: event(1, 1, 77), want: client.ErrClosed},
		"delete_id of the display":  {b: append(event(1, 1, 1), event(1, 1, 1)...), want: client.ErrClosed},
		"half a message":            {b: event(4, 3, 1, 2, 3, 4)[:12], want: client.ErrClosed},
		"a file that nobody claims": {b: event(77, 0), fds: []int{file}, want: client.ErrClosed},
		"a size of nothing":         {b: []byte{4, 0, 0, 0, 0, 0, 0, 0}, want: wire.ErrHeader},
		"missing arguments":         {b: event(4, 3, 1), want: wire.ErrTruncated},
		"too many arguments":        {b: event(4, 2, 1, 0, 5), want: wire.ErrTrailing},
		"a string without end":      {b: event(2, 0, 1, 4, 0x41414141, 1), want: wire.ErrString},
		"a null string":             {b: event(2, 0, 1, 0, 1), want: wire.ErrNull},
		"an array beyond the end":   {b: event(4, 1, 1, 0, 0xfffffff0), want: wire.ErrTruncated},
		"no file":                   {b: event(4, 0, 1, 9), want: wire.ErrNoFD},
	} {
		t.Run(name, func(t *testing.T) {
			before := openFiles(t)
			if err := hear(t, c.b, c.fds...); !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
			// The other end is closed by a goroutine that may be in the midst of it.
			if after := openFiles(t); after > before+1 {
				t.Errorf("%d files are open, %d before", after, before)
			}
		})
	}
	for name, b := range map[string][]byte{
		"an event that there is not": event(4, 99),
		"an id of ours":              event(6, 0, 4),
		"an id far away":             event(6, 0, 0xff0fffff),
	} {
		t.Run(name, func(t *testing.T) {
			if err := hear(t, b); err == nil || errors.Is(err, client.ErrClosed) || !strings.Contains(err.Error(), "compositor") {
				t.Errorf("error = %v, want one that blames the compositor", err)
			}
		})
	}
}

// FuzzEvents: whatever a compositor says, the client ends without a panic.
func FuzzEvents(f *testing.F) {
	f.Add(event(2, 0, 1, 4, 0x00414141, 1), false)
	f.Add(event(1, 0, 4, 1, 4, 0x00414141), false)
	f.Add(append(event(1, 1, 3), event(1, 1, 4)...), false)
	f.Add(event(4, 0, 1, 9), true)
	f.Add(append(event(6, 0, 0xff000000), event(0xff000000, 0, 4, 0x00414141)...), false)
	f.Add(append(event(6, 0, 0xff000000), event(6, 5, 0xff000000)...), false)
	f.Fuzz(func(t *testing.T, b []byte, withFile bool) {
		var fds []int
		if withFile && len(b) > 0 {
			fds = []int{memfd(t, "x")}
		}
		if err := hear(t, b, fds...); err == nil {
			t.Error("the connection has no end")
		}
	})
}
