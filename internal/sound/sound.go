// Package sound is the sound server of a session: a PulseAudio of its own, with
// one sink that nobody hears but the session's recorder.
//
// The listening socket is made here and inherited by the server, as systemd
// would do it (sd_listen_fds(3)). So an app may connect before the server is
// there, and while it is being replaced, and waits instead of being refused.
package sound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// Sink is what apps play to.
	Sink = "kennel"
	// Monitor is the source that has what apps play to Sink.
	Monitor = Sink + ".monitor"

	program = "pulseaudio"
	rate    = 48000
)

// ErrMissing means that no sound server is installed.
var ErrMissing = errors.New("pulseaudio is not installed: sessions have no sound until the package pulseaudio is there (apt install pulseaudio)")

// Options are what a sound server is made of.
type Options struct {
	// Executable is the server's program; empty for the one that is installed.
	Executable string
	// Dir is the session's own runtime directory.
	Dir string
	// Channels of the sink: 2, 6 or 8.
	Channels int
	// Env is added to what the server needs.
	Env        []string
	Credential *process.Credential
	Group      *process.Group
}

// Server is a session's sound server: its socket, behind which one process after
// the other may serve. Its methods are used by one goroutine.
type Server struct {
	o          Options
	executable string
	dir        string
	socket     *os.File
}

// searchPath is where the program is looked for.
var searchPath = []string{"/usr/bin", "/usr/local/bin", "/bin"}

// Find returns the path of the sound server that is installed, or ErrMissing.
func Find() (string, error) { return find("") }

func find(wanted string) (string, error) {
	candidates := []string{wanted}
	if wanted == "" {
		candidates = candidates[:0]
		for _, dir := range searchPath {
			candidates = append(candidates, filepath.Join(dir, program))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	if wanted != "" {
		return "", fmt.Errorf("%s is not there: %w", wanted, ErrMissing)
	}
	return "", ErrMissing
}

// channelMaps are the orders of channels in a GameStream client, in PulseAudio's
// names.
var channelMaps = map[int]string{
	2: "front-left,front-right",
	6: "front-left,front-right,front-center,lfe,rear-left,rear-right",
	8: "front-left,front-right,front-center,lfe,rear-left,rear-right,side-left,side-right",
}

// Open makes the socket; nobody serves it yet. The error is ErrMissing where
// no server is installed.
func Open(o Options) (*Server, error) {
	executable, err := find(o.Executable)
	if err != nil {
		return nil, err
	}
	if channelMaps[o.Channels] == "" {
		return nil, fmt.Errorf("open a sound server: %d channels, want 2, 6 or 8", o.Channels)
	}
	s := &Server{o: o, executable: executable, dir: filepath.Join(o.Dir, "pulse")}
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("open a sound server: %w", err)
	}
	return s, nil
}

func (s *Server) listen() error {
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.Socket(), Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	if s.socket, err = listener.File(); err != nil {
		return err
	}
	// The directory comes last: its owner may replace what is in it.
	if err := process.Give(s.Socket(), 0o600, s.o.Credential); err != nil {
		return err
	}
	return process.Give(s.dir, 0o700, s.o.Credential)
}

// Socket is the path of the server's socket, where libpulse looks by itself too.
func (s *Server) Socket() string { return filepath.Join(s.dir, "native") }

// Env is what an app needs to find the server.
func (s *Server) Env() []string {
	return []string{"PULSE_SERVER=unix:" + s.Socket(), "PULSE_SINK=" + Sink, "PULSE_SOURCE=" + Monitor}
}

// Start starts a process that serves the socket. It returns at once: whoever
// has connected by then is served as soon as the process is ready.
func (s *Server) Start(ctx context.Context, spawner *process.Spawner, output *os.File) (*process.Process, error) {
	p, err := spawner.Start(ctx, process.Spec{
		// The process must find its own id in the environment, which only a
		// shell knows to write there before it becomes the server.
		Name: "sound", Path: "/bin/sh", Args: append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, s.executable}, s.arguments()...),
		Env: append([]string{
			"LISTEN_FDS=1", "XDG_RUNTIME_DIR=" + s.o.Dir, "PULSE_RUNTIME_PATH=" + s.dir, "PULSE_STATE_PATH=" + s.dir,
			// Neither the machine's nor the user's settings of PulseAudio hold here.
			"PULSE_CONFIG=/dev/null",
		}, s.o.Env...),
		Dir: "/", Files: []*os.File{s.socket}, Stdout: output, Stderr: output, Credential: s.o.Credential, Group: s.o.Group,
	})
	if err != nil {
		return nil, fmt.Errorf("start the sound server: %w", err)
	}
	return p, nil
}

// arguments of pulseaudio(1). Who connects must be of the session's own user,
// which the server asks the kernel.
func (s *Server) arguments() []string {
	return []string{
		"-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--disallow-module-loading",
		"--use-pid-file=no", "--disable-shm=yes", "--realtime=no", "--high-priority=no", "--log-target=stderr", "--log-level=error",
		"-L", "module-native-protocol-unix auth-cookie-enabled=0 socket=" + s.Socket(),
		// Without rewinds the sink never runs seconds ahead of who plays next.
		"-L", strings.Join([]string{
			"module-null-sink sink_name=" + Sink, "sink_properties=device.description=Kennel", fmt.Sprintf("rate=%d", rate), "format=s16le",
			fmt.Sprintf("channels=%d", s.o.Channels), "channel_map=" + channelMaps[s.o.Channels], "norewinds=1",
		}, " "),
	}
}

// Close closes the socket. Processes that serve it are the caller's to end.
func (s *Server) Close() { _ = s.socket.Close() }
