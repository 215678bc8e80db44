package display

import (
	"time"

	"github.com/kennel-stream/kennel/internal/scene"
)

// Version is the version of the control protocol below, checked at Hello.
const Version = 1

// Descriptors that a display process inherits.
const (
	// ControlFD is the display's end of the control link.
	ControlFD = 3
	// ListenFD is the listening unix socket of the session's Wayland clients.
	ListenFD = 4
)

// Control messages from the host to the display. Payloads are JSON, but that
// of MessageInput (see Input).
const (
	// MessageConfigure carries a Configure and is the first message.
	MessageConfigure uint16 = 0x01
	// MessageAddSink carries a SinkID and one file: an end of a scene link.
	MessageAddSink uint16 = 0x02
	// MessageRemoveSink carries a SinkID; its link is closed.
	MessageRemoveSink uint16 = 0x03
	// MessageResize carries a Size.
	MessageResize uint16 = 0x04
	// MessageInput carries an Input in its binary form.
	MessageInput uint16 = 0x05
	// MessageStop ends the display with exit code 0.
	MessageStop uint16 = 0x06
	// MessageQueryStats asks for MessageStats.
	MessageQueryStats uint16 = 0x07
	// MessageCard carries a card.Card, which is shown while no window is there;
	// an empty one for none.
	MessageCard uint16 = 0x08
	// MessageNotice carries a Notice.
	MessageNotice uint16 = 0x09
	// MessageRefuse carries a Refusal.
	MessageRefuse uint16 = 0x0a
)

// Control messages from the display to the host.
const (
	// MessageHello carries a Hello and is the first message.
	MessageHello uint16 = 0x81
	// MessageReady has no payload: clients are accepted from now on.
	MessageReady uint16 = 0x82
	// MessageEvent carries an Event.
	MessageEvent uint16 = 0x83
	// MessageStats carries Stats.
	MessageStats uint16 = 0x84
)

// Configure describes the one output of a display and who may connect.
type Configure struct {
	// Width and Height are in pixels, 1 to scene.MaxDimension.
	Width, Height int
	// RefreshMilliHz is the refresh rate in thousandths of a hertz: 60000 for 60 Hz.
	RefreshMilliHz int
	SessionID      string
	// AllowedUIDs are the user ids that may connect; empty for any.
	AllowedUIDs []uint32
	// KeymapLayout is an XKB layout name; only "us" (and "", the same) is known.
	KeymapLayout string
	// DMABuf is what clients may share of GPU memory; nil for nothing.
	DMABuf *DMABuf `json:",omitempty"`
}

// DMABuf says which GPU buffers the encoders of a session can read.
type DMABuf struct {
	// Device is the dev_t of the render node that clients should draw with; 0
	// for none.
	Device uint64
	// Formats are pairs of pixel format and modifier, best first.
	Formats []scene.Format
}

// Notice is laid over the picture for a while.
type Notice struct {
	// Text is one or two sentences; empty to take the notice away.
	Text string
	// Millis is for how long, in milliseconds; up to a minute.
	Millis int
}

// Time is for how long the notice is shown.
func (n Notice) Time() time.Duration {
	return time.Duration(min(max(n.Millis, 100), 60_000)) * time.Millisecond
}

// Refusal has GPU buffers of clients left out of the picture from now on, since
// whoever reads them dies or hangs.
type Refusal struct {
	// Buffer is the id that scenes give it.
	Buffer uint32
	// All refuses every GPU buffer, also those to come.
	All bool `json:",omitempty"`
}

// SinkID names a scene link.
type SinkID struct{ ID uint32 }

// Size is an output size in pixels.
type Size struct{ Width, Height int }

// Hello introduces a display.
type Hello struct{ Version, PID int }

// Stats is what a display counted since it began.
type Stats struct {
	// Clients are those connected now.
	Clients int
	// Sinks are the scene links that are open now.
	Sinks int
	// Scenes counts composed pictures.
	Scenes uint64
	// Layered counts those of them with GPU buffers of clients.
	Layered uint64
	// Direct counts those of them that were read straight into the output.
	Direct uint64
	// CommitToSceneNanos is the largest time in nanoseconds from a commit to
	// its scene, of those that did not have to wait for the refresh clock.
	CommitToSceneNanos int64
}

// EventKind tells what an Event says.
type EventKind string

// The kinds of events.
const (
	// EventClientConnected names a client's PID and UID.
	EventClientConnected EventKind = "client-connected"
	// EventClientGone names a client's PID, UID and why it went.
	EventClientGone EventKind = "client-gone"
	// EventFirstCommit is sent once: a client committed pixels.
	EventFirstCommit EventKind = "first-commit"
	// EventMapped is sent once: the first window has pixels. AppID and Title are set.
	EventMapped EventKind = "mapped"
	// EventTitle carries a window's new AppID and Title.
	EventTitle EventKind = "title"
	// EventCursor says whether the pointer's picture is visible now.
	EventCursor EventKind = "cursor"
	// EventUnresponsive names a client that did not answer a ping for 5 s.
	EventUnresponsive EventKind = "unresponsive"
	// EventResponsive names one that answers again.
	EventResponsive EventKind = "responsive"
	// EventFault carries a fault id of the catalogue and a Detail for people.
	EventFault EventKind = "fault"
)

// Faults that a display reports.
const (
	// FaultSinkLost: a scene link broke or its reader misbehaved.
	FaultSinkLost = "display-sink-lost"
	// FaultConfigure: the configuration cannot be served.
	FaultConfigure = "display-configure"
	// FaultOutput: the output's shared memory cannot be had.
	FaultOutput = "display-output"
	// FaultImport: an encoder cannot read a GPU buffer of a client.
	FaultImport = "display-import"
)

// Event is something that happened in a display. Fields that do not belong to
// the Kind are zero.
type Event struct {
	Kind    EventKind
	PID     int    `json:",omitempty"`
	UID     uint32 `json:",omitempty"`
	Reason  string `json:",omitempty"`
	AppID   string `json:",omitempty"`
	Title   string `json:",omitempty"`
	Visible bool   `json:",omitempty"`
	Fault   string `json:",omitempty"`
	Sink    uint32 `json:",omitempty"`
	Detail  string `json:",omitempty"`
}
