package compositor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/ipc"
)

var errStop = errors.New("the host stopped the display")

// listen handles the host's messages until one says stop or the link ends.
func (c *compositor) listen(conn *ipc.Conn, up *uplink) error {
	for {
		m, err := conn.Receive(0)
		if errors.Is(err, io.EOF) {
			return ErrHostGone
		}
		if err != nil {
			return fmt.Errorf("control link of the display: %w", err)
		}
		err = c.handle(&m, up)
		m.CloseFiles()
		if err != nil {
			return err
		}
	}
}

// handle decodes one message and posts it to the loop. Files that it keeps
// are taken out of m.
func (c *compositor) handle(m *ipc.Message, up *uplink) error {
	switch m.Type {
	case display.MessageStop:
		return errStop
	case display.MessageInput:
		in, err := display.ParseInput(m.Payload)
		if err != nil {
			return fmt.Errorf("control link of the display: %w", err)
		}
		c.wl.Do(func() { c.seat.input(in) })
	case display.MessageAddSink:
		return c.handleSink(m)
	case display.MessageRemoveSink:
		var id display.SinkID
		if err := m.Decode(&id); err != nil {
			return err
		}
		c.wl.Do(func() { c.out.RemoveSink(id.ID) })
	case display.MessageResize:
		var size display.Size
		if err := m.Decode(&size); err != nil {
			return err
		}
		c.wl.Do(func() {
			if err := c.resize(size.Width, size.Height); err != nil {
				up.event(display.Event{Kind: display.EventFault, Fault: display.FaultOutput, Detail: err.Error()})
			}
		})
	case display.MessageCard:
		var said card.Card
		if err := m.Decode(&said); err != nil {
			return err
		}
		c.wl.Do(func() { c.setCard(said) })
	case display.MessageNotice:
		var n display.Notice
		if err := m.Decode(&n); err != nil {
			return err
		}
		c.wl.Do(func() { c.setNotice(n) })
	case display.MessageRefuse:
		var r display.Refusal
		if err := m.Decode(&r); err != nil {
			return err
		}
		c.wl.Do(func() { c.refuse(r) })
	case display.MessageQueryStats:
		c.wl.Do(func() { up.json(display.MessageStats, c.statistics()) })
	default:
		return fmt.Errorf("%w: type %#x from the host", ipc.ErrMalformed, m.Type)
	}
	return nil
}

func (c *compositor) handleSink(m *ipc.Message) error {
	var id display.SinkID
	if err := m.Decode(&id); err != nil {
		return err
	}
	if len(m.Files) != 1 {
		return fmt.Errorf("%w: sink %d came with %d files, want its link", ipc.ErrMalformed, id.ID, len(m.Files))
	}
	fd := m.Files[0]
	m.Files = nil
	conn, err := ipc.FromFile(os.NewFile(uintptr(fd), "scene link"))
	if err != nil {
		return fmt.Errorf("sink %d: %w", id.ID, err)
	}
	if !c.wl.Do(func() { c.addSink(id.ID, conn) }) {
		_ = conn.Close()
	}
	return nil
}

func (c *compositor) statistics() display.Stats {
	s := c.stats
	s.Clients, s.Sinks = len(c.clients), c.out.Sinks()
	return s
}

// uplink queues what the display tells the host, so that the loop never waits
// for it. Only close closes the queue's goroutine; messages that a host does
// not read are dropped.
type uplink struct {
	conn  *ipc.Conn
	queue chan upMessage
	quit  chan struct{}
	done  chan struct{}
}

type upMessage struct {
	typ     uint16
	payload []byte
}

func newUplink(conn *ipc.Conn) *uplink {
	u := &uplink{conn: conn, queue: make(chan upMessage, 256), quit: make(chan struct{}), done: make(chan struct{})}
	go u.write()
	return u
}

func (u *uplink) write() {
	defer close(u.done)
	for {
		select {
		case m := <-u.queue:
			u.deliver(m)
		case <-u.quit:
			// What was said before the end is still worth delivering.
			for len(u.queue) > 0 {
				u.deliver(<-u.queue)
			}
			return
		}
	}
}

// deliver gives up on a host that does not read: it will see the end of file.
func (u *uplink) deliver(m upMessage) { _ = u.conn.Send(time.Second, m.typ, m.payload) }

func (u *uplink) send(typ uint16, payload []byte) {
	select {
	case u.queue <- upMessage{typ, payload}:
	default:
	}
}

func (u *uplink) json(typ uint16, v any) {
	if payload, err := json.Marshal(v); err == nil {
		u.send(typ, payload)
	}
}

func (u *uplink) event(e display.Event) { u.json(display.MessageEvent, e) }

func (u *uplink) close() {
	close(u.quit)
	<-u.done
}
