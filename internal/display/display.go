package display

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/process"
)

// sendTimeout bounds every send: a display reads its control link all the
// time, so that a full link means that it hangs.
const sendTimeout = 200 * time.Millisecond

// ErrGone means that the display process has ended or closed its link.
var ErrGone = errors.New("the display process is gone")

// Options say what display to start.
type Options struct {
	// Executable is the kennel binary, which is run with the argument "display".
	Executable string
	// SocketPath is where the Wayland socket is made. A stale one is replaced.
	SocketPath string
	// Width and Height are the output's size in pixels.
	Width, Height int
	// RefreshMilliHz is the refresh rate in thousandths of a hertz.
	RefreshMilliHz int
	SessionID      string
	// AllowedUIDs are the user ids that may connect; empty for any.
	AllowedUIDs []uint32
	// DMABuf is what clients may share of GPU memory; nil for nothing.
	DMABuf *DMABuf
	// Env is the whole environment of the process.
	Env []string
	// Credential owns the process and the socket when it is not nil.
	Credential *process.Credential
	Group      *process.Group
	// Stderr is /dev/null when nil.
	Stderr *os.File
}

// Display is a running display process. Its methods may be called from many
// goroutines.
type Display struct {
	proc   *process.Process
	conn   *ipc.Conn
	socket string
	events chan Event
	stats  chan Stats
	input  *inputQueue
	ended  chan struct{} // closed when the link has ended
}

// Start starts a display and returns once clients can connect. ctx bounds the
// start, not the life of the display.
func Start(ctx context.Context, spawner *process.Spawner, o Options) (*Display, error) {
	listener, err := listen(o)
	if err != nil {
		return nil, err
	}
	conn, child, err := ipc.Pair()
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("start display: %w", err)
	}
	proc, err := spawner.Start(ctx, process.Spec{
		Name: "display", Path: o.Executable, Args: []string{"display"}, Env: o.Env, Dir: "/",
		Files: []*os.File{child, listener}, Stdout: o.Stderr, Stderr: o.Stderr, ByDescriptor: o.Credential != nil,
		Credential: o.Credential, Group: o.Group,
	})
	// Only the child may hold its ends: their closing tells that it is gone.
	_ = listener.Close()
	_ = child.Close()
	if err != nil {
		_ = conn.Close()
		_ = os.Remove(o.SocketPath)
		return nil, fmt.Errorf("start display: %w", err)
	}
	d := &Display{proc: proc, conn: conn, socket: o.SocketPath, events: make(chan Event, 256), stats: make(chan Stats, 1), input: newInputQueue(), ended: make(chan struct{})}
	if err := d.greet(ctx, o); err != nil {
		proc.Kill()
		_ = conn.Close()
		_ = os.Remove(o.SocketPath)
		return nil, fmt.Errorf("start display: %w", err)
	}
	go d.read()
	go d.write()
	return d, nil
}

// listen makes the Wayland socket, which only its owner may connect to.
func listen(o Options) (*os.File, error) {
	_ = os.Remove(o.SocketPath)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: o.SocketPath, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make wayland socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	defer func() { _ = l.Close() }()
	if err := own(o); err != nil {
		_ = os.Remove(o.SocketPath)
		return nil, err
	}
	f, err := l.File()
	if err != nil {
		_ = os.Remove(o.SocketPath)
		return nil, fmt.Errorf("make wayland socket: %w", err)
	}
	return f, nil
}

func own(o Options) error {
	if err := process.Give(o.SocketPath, 0o600, o.Credential); err != nil {
		return fmt.Errorf("protect wayland socket: %w", err)
	}
	return nil
}

// greet takes the display from its start to Ready. Events before Ready are
// queued.
func (d *Display) greet(ctx context.Context, o Options) error {
	stop := context.AfterFunc(ctx, func() { _ = d.conn.Close() })
	defer stop()
	m, err := d.conn.Receive(0)
	if err != nil {
		return d.explain(ctx, err)
	}
	var hello Hello
	if m.Type != MessageHello || m.Decode(&hello) != nil || hello.Version != Version {
		return fmt.Errorf("display said %d (version %d) where hello %d was due: install one release of kennel", m.Type, hello.Version, Version)
	}
	err = d.conn.SendJSON(sendTimeout, MessageConfigure, Configure{
		Width: o.Width, Height: o.Height, RefreshMilliHz: o.RefreshMilliHz,
		SessionID: o.SessionID, AllowedUIDs: o.AllowedUIDs, KeymapLayout: "us", DMABuf: o.DMABuf,
	})
	if err != nil {
		return d.explain(ctx, err)
	}
	for {
		m, err := d.conn.Receive(0)
		if err != nil {
			return d.explain(ctx, err)
		}
		var e Event
		switch {
		case m.Type == MessageReady:
			return nil
		case m.Type == MessageEvent && m.Decode(&e) == nil && e.Kind == EventFault:
			return &StartError{e.Fault, e.Detail}
		}
		m.CloseFiles()
	}
}

// StartError is what a display told of why it cannot be one.
type StartError struct {
	// Fault is FaultConfigure or FaultOutput, Detail says it for people.
	Fault, Detail string
}

// Error implements error.
func (e *StartError) Error() string { return e.Fault + ": " + e.Detail }

// explain prefers the deadline's or the process's own end to a broken link.
func (d *Display) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("display was not ready in time: %w", ctx.Err())
	}
	select {
	case <-d.proc.Done():
		return fmt.Errorf("%w: %s", ErrGone, d.proc.Exit())
	case <-time.After(sendTimeout):
	}
	return err
}

// read turns messages into events until the link ends, then closes Events.
func (d *Display) read() {
	defer close(d.events)
	defer close(d.ended)
	for {
		m, err := d.conn.Receive(0)
		if err != nil {
			return
		}
		m.CloseFiles()
		switch m.Type {
		case MessageEvent:
			var e Event
			if m.Decode(&e) == nil {
				d.publish(e)
			}
		case MessageStats:
			var s Stats
			if m.Decode(&s) == nil {
				select {
				case d.stats <- s:
				default:
				}
			}
		}
	}
}

// publish drops events when nobody reads them: the display must never wait
// for the host.
func (d *Display) publish(e Event) {
	select {
	case d.events <- e:
	default:
	}
}

// Events delivers what happens in the display; it is closed when the display
// is gone. A reader that lets 256 of them pile up loses later ones.
func (d *Display) Events() <-chan Event { return d.events }

// Process is the display's process.
func (d *Display) Process() *process.Process { return d.proc }

// SocketPath is where clients connect.
func (d *Display) SocketPath() string { return d.socket }

// AddSink makes a scene link to the display and returns the media end, which
// the caller hands to a media process and closes.
func (d *Display) AddSink(_ context.Context, id uint32) (*os.File, error) {
	mine, media, err := ipc.FilePair()
	if err != nil {
		return nil, fmt.Errorf("add sink %d: %w", id, err)
	}
	defer func() { _ = mine.Close() }()
	if err := d.conn.SendJSON(sendTimeout, MessageAddSink, SinkID{id}, int(mine.Fd())); err != nil {
		_ = media.Close()
		return nil, fmt.Errorf("add sink %d: %w", id, err)
	}
	return media, nil
}

// RemoveSink closes a scene link.
func (d *Display) RemoveSink(id uint32) error {
	return d.conn.SendJSON(sendTimeout, MessageRemoveSink, SinkID{id})
}

// Resize gives the output another size in pixels.
func (d *Display) Resize(_ context.Context, width, height int) error {
	return d.conn.SendJSON(sendTimeout, MessageResize, Size{width, height})
}

// SetCard says what to show while no window is there; an empty card for nothing.
func (d *Display) SetCard(c card.Card) error {
	return d.conn.SendJSON(sendTimeout, MessageCard, c.Cut())
}

// Notify lays a notice over the picture for a while.
func (d *Display) Notify(n Notice) error {
	return d.conn.SendJSON(sendTimeout, MessageNotice, n)
}

// Refuse has a GPU buffer left out of the picture, or all.
func (d *Display) Refuse(r Refusal) error {
	return d.conn.SendJSON(sendTimeout, MessageRefuse, r)
}

// Stats asks the display for its counters. It may be called from one goroutine
// at a time.
func (d *Display) Stats(ctx context.Context) (Stats, error) {
	select {
	case <-d.stats: // it came too late for whoever asked
	default:
	}
	if err := d.conn.Send(sendTimeout, MessageQueryStats, nil); err != nil {
		return Stats{}, fmt.Errorf("ask display for stats: %w", err)
	}
	select {
	case s := <-d.stats:
		return s, nil
	case <-d.ended:
		return Stats{}, fmt.Errorf("ask display for stats: %w", ErrGone)
	case <-ctx.Done():
		return Stats{}, fmt.Errorf("ask display for stats: %w", ctx.Err())
	}
}

// Send passes one input on. It does not wait for the display: what that one
// does not read is queued, moves and scrolls added up, and beyond a bound given
// up (ErrBehind), but nothing stays pressed for it.
func (d *Display) Send(in Input) error {
	select {
	case <-d.ended:
		return ErrGone
	default:
		return d.input.put(in)
	}
}

// Key presses or releases a key by its evdev code.
func (d *Display) Key(code uint16, pressed bool) error {
	return d.Send(Input{Kind: InputKey, Code: code, Pressed: pressed})
}

// MotionRelative moves the pointer by pixels.
func (d *Display) MotionRelative(dx, dy int) error {
	return d.Send(Input{Kind: InputMotionRelative, X: int32(dx), Y: int32(dy)})
}

// MotionAbsolute puts the pointer at x of maxX and y of maxY of the output.
func (d *Display) MotionAbsolute(x, y, maxX, maxY uint16) error {
	return d.Send(Input{Kind: InputMotionAbsolute, X: int32(x), Y: int32(y), MaxX: maxX, MaxY: maxY})
}

// Button presses or releases a pointer button by its BTN_ code.
func (d *Display) Button(code uint16, pressed bool) error {
	return d.Send(Input{Kind: InputButton, Code: code, Pressed: pressed})
}

// Axis scrolls by 120ths of a wheel click; positive is down and right.
func (d *Display) Axis(vertical120, horizontal120 int) error {
	return d.Send(Input{Kind: InputAxis, X: int32(horizontal120), Y: int32(vertical120)})
}

// Text types at most MaxText bytes of UTF-8.
func (d *Display) Text(s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("%w: text of %d bytes, at most %d are typed at once", ErrInput, len(s), MaxText)
	}
	return d.Send(Input{Kind: InputText, Text: s})
}

// ReleaseAll lets go of every held key and button, as when a client leaves.
func (d *Display) ReleaseAll() error { return d.Send(Input{Kind: InputReleaseAll}) }

// Stop ends the display: it is asked first and killed when ctx ends before it
// has gone. The socket is removed.
func (d *Display) Stop(ctx context.Context) (process.Exit, error) {
	// A display that does not hear this is killed below.
	_ = d.conn.Send(sendTimeout, MessageStop, nil)
	var err error
	select {
	case <-d.proc.Done():
	case <-ctx.Done():
		err = fmt.Errorf("stop display: killed, it did not end in time: %w", ctx.Err())
	}
	exit := d.proc.End()
	_ = d.conn.Close()
	_ = os.Remove(d.socket)
	return exit, err
}
