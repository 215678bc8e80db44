package appscan

import "slices"

// recipe is how a program that we know is started in a session.
type recipe struct {
	title string
	// needs are the programs that must be there, what it is about first.
	needs []string
	args  []string
	env   []string
	// covers are other programs whose desktop entries it makes superfluous.
	covers []string
}

// Sway takes the system's configuration, whose terminal is foot, and opens one.
// The wallpaper of that configuration is in a package of its own, without which
// sway shows an error. It draws by itself: a session has no GPU to draw with.
const swayScript = `sed '/^output .* bg /d' /etc/sway/config >"$XDG_RUNTIME_DIR/sway.conf"
echo exec foot >>"$XDG_RUNTIME_DIR/sway.conf"
exec sway --config "$XDG_RUNTIME_DIR/sway.conf"`

// An X server of the session's own, which fills the picture, and a program in
// it. It picks a free number, makes no abstract socket, and wants a cookie.
const xwaylandScript = `run="$XDG_RUNTIME_DIR"; rm -f "$run/x"; mkfifo "$run/x"; mkdir -p -m 1777 /tmp/.X11-unix
export XAUTHORITY="$run/Xauthority"
{ printf '\377\377\000\000\000\000\000\022MIT-MAGIC-COOKIE-1\000\020'; head -c 16 /dev/urandom; } >"$XAUTHORITY"
Xwayland -shm -nolisten local -nolisten tcp -auth "$XAUTHORITY" -displayfd 3 3>"$run/x" &
read -r n <"$run/x"
export DISPLAY=":$n" GDK_BACKEND=x11 QT_QPA_PLATFORM=xcb SDL_VIDEODRIVER=x11`

// Without a window manager, a window is as large as it makes itself.
const xtermScript = xwaylandScript + `
exec xterm -b 0 -geometry "$((KENNEL_WIDTH / 6))x$((KENNEL_HEIGHT / 13))+0+0" "$@"`

// anyXScript runs its arguments.
const anyXScript = xwaylandScript + `
exec "$@"`

// cairo keeps GTK 4 from drawing by OpenGL on the processor, which is slower.
const cairo = "GSK_RENDERER=cairo"

// softwareQuick is the same for Qt Quick.
const softwareQuick = "QT_QUICK_BACKEND=software"

// known are the programs whose entries were streamed and looked at; Chrome is
// taken to be as Chromium is.
var known = []recipe{
	{title: "Foot", needs: []string{"foot"}, args: []string{"foot"}, covers: []string{"footclient"}},
	{title: "Sway", needs: []string{"sway", "foot"}, args: []string{"sh", "-c", swayScript}, env: []string{"WLR_RENDERER=pixman"}},
	{title: "Weston", needs: []string{"weston"}, args: []string{"weston", "--backend=wayland-backend.so", "--use-pixman", "--fullscreen", "--idle-time=0"}},
	{title: "Weston terminal", needs: []string{"weston-terminal"}, args: []string{"weston-terminal", "--fullscreen"}},
	chromium("Chromium", "chromium"),
	chromium("Chromium", "chromium-browser"),
	chromium("Google Chrome", "google-chrome"),
	firefox("firefox"),
	firefox("firefox-esr"),
	{title: "mpv", needs: []string{"mpv"}, args: []string{"mpv", "--player-operation-mode=pseudo-gui", "--vo=wlshm", "--fullscreen"}},
	{title: "glmark2", needs: []string{"glmark2-es2-wayland"}, args: []string{"glmark2-es2-wayland", "--fullscreen", "--run-forever"}},
	{title: "GTK demo", needs: []string{"gtk4-demo"}, args: []string{"gtk4-demo"}, env: []string{cairo}},
	{
		title: "xterm", needs: []string{"xterm", "Xwayland"}, args: []string{"sh", "-c", xtermScript, "xterm"},
		covers: []string{"uxterm", "lxterm", "koi8rxterm"},
	},
}

// chromium keeps its sandbox: sessions have what it needs of the kernel.
func chromium(title, program string) recipe {
	return recipe{
		title: title, needs: []string{program},
		args: []string{program, "--ozone-platform=wayland", "--disable-gpu", "--no-first-run", "--start-maximized"},
	}
}

// firefox speaks Wayland because of a variable that every session has.
func firefox(program string) recipe {
	return recipe{title: "Firefox", needs: []string{program}, args: []string{program}}
}

// isFor reports whether the recipe starts a program instead of its desktop entry.
func (r *recipe) isFor(base string) bool {
	return r.needs[0] == base || slices.Contains(r.covers, base)
}
