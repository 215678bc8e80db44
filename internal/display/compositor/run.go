package compositor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/wayland/server"
)

// configureTimeout bounds the wait for the host's first message.
const configureTimeout = 10 * time.Second

// Bounds of what a session's clients may take together.
const (
	maxClients = 64
	outBuffer  = 4 << 20 // bytes queued for one client before it is disconnected
)

var (
	// ErrHostGone means that the host closed the control link or died.
	ErrHostGone   = errors.New("the host closed the display's control link")
	errNotAllowed = errors.New("this user may not connect to the session's display")
)

// Run serves one session until the host says stop (nil), its control link
// ends (ErrHostGone), or ctx does. It takes over both descriptors.
func Run(ctx context.Context, controlFD, listenFD int) error {
	unix.CloseOnExec(listenFD)
	listener, err := adoptListener(listenFD)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	conn, err := ipc.FromFD(controlFD)
	if err != nil {
		return fmt.Errorf("run display: %w", err)
	}
	defer func() { _ = conn.Close() }()
	return serve(ctx, conn, listener, systemClock{})
}

func adoptListener(fd int) (*net.UnixListener, error) {
	f := os.NewFile(uintptr(fd), "wayland")
	defer func() { _ = f.Close() }()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("adopt wayland socket (descriptor %d): %w", fd, err)
	}
	ul, ok := l.(*net.UnixListener)
	if !ok {
		_ = l.Close()
		return nil, fmt.Errorf("adopt wayland socket: it is a %T, not a unix socket", l)
	}
	ul.SetUnlinkOnClose(false) // the host made it and removes it
	return ul, nil
}

// noMemory tells errors of a machine that has no room for memory to share, or
// may not give it: memory, the size of files, or their number is used up.
func noMemory(err error) bool {
	return slices.ContainsFunc([]error{unix.ENOMEM, unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.EMFILE, unix.ENFILE}, func(e error) bool { return errors.Is(err, e) })
}

// serve speaks the control protocol on conn and serves clients of listener.
func serve(ctx context.Context, conn *ipc.Conn, listener *net.UnixListener, clk clock) error {
	conf, err := introduce(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	up := newUplink(conn)
	defer up.close()
	wl := server.NewDisplay(server.Options{MaxClients: maxClients, OutBuffer: outBuffer, Authorize: authorizer(conf.AllowedUIDs)})
	c, err := newCompositor(wl, clk, conf, up.event)
	if err != nil {
		fault := display.FaultConfigure
		if noMemory(err) {
			fault = display.FaultOutput
		}
		up.event(display.Event{Kind: display.EventFault, Fault: fault, Detail: err.Error()})
		return fmt.Errorf("run display: %w", err)
	}
	defer c.close()
	up.send(display.MessageReady, nil)
	readerDone := make(chan struct{})
	go func() {
		defer close(readerDone)
		cancel(c.listen(conn, up))
	}()
	err = wl.Serve(ctx, listener)
	_ = conn.Close() // ends the reader
	<-readerDone
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// introduce says hello and waits for the configuration.
func introduce(conn *ipc.Conn) (display.Configure, error) {
	var conf display.Configure
	if err := conn.SendJSON(time.Second, display.MessageHello, display.Hello{Version: display.Version, PID: os.Getpid()}); err != nil {
		return conf, fmt.Errorf("greet the host: %w", err)
	}
	m, err := conn.Receive(configureTimeout)
	if errors.Is(err, io.EOF) {
		return conf, ErrHostGone
	}
	if err != nil {
		return conf, fmt.Errorf("wait for the configuration: %w", err)
	}
	m.CloseFiles()
	if m.Type != display.MessageConfigure {
		return conf, fmt.Errorf("message %#x came where the configuration was due", m.Type)
	}
	return conf, m.Decode(&conf)
}

func authorizer(allowed []uint32) func(*unix.Ucred) error {
	if len(allowed) == 0 {
		return nil
	}
	return func(cred *unix.Ucred) error {
		if cred == nil || !slices.Contains(allowed, cred.Uid) {
			return errNotAllowed
		}
		return nil
	}
}
