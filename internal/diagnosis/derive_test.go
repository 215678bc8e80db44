package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// script makes a log of lines "SECONDS LEVEL MESSAGE" of a day; a line that
// begins with ! stands as it is.
func script(t testing.TB, text string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if raw, ok := strings.CutPrefix(line, "!"); ok {
			b.WriteString(raw + "\n")
			continue
		}
		words := strings.SplitN(line, " ", 3)
		after, err := time.ParseDuration(words[0] + "s")
		if err != nil || len(words) < 3 {
			t.Fatalf("%q: %v", line, err)
		}
		at := time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC).Add(after)
		fmt.Fprintf(&b, "%s %-5s | %s\n", at.Format("15:04:05.000000000"), words[1], words[2])
	}
	return b.String()
}

const (
	logStarted = `
		0 INFO Gstreamer version: 1.26.7-0
		0.2 INFO HTTPS server listening on port: 47984
		0.3 INFO Starting mDNS service`
	logLaunched = logStarted + logAsked
	logAsked    = `
		60 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/launch
		60.001 DEBUG Host app state folder: /etc/wolf/4242424242424242/Game, creating paths
		60.002 DEBUG [STREAM_SESSION] Create wayland compositor`
	logDisplayed = logLaunched + logReady
	logReady     = `
		60.1 INFO Wayland display ready, listening on: wayland-1
		60.2 DEBUG [STREAM_SESSION] Start runner`
	logContained = logDisplayed + logApp
	logApp       = `
		60.3 INFO [DOCKER] Starting container: /Game_4242424242424242`
	logStreaming = logContained + logStream
	logSession   = logAsked + logReady + logApp + logStream
	logStream    = `
		60.5 DEBUG [RTSP] received command OPTIONS
		60.6 DEBUG [RTSP] received command PLAY
		60.7 DEBUG [ENET] connected client: 10.0.0.7:5511
		60.8 DEBUG Starting video pipeline: x
		60.9 DEBUG [GSTREAMER] Forcing IDR`
	logQuit = `
		300 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel
		300.1 INFO Stopped container: /Game_4242424242424242`
	logPoll = `
		400 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/serverinfo`
)

// second is another client's session, from the address IP, and flood what shows
// that packets are read with the wrong key.
const (
	second = `
		80 DEBUG IP [GET] HTTPS://10.0.0.1/launch
		80.001 DEBUG Host app state folder: /etc/wolf/7777777777777777/Game, creating paths
		80.1 INFO Wayland display ready, listening on: wayland-2
		80.3 INFO [DOCKER] Starting container: /Game_7777777777777777
		80.6 DEBUG [RTSP] received command PLAY
		80.7 DEBUG [ENET] connected client: IP:6622
		80.9 DEBUG [GSTREAMER] Forcing IDR`
	flood = `
		81 WARN [ENET] Unable to decrypt incoming packet:
		81.1 WARN [ENET] Unable to decrypt incoming packet:
		81.2 WARN [ENET] Unable to decrypt incoming packet:
		81.3 WARN [ENET] Unable to decrypt incoming packet:
		81.4 WARN [ENET] Unable to decrypt incoming packet:`
	left = `
		120 DEBUG [ENET] disconnected client: 10.0.0.7:5511
		120.1 DEBUG [GSTREAMER] Pausing pipeline: 4242424242424242`
)

// silent ends at the end of a session on a host without a sound server.
const silent = logStarted + "\n1 WARN Failed to connect to any PulseAudio server, audio will not be available!" + logSession + logQuit +
	"\n300.2 DEBUG [STREAM_SESSION] Remove virtual audio sink"

// deriveCases are logs by what is to be found in them: the root of a fault, or
// "ok", or "note" and what is noted of one with nothing grave.
var deriveCases = []struct{ name, root, log string }{
	{"negotiation stops", "rtsp-incomplete", logContained + "\n60.5 DEBUG [RTSP] received command OPTIONS" + logPoll},
	{"negotiation goes on", "ok", logContained + "\n60.5 DEBUG [RTSP] received command OPTIONS\n70 DEBUG [RTSP] received command PLAY\n70.1 DEBUG [ENET] connected client: 1.2.3.4:5\n70.2 DEBUG Starting video pipeline: x" + logQuit},
	{"the player gave up at once", "ok", logContained + "\n65 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel\n65.1 INFO Stopped container: /Game_4242424242424242" + logPoll},
	{"no container", "no-container", logDisplayed + "\n60.6 DEBUG [RTSP] received command PLAY\n60.7 DEBUG [ENET] connected client: 1.2.3.4:5" + logPoll},
	{"a download", "ok", logDisplayed + "\n60.3 WARN [DOCKER] Image x/y:z not present, downloading...\n60.6 DEBUG [RTSP] received command PLAY\n60.7 DEBUG [ENET] connected client: 1.2.3.4:5\n60.8 DEBUG Starting video pipeline: x" + logPoll + logQuit},
	{"a process", "ok", logDisplayed + "\n60.3 DEBUG [PROCESS] Starting process: game\n60.6 DEBUG [RTSP] received command PLAY\n60.7 DEBUG [ENET] connected client: 1.2.3.4:5\n60.8 DEBUG Starting video pipeline: x" + logQuit},
	{"no compositor", "no-compositor", logLaunched + "\n60.01 DEBUG [GSTREAMER] Starting video producer: appsrc is-live=true name=wolf_wayland_source" + logPoll},
	{"no compositor element", "no-compositor", logLaunched + "\n" + `60.01 ERROR [GSTREAMER] Pipeline parse error: no element "waylanddisplaysrc"`},
	{"asked to stop", "wolf-stopped", logStreaming + "\n120 ERROR Received interrupt signal 15, clean exit\n130 INFO Gstreamer version: 1.26.7-0"},
	{"asked to stop at last", "wolf-stopped", logStreaming + "\n120 ERROR Received interrupt signal 2, clean exit"},
	{"asked to stop when idle", "ok", logStreaming + logQuit + "\n400 ERROR Received interrupt signal 15, clean exit"},
	{"killed", "wolf-killed", logStreaming + "\n130 INFO Gstreamer version: 1.26.7-0"},
	{"name service", "mdns-crash", logStarted + "\n0.4 ERROR Unhandled exception: Error: Failed to open any client sockets"},
	{"name service by order", "mdns-crash", logStarted + "\n0.4 ERROR Unhandled exception: unable to get network interfaces"},
	{"another exception", "unhandled", logStarted + "\n0.4 ERROR Unhandled exception: vector::_M_range_check"},
	{"another exception later", "unhandled", logStarted + "\n9 ERROR Unhandled exception: unable to get network interfaces"},
	{"supervisor", "crash-loop", `
		!2026-03-03 12:00:00,500 WARN exited: wolf (exit status 1; not expected)
		!2026-03-03 12:00:01,500 WARN exited: wolf (exit status 1; not expected)
		!2026-03-03 12:00:09,001 INFO gave up: wolf entered FATAL state, too many start retries too quickly`},
	{"supervisor once", "ok", "!2026-03-03 12:00:00,500 WARN exited: wolf (exit status 1; not expected)" + logStreaming + logQuit},
	{"library", "library-missing", "!/entrypoint.sh: line 3: /wolf/wolf: error while loading shared libraries: libgstreamer-1.0.so.0: cannot open shared object file"},
	{"curl, old", "docker-socket", logDisplayed + "\n60.3 WARN [CURL] Request failed with error: Couldn't connect to server"},
	{"curl, new", "docker-socket", logDisplayed + "\n60.3 WARN [CURL] Request failed with error: Could not connect to server"},
	{"curl, newest", "docker-socket", logDisplayed + "\n60.3 WARN [CURL] Request failed with error: Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server"},
	{"curl, otherwise", "docker-error", logDisplayed + "\n60.3 WARN [CURL] Request failed with error: Timeout was reached"},
	{"display ends", "compositor-gone", logStreaming + `
		!2026-03-03T10:02:00.300000Z ERROR waylanddisplaycore::comp: Event loop broke. err=IoError` + logPoll},
	{"display is gone", "compositor-gone", logStreaming + `
		!2026-03-03T10:02:00.300000Z WARN waylanddisplaycore: Failed to send buffer command.` + logPoll},
	{"display ends after the logQuit", "ok", logStreaming + logQuit + `
		!2026-03-03T10:05:01.300000Z WARN waylanddisplaycore: Failed to send buffer command.`},
	{"drawing fails", "render-failed", logStreaming + strings.Repeat(`
		!2026-03-03T10:02:00.300000Z ERROR waylanddisplaycore::comp: Rendering failed. err=SwapBuffers`, floodOf) + logQuit},
	{"drawing failed once", "ok", logStreaming + `
		!2026-03-03T10:02:00.300000Z ERROR waylanddisplaycore::comp: Rendering failed. err=SwapBuffers` + logQuit},
	{"EGL has no memory", "egl-bad-alloc", logLaunched + `
		!2026-03-03T10:01:00.010000Z ERROR smithay::backend::egl::ffi: [EGL] 0x3003 (BAD_ALLOC) eglQueryDevicesEXT
		!2026-03-03T10:01:00.020000Z ERROR smithay::backend::egl::ffi: [EGL] 0x3001 (NOT_INITIALIZED) eglInitialize` + logPoll},
	{"cached context", "cuda-ctx-dead", logLaunched + "\n60.07 WARN Cached CUDA context appears to be invalid (push failed)\n60.08 ERROR Failed to create CUDA context for device: /dev/dri/renderD128"},
	{"no context", "cuda-not-permitted", logLaunched + "\n60.08 ERROR Failed to create CUDA context for device: /dev/dri/renderD128"},
	{"app crashes", "app-exited", logStreaming + "\n120 WARN Process exited with code: 139"},
	{"app is ended", "ok", logStreaming + logQuit + "\n301 WARN Process exited with code: 1"},
	{"app ends", "ok", logStreaming + "\n120 WARN Process exited with code: 143"},
	{"GPU is full", "gpu-vram-full", logStreaming + `
		!0:01:01.000000001     1 0x7f0000000000 WARN cudacontext gstcudacontext.cpp:402:gst_create_cucontext: CUDA call failed: CUDA_ERROR_OUT_OF_MEMORY, out of memory
		61.1 ERROR [GSTREAMER] Pipeline error: Could not initialize supporting library.` + logQuit},
	{"VA-API", "va-init", logStreaming + `
		!0:01:01.010000001     1 0x7f0000000000 ERROR              vaencoder gstvaencoder.c:443:gst_va_encoder_open:<vah265enc0> vaCreateConfig: the requested VAProfile is not supported
		61.1 ERROR [GSTREAMER] Pipeline error: Could not initialize supporting library.` + logQuit},
	{"never paired", "client-unpaired", logStarted + "\n60 WARN Received HTTPS request from a client which wasn't previously paired." + logPoll},
	{"pairs then", "ok", logStarted + "\n60 WARN Received HTTPS request from a client which wasn't previously paired.\n61 INFO Insert pin at http://10.0.0.1/pin/#1\n65 INFO Successfully paired 10.0.0.7"},
	{"out of step", "pair-order", logStarted + "\n60 WARN Unable to match pair with any phase, you can retry pairing from Moonlight"},
	{"wrong app", "app-unknown", logStarted + "\n60 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/launch\n60.1 WARN [HTTP] Requested wrong app_id: not found"},
	{"full lobby", "lobby-full", logStarted + "\n60 WARN Lobby 1f1b43a8 is full\n60 ERROR Failed to join lobby: full"},
	{"PIN not typed", "pair-no-pin", logStarted + "\n60 INFO Insert pin at http://10.0.0.1/pin/#1" + logPoll},
	{"PIN is being typed", "ok", logStarted + "\n60 INFO Insert pin at http://10.0.0.1/pin/#1\n90 DEBUG 10.0.0.7 [GET] HTTP://10.0.0.1/serverinfo"},
	{"client gave up", "pair-no-pin", logStarted + "\n60 INFO Insert pin at http://10.0.0.1/pin/#1\n65 INFO Unpairing: 0123456789ABCDEF@10.0.0.7"},
	{"PIN at the second try", "ok", logStarted + "\n60 INFO Insert pin at http://10.0.0.1/pin/#1\n65 INFO Unpairing: 0123456789ABCDEF@10.0.0.7\n70 INFO Insert pin at http://10.0.0.1/pin/#2\n75 INFO Succesfully paired 10.0.0.7" + logPoll},
	{"crash at the removal of a sink", "pulse-none", silent},
	{"no crash at the removal of a sink", "ok", silent + "\n310 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/serverinfo"},
	{"gone", "client-vanished", logStreaming + "\n120 DEBUG [ENET] disconnected client: 10.0.0.7:5511\n120.1 DEBUG [GSTREAMER] Pausing pipeline: 4242424242424242"},
	{"app ends at once", "container-fast-exit", logContained + "\n61 INFO Stopped container: /Game_4242424242424242"},
	{"ports are taken", "ports-held-by-orphan", "0 INFO Gstreamer version: 1.26.7-0" + `
		0.1 ERROR Unhandled exception: bind: Address already in use
		0.2 ERROR An error occurred while trying to create an ENet server host
		0.3 ERROR Unable to create RTSP server on port 48010`},
	{"ports of the stream before", "resume-holds-ports", logStreaming + `
		120 DEBUG [ENET] disconnected client: 10.0.0.7:5511
		125 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/resume
		140 WARN Video session 4242424242424242, timed out waiting for PING`},
	{"back too soon", "resume-races-pause", logStreaming + `
		120 DEBUG [GSTREAMER] Pausing pipeline: 4242424242424242
		120.1 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/resume`},
	{"unknown to this process", "cancel-unknown", logStarted + `
		60 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel
		60.1 WARN [HTTPS] Received resume event from an unregistered session, ip: 10.0.0.7`},
	{"cut off", "log-cut-off", logLaunched},
	{"two behind one address", "two-clients-one-ip", logStreaming + strings.ReplaceAll(second, "IP", "10.0.0.7") + flood},
	{"two, each with its address", "evp-decrypt", logStreaming + strings.ReplaceAll(second, "IP", "10.0.0.8") + flood},
	{"two behind one address, and nothing wrong", "ok", logStreaming + strings.ReplaceAll(second, "IP", "10.0.0.7") + "\n90 DEBUG [GSTREAMER] Stopping pipeline: 4242424242424242\n91 DEBUG [GSTREAMER] Stopping pipeline: 7777777777777777"},
	{"one after the other", "evp-decrypt", logStreaming + "\n70 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel\n70.1 INFO Stopped container: /Game_4242424242424242" + strings.ReplaceAll(second, "IP", "10.0.0.7") + flood},
	{"one client came back", "evp-decrypt", logStreaming + strings.ReplaceAll(strings.ReplaceAll(second, "IP", "10.0.0.7"), "7777777777777777", "4242424242424242") + flood},
	{"quit was not served", "note cancel-not-served", logStreaming + left + strings.ReplaceAll(logSession, "\n\t\t60", "\n\t\t460") + "\n500 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel"},
	{"a connected client without a picture", "no-video-pipeline", logContained + "\n60.6 DEBUG [RTSP] received command PLAY\n60.7 DEBUG [ENET] connected client: 1.2.3.4:5" + logQuit},
	{"the stream ends under the client", "stream-ended", logStreaming + "\n70 INFO [GSTREAMER] Pipeline reached End Of Stream\n90 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel"},
	{"a start that stands still", "start-incomplete", "0 INFO Gstreamer version: 1.26.7-0\n0.1 INFO Reading config file from: /etc/wolf/cfg/config.toml\n30 WARN Failed to do something"},
	{"a start after a start", "start-incomplete", "0 INFO Gstreamer version: 1.26.7-0" + strings.ReplaceAll(logStreaming, "\n\t\t0", "\n\t\t50") + logQuit},
	{"an error of no known kind", "unknown-error", logStreaming + "\n70 ERROR The flux compensator is out of phase" + logQuit},
	{"a crash of no known kind", "unknown-error", logStreaming + "\n!Segmentation fault (core dumped)" + logQuit},
	{"an error of no known kind after the end", "ok", logStreaming + logQuit + "\n301 ERROR The flux compensator is out of phase"},
	{"a silence in the start", "stage-stalled", logDisplayed + "\n60.3 INFO [DOCKER] Starting container: /Game_4242424242424242" + strings.ReplaceAll(logStream, "\n\t\t60", "\n\t\t95") + logQuit},
	{"apps that nobody stops", "containers-left", logStreaming + left + strings.NewReplacer("\n\t\t60", "\n\t\t160", "4242424242424242", "5252525252525252", "10.0.0.7", "10.0.0.8").Replace(logSession) + "\n200 DEBUG [ENET] disconnected client: 10.0.0.8:5511" + strings.NewReplacer("\n\t\t60", "\n\t\t260", "4242424242424242", "6262626262626262", "10.0.0.7", "10.0.0.9").Replace(logSession) + "\n270 DEBUG [ENET] disconnected client: 10.0.0.9:5511" + strings.NewReplacer("\n\t\t60", "\n\t\t280", "4242424242424242", "7272727272727272", "10.0.0.7", "10.0.0.6").Replace(logSession) + strings.NewReplacer("10.0.0.7", "10.0.0.6", "4242424242424242", "7272727272727272").Replace(logQuit) + "\n300 DEBUG 10.0.0.7 [GET] HTTP://10.0.0.1/serverinfo"},
	{"quit was served", "ok", logStreaming + left + "\n130 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel" + strings.ReplaceAll(logSession, "\n\t\t60", "\n\t\t460") + "\n500 DEBUG 10.0.0.7 [GET] HTTPS://10.0.0.1/cancel"},
}

// TestDerived: what follows from what is there and what is not, and from lines
// that mean something only where they stand.
func TestDerived(t *testing.T) {
	c := catalogue(t)
	for _, one := range deriveCases {
		t.Run(one.name, func(t *testing.T) {
			l, err := c.Read(t.Context(), Source{"x", strings.NewReader(script(t, one.log))})
			if err != nil {
				t.Fatal(err)
			}
			d, got := c.Diagnose(l), "ok"
			if len(d.Candidates) > 0 {
				got = d.Candidates[0].ID
			}
			if id, isNote := strings.CutPrefix(one.root, "note "); isNote && got == "ok" && slices.ContainsFunc(d.Notes, func(n Link) bool { return n.Fault == id }) {
				got = one.root
			}
			if got != one.root {
				var chain []string
				for _, link := range d.Chain {
					chain = append(chain, link.Fault)
				}
				t.Errorf("%s %s, want %s; chain %v", d.Verdict, got, one.root, chain)
			}
		})
	}
}

// TestEveryFaultCanBeFound: by a sign, by a conclusion that a case above draws,
// or by a command.
func TestEveryFaultCanBeFound(t *testing.T) {
	for _, f := range catalogue(t).Faults() {
		concluded := slices.ContainsFunc(deriveCases, func(one struct{ name, root, log string }) bool { return strings.TrimPrefix(one.root, "note ") == f.ID })
		switch {
		case f.Derived && !concluded:
			t.Errorf("%s is concluded from logs, and no case shows how", f.ID)
		case len(f.SeenBy) > 0 && !strings.Contains(f.Explain(), f.SeenBy[0]):
			t.Errorf("%s does not explain what shows it: %s", f.ID, f.Explain())
		}
	}
}

// TestTroubleAtTheEndIsNoDeath: a log that ends right after trouble shows a death
// only where that trouble is itself a usual cause of one.
func TestTroubleAtTheEndIsNoDeath(t *testing.T) {
	c := catalogue(t)
	for sign, dies := range map[string]bool{
		"\n!2026-03-03T10:02:00.300000Z ERROR waylanddisplaycore::comp: Event loop broke. err=IoError": false,
		"\n120 ERROR malloc(): unaligned tcache chunk detected":                                        true,
	} {
		l, err := c.Read(t.Context(), Source{"x", strings.NewReader(script(t, logStreaming+sign))})
		if err != nil {
			t.Fatal(err)
		}
		d := c.Diagnose(l)
		if died := slices.ContainsFunc(d.Chain, func(link Link) bool { return link.Fault == "wolf-killed" }); died != dies {
			t.Errorf("%s: dead is %t", sign, died)
		}
	}
}
