package e2e

import (
	"os"
	"testing"

	"github.com/kennel-stream/kennel/moonlight/control"
)

// heavy skips what is too heavy for every run: make apps runs it.
func heavy(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("KENNEL_APPS") == "" {
		t.Skip("a heavy app: run make apps")
	}
	needs(t, programs...)
}

// page is a web page that is blue, green after a key and yellow after a click.
const page = `data:text/html,<title>Colours</title><body style="margin:0;background:rgb(0,0,220);color:white;font:40px sans-serif">
<p id=p>a page<script>
let show = (c, s) => { document.body.style.background = c; p.textContent = s + ", " + innerWidth + " x " + innerHeight };
onkeydown = e => show("rgb(0,180,0)", "key " + e.key);
onmousedown = e => show("rgb(220,220,0)", "click at " + e.clientX + ", " + e.clientY);
</script>`

func TestChromium(t *testing.T) {
	heavy(t, "chromium")
	config := appConfig("Chromium", nil, "chromium", "--ozone-platform=wayland", "--disable-gpu", "--no-first-run", "--kiosk", page)
	flyTwice(t, config, "Chromium", func(f *flight) {
		f.shows("the page", blue, 300, 300, 900, 900)
		f.must(f.p.Type("k"))
		f.shows("a key paints it green", green, 300, 300, 900, 900)
		f.must(f.p.Click(700, 400))
		f.shows("a click paints it yellow", yellow, 300, 300, 500, 900)
	}, func(f *flight) {
		f.must(f.p.Type("k"))
		f.shows("a key paints all of the new size green", green, 20, 300, 980, 980)
	})
}

func TestMPV(t *testing.T) {
	heavy(t, "mpv")
	config := appConfig("mpv", nil, "mpv", "--vo=wlshm", "--no-audio", "--fullscreen", "--loop-playlist",
		"av://lavfi:color=c=blue:size=640x360:rate=30", "av://lavfi:color=c=lime:size=640x360:rate=30")
	flyTwice(t, config, "mpv", func(f *flight) {
		f.shows("the first film", blue, 100, 100, 900, 700)
		f.must(f.p.Type(">"))
		f.shows("a key starts the next one", green, 100, 100, 900, 700)
		f.must(f.p.Move(640, 600))
		for _, down := range []bool{true, false} {
			f.must(f.p.Input(control.MouseButton{Button: control.ButtonX2, Down: down}))
		}
		f.shows("a mouse button the first one again", blue, 100, 100, 900, 700)
	}, func(f *flight) {
		f.must(f.p.Type("<"))
		f.shows("the second one", green, 20, 20, 980, 700)
	})
}

func TestGlmark2(t *testing.T) {
	heavy(t, "glmark2-es2-wayland")
	config := appConfig("glmark2", nil, "glmark2-es2-wayland", "--fullscreen", "--run-forever", "-b", "build:duration=60") + "on_exit = \"card\"\n"
	const escape = 0x1b
	flyTwice(t, config, "glmark2", func(f *flight) {
		for range 5 {
			f.changes("it moves", 300, 0, 0, 1000, 1000, nil)
		}
	}, func(f *flight) {
		for range 5 {
			f.changes("it still moves", 300, 0, 0, 1000, 1000, nil)
		}
		f.png("resized")
		f.must(f.p.Keys(escape))
		f.card("a key ends it")
	})
}

func TestGTK4(t *testing.T) {
	heavy(t, "gtk4-widget-factory")
	flyTwice(t, appConfig("GTK4", []string{"GSK_RENDERER=cairo"}, "gtk4-widget-factory"), "GTK4", func(f *flight) {
		f.shows("the window", white, 300, 870, 450, 980)
		f.types("kennel", 10, 83, 300, 121)
		f.changes("a click on a tab shows another photograph", 10_000, 20, 895, 250, 1000, func() error { return f.p.Click(127, 624) })
	}, func(f *flight) {
		f.changes("a click on a switch", 300, 500, 787, 700, 937, func() error { return f.p.Click(504, 466) })
		f.must(f.p.Click(340, 250))
		f.types("stream", 10, 437, 300, 487)
	})
}

// xterm fills an X server of the session's own with a terminal. The X server
// picks a free number, makes no abstract socket, and wants a cookie.
const xterm = `run="$XDG_RUNTIME_DIR"; mkfifo "$run/x"; mkdir -p -m 1777 /tmp/.X11-unix
export XAUTHORITY="$run/Xauthority"
{ printf '\377\377\000\000\000\000\000\022MIT-MAGIC-COOKIE-1\000\020'; head -c 16 /dev/urandom; } >"$XAUTHORITY"
Xwayland -shm -nolisten local -nolisten tcp -auth "$XAUTHORITY" -displayfd 3 3>"$run/x" &
read -r n <"$run/x"
export DISPLAY=":$n"
exec xterm -b 0 -geometry "$((KENNEL_WIDTH / 6))x$((KENNEL_HEIGHT / 13))+0+0" -e sh -c "$0"`

func TestXwayland(t *testing.T) {
	heavy(t, "Xwayland", "xterm")
	flyTwice(t, appConfig("xterm", nil, "sh", "-c", xterm, painter), "xterm", func(f *flight) {
		f.must(f.p.Move(f.width/2, f.height/2))
		paintsAtClicks(f)
	}, func(f *flight) {
		f.must(f.p.Type("x"))
		f.shows("red, in the new size", red, 20, 50, 980, 970)
	})
}
