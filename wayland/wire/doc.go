// Package wire implements the Wayland wire protocol: messages of 32-bit words
// in the byte order of the machine, with file descriptors that travel beside
// them, over a unix stream socket (the "Wire Format" chapter of the Wayland
// protocol documentation).
//
// It knows nothing of objects; packages server and client give the messages
// their meaning.
package wire

// Limits of a message and of what one peer may have under way.
const (
	// HeaderSize is the size of a message's header in bytes: object id, then
	// size and opcode.
	HeaderSize = 8
	// MaxMessageSize is the size in bytes of the largest message, header
	// included. The format could say 65535, but libwayland's buffers take
	// no more than this.
	MaxMessageSize = 4096
	// MaxMessageFDs is the number of descriptors that go with one sendmsg(2),
	// as libwayland has it (MAX_FDS_OUT).
	MaxMessageFDs = 28
	// MaxQueuedFDs bounds the descriptors received for messages that are not
	// decoded yet. libwayland's clients flush after MaxMessageFDs, so that an
	// honest peer stays far below it.
	MaxQueuedFDs = 256
	// ServerIDBase is the first object id that the server allocates; those
	// below are the client's.
	ServerIDBase = 0xff000000
	// DisplayID is the id of the wl_display, which exists from the start.
	DisplayID = 1
)

// Interface describes one interface of a protocol file. It must not be changed.
type Interface struct {
	Name     string
	Version  uint32    // the newest that the protocol file describes
	Requests []Message // by opcode
	Events   []Message // by opcode
}

// Message describes one request or event.
type Message struct {
	Name       string
	Signature  string // one letter for each argument: i u f s o n a h, capital S and O may be null
	Since      uint32 // version of the interface that brought it
	Destructor bool   // the object ends with it
}

// FDs returns how many descriptors come with the message.
func (m *Message) FDs() int {
	n := 0
	for i := range len(m.Signature) {
		if m.Signature[i] == 'h' {
			n++
		}
	}
	return n
}
