package compositor

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/keymap"
)

func TestWaylandInfo(t *testing.T) {
	s := startSession(t, 1280, 720)
	cmd := s.start("wayland-info")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	out := strings.Join(strings.Fields(cmd.Stdout.(*lockedBuffer).String()), " ")
	for _, want := range []string{
		"'wl_compositor', version: ", "'wl_seat', version: 8",
		"width: 1280 px, height: 720 px, refresh: 60.000 Hz", "name: KENNEL-1", "pointer keyboard", "presentation clock id: 1 (CLOCK_MONOTONIC)",
		"keyboard repeat rate: 25", "'zxdg_decoration_manager_v1'",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("wayland-info does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestWaylandInfoReadsFeedback has libwayland read what is told of GPU buffers.
func TestWaylandInfoReadsFeedback(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	cmd := s.start("wayland-info", "-i", "zwp_linux_dmabuf_v1")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	out := strings.Join(strings.Fields(cmd.Stdout.(*lockedBuffer).String()), " ")
	const want = "main device: 0xE280 tranche target device: 0xE280 flags: none formats (fourcc) and modifiers (names): " +
		"0x34325258 = 'XR24'; 0x0100000000000001 = INTEL_X_TILED 0x34325258 = 'XR24'; 0x0000000000000000 = LINEAR " +
		"0x34325241 = 'AR24'; 0x0000000000000000 = LINEAR 0x34324258 = 'XB24'; 0x0000000000000000 = LINEAR " +
		"0x34324241 = 'AB24'; 0x0000000000000000 = LINEAR"
	if !strings.Contains(out, want) {
		t.Errorf("wayland-info says %s", out)
	}
}

// TestFootTypes runs a real terminal: what is typed shows, and a program in it
// reads exactly the characters that were typed, on the layout or not.
func TestFootTypes(t *testing.T) {
	const typed = "Hello \"~|}\" é€日 Aé"
	s := startSession(t, 1280, 720)
	s.start("foot", "--override=colors.background=203040", "--override=colors.regular2=00a000", "--override=colors.regular1=a00000",
		"sh", "-c", `read -r x; if [ "$x" = "$0" ]; then printf '\033[42m\033[2J'; else printf '\033[41m\033[2J'; fi; exec sleep 60`, typed)
	if e := s.await(display.EventMapped); e.AppID != "foot" {
		t.Errorf("mapped %+v", e)
	}
	s.sink.until("background", func() bool { return s.sink.at(1279, 719) == 0xff203040 })
	s.sink.settled(300 * time.Millisecond)
	before := s.sink.hash()
	s.text(typed)
	s.sink.until("typing shows", func() bool { return s.sink.hash() != before })
	s.sink.settled(300 * time.Millisecond)
	s.sink.save("foot-typed.png")
	s.input(display.Input{Kind: display.InputKey, Code: keymap.KeyEnter, Pressed: true})
	s.input(display.Input{Kind: display.InputKey, Code: keymap.KeyEnter})
	s.sink.until("the program answers", func() bool { p := s.sink.at(640, 600); return p == 0xff00a000 || p == 0xffa00000 })
	if s.sink.at(640, 600) != 0xff00a000 {
		t.Error("the program read something else than was typed")
	}
	if st := s.statistics(); st.Clients != 1 || st.Scenes == 0 {
		t.Errorf("statistics %+v", st)
	}
}

// TestClientsShowSomething runs the toy clients of weston: each must draw, and
// none may be disconnected.
func TestClientsShowSomething(t *testing.T) {
	clients := [][]string{
		{"weston-simple-shm"},
		{"weston-flower"},
		{"weston-smoke"},
		{"weston-eventdemo"},
		{"weston-clickdot"},
		{"weston-subsurfaces"},
		{"weston-simple-damage"},
		{"weston-scaler"},
		{"weston-transformed"},
		{"weston-resizor"},
		{"weston-stacking"},
		{"weston-dnd"},
		{"weston-terminal"},
		{"weston-fullscreen"},
	}
	for _, c := range clients {
		t.Run(c[0], func(t *testing.T) {
			s := startSession(t, 1280, 720)
			cmd := s.start(c[0], c[1:]...)
			s.await(display.EventMapped)
			s.input(moveTo(600, 330, 1280, 720)) // some draw only where the pointer is
			s.sink.until("a picture with more than the background", func() bool {
				many := false
				s.sink.pixels(func(pix []byte, _, _ int) {
					for i := 0; i+4 <= len(pix); i += 4 {
						many = many || pix[i]|pix[i+1]|pix[i+2] != 0
					}
				})
				return many
			})
			for i := range int32(40) {
				s.input(display.Input{Kind: display.InputMotionRelative, X: 5 - i%3*6, Y: 4 - i%5*3})
			}
			s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
			s.input(display.Input{Kind: display.InputButton, Code: 0x110})
			s.input(display.Input{Kind: display.InputAxis, Y: 120})
			s.sink.linger(20, 300*time.Millisecond)
			s.sink.save(c[0] + ".png")
			if s.statistics().Clients != 1 {
				t.Error("the client was disconnected")
			}
			if cmd.ProcessState != nil {
				t.Errorf("the client ended: %v", cmd.ProcessState)
			}
		})
	}
}

// TestNestedSway runs what a session usually runs: a compositor in ours.
func TestNestedSway(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is not installed")
	}
	s := startSession(t, 1280, 720)
	s.open(4242)
	config := s.write("sway.conf", "output * bg #406080 solid_color\nexec foot\n")
	s.start("setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups", "env", "WLR_RENDERER=pixman", "WLR_LIBINPUT_NO_DEVICES=1", "sway", "-c", config)
	s.await(display.EventMapped)
	s.sink.until("sway draws", func() bool { return s.sink.hash() != 0 && s.sink.at(640, 360) != 0xff000000 })
	s.sink.settled(500 * time.Millisecond)
	before := s.sink.hash()
	s.sink.save("sway-before.png")
	s.text("echo nested\n")
	s.sink.until("typing arrives through sway", func() bool { return s.sink.hash() != before })
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 300, Y: 300, MaxX: 1280, MaxY: 720})
	s.sink.settled(500 * time.Millisecond)
	s.sink.save("sway-after.png")
}

// TestNestedWeston runs the reference compositor in ours.
func TestNestedWeston(t *testing.T) {
	s := startSession(t, 1280, 720)
	s.start("weston", "--backend=wayland-backend.so", "--use-pixman", "--fullscreen", "--socket=inner", "--idle-time=0")
	s.await(display.EventMapped)
	s.sink.until("weston draws", func() bool { return s.sink.at(640, 360) != 0xff000000 && s.sink.at(1279, 719) != 0xff000000 })
	s.input(moveTo(16, 16, 1280, 720))
	s.sink.settled(300 * time.Millisecond)
	s.sink.save("weston-nested.png")
	if s.statistics().Clients != 1 {
		t.Error("the client was disconnected")
	}
}
