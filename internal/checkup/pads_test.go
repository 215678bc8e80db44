package checkup

import (
	"os"
	"testing"

	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/pad/padtest"
)

func TestPadsNeedUinput(t *testing.T) {
	u := padtest.New(t)
	o := Options{pads: u.Machine()}
	only(t, checkPads(t.Context(), nil, &o), OK, "gamepads = true")
	if err := os.Remove(u.Path("dev/uinput")); err != nil {
		t.Fatal(err)
	}
	only(t, checkPads(t.Context(), nil, &o), Warning, "/dev/uinput is not there", "-> modprobe uinput")
	o.pads.Open = func(string) (pad.Handle, error) { return nil, os.ErrPermission }
	only(t, checkPads(t.Context(), nil, &o), Warning, "may not be opened", "-> run kennel as root")
}
