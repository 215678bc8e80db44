package pad

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// mostQueued bounds what a client may be ahead of its devices, which take
	// some milliseconds to be made.
	mostQueued = 256
	// mostMade bounds the devices that a client may have made in a session, by
	// plugging in and out: each one is news for the whole machine.
	mostMade = 256
	// mostWarned bounds the warnings of a session.
	mostWarned = 16
)

// Options are what a Set needs.
type Options struct {
	// Machine is where devices are made.
	Machine Machine
	// Owner is the session's user, nil for the host's own.
	Owner *Owner
	// Directory becomes /run/udev of the session's containers; "" for a session
	// that has none. It must not be there yet.
	Directory string
	// Note records what happens, as pairs of name and value; it must not block.
	Note func(...string)
}

// Set is the gamepads of one session. One goroutine, Run's, makes, moves and
// removes them; the other methods never wait for it.
type Set struct {
	o        Options
	database *database // nil without containers
	refusal  error     // why there are none, nil where there may be
	wake     chan struct{}
	told     sync.Once // of the refusal
	count    atomic.Int32

	mu    sync.Mutex // covers what follows
	queue []task
	over  bool     // Run has returned
	names []string // of all devices that were made, in sysfs

	// What follows is Run's.
	devices  [Most]*device
	failed   [Most]bool // could not be made; not tried again until it is plugged in anew
	insides  []*Inside
	sequence int64
	warned   map[string]bool
}

// task is one of its fields.
type task struct {
	state        *State
	rest         bool
	enter, leave *Inside
}

// Open prepares the gamepads of a session. A machine that can make none is no
// error: the client is told when it has one.
func Open(o Options) (*Set, error) {
	s := &Set{o: o, wake: make(chan struct{}, 1), refusal: o.Machine.Check(), warned: map[string]bool{}}
	if o.Directory != "" {
		var err error
		if s.database, err = newDatabase(o.Directory); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ErrBehind means that the devices are far behind the client: this state was
// dropped.
var ErrBehind = errors.New("the gamepads are behind: a state of one was dropped")

// Apply hands on what a client tells of a gamepad. The error is why it reaches
// no device.
func (s *Set) Apply(to State) error {
	if s.refusal != nil {
		s.told.Do(func() {
			s.o.Note("warning", "the client has a gamepad, which its app does not get: "+s.refusal.Error())
		})
		return s.refusal
	}
	to.Number %= Most
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil
	}
	if len(s.queue) >= mostQueued {
		// The last word on a gamepad must not be lost: a button would stay down.
		for i, t := range slices.Backward(s.queue) {
			if t.state != nil && t.state.Number == to.Number {
				s.queue[i].state = &to
				return nil
			}
		}
		return ErrBehind
	}
	s.push(task{state: &to})
	return nil
}

// Rest lets go of all buttons and sticks: nobody holds them any more.
func (s *Set) Rest() { s.add(task{rest: true}) }

// Enter gives the gamepads to a container, until it leaves.
func (s *Set) Enter(in *Inside) { s.add(task{enter: in}) }

// Leave forgets a container that has ended.
func (s *Set) Leave(in *Inside) { s.add(task{leave: in}) }

// Directory becomes /run/udev of containers; "" where there are none, or no
// gamepads: a container is given no right that is of no use to it.
func (s *Set) Directory() string {
	if s.refusal != nil {
		return ""
	}
	return s.o.Directory
}

// Count is how many gamepads there are now; of no Set none.
func (s *Set) Count() int {
	if s == nil {
		return 0
	}
	return int(s.count.Load())
}

func (s *Set) add(t task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.push(t)
	}
}

// push appends to the queue; the caller holds mu.
func (s *Set) push(t task) {
	s.queue = append(s.queue, t)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Left names the devices of the session that the machine still has, as seen
// from outside.
func (s *Set) Left() (left []string) {
	s.mu.Lock()
	names := slices.Clone(s.names)
	s.mu.Unlock()
	for _, name := range names {
		if _, err := os.Stat(s.o.Machine.path("sys/devices/virtual/input", name)); err == nil {
			left = append(left, "gamepad "+name)
		}
	}
	return left
}

// Run does what it is told until over is closed, and then removes all gamepads.
// It must be called once, also where the session ends at once.
func (s *Set) Run(over <-chan struct{}) {
	for !closed(over) {
		s.mu.Lock()
		tasks := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, t := range tasks {
			if !closed(over) {
				s.do(over, t)
			}
		}
		if len(tasks) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-over:
		}
	}
	s.mu.Lock()
	s.over, s.queue = true, nil
	s.mu.Unlock()
	for n := range s.devices {
		s.unplug(n)
	}
	if s.database != nil {
		s.database.close()
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *Set) do(over <-chan struct{}, t task) {
	switch {
	case t.state != nil:
		s.apply(over, *t.state)
	case t.rest:
		for n, d := range s.devices {
			if d != nil {
				s.complain(d.move(State{Number: uint8(n)}))
			}
		}
	case t.enter != nil:
		s.insides = append(s.insides, t.enter)
		for _, d := range s.devices {
			if d != nil {
				s.show(t.enter, d, added)
			}
		}
	case t.leave != nil:
		s.insides = slices.DeleteFunc(s.insides, func(in *Inside) bool { return in == t.leave })
	}
}

// apply removes the gamepads that the client has no more, and moves one.
func (s *Set) apply(over <-chan struct{}, to State) {
	for n := range s.devices {
		if to.Active&(1<<n) == 0 {
			s.unplug(n)
			s.failed[n] = false
		}
	}
	n := int(to.Number)
	if to.Active&(1<<n) == 0 || s.failed[n] {
		return
	}
	if s.devices[n] == nil {
		if err := s.plug(over, n); err != nil {
			s.failed[n] = true
			s.complain(err)
			return
		}
	}
	s.complain(s.devices[n].move(to))
}

// plug makes a gamepad and gives it to the session's apps.
func (s *Set) plug(over <-chan struct{}, n int) error {
	s.mu.Lock()
	made := len(s.names)
	s.mu.Unlock()
	if made >= mostMade {
		return fmt.Errorf("it plugged in more than %d in one session: launch it again", mostMade)
	}
	d, err := s.o.Machine.create()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.names = append(s.names, d.name)
	s.mu.Unlock()
	s.devices[n] = d
	s.count.Add(1)
	// At once, and again when udev has put its own owner in place of it.
	_ = s.o.Machine.give(d, s.o.Owner)
	s.o.Machine.awaitUdev(over, d)
	if err := s.o.Machine.give(d, s.o.Owner); err != nil && !(s.database != nil && errors.Is(err, os.ErrNotExist)) {
		s.complain(err) // a host that is in a container itself needs no nodes for others
	}
	for _, node := range d.nodes {
		if s.database != nil {
			s.complain(s.database.put(node, now()))
		}
	}
	for _, in := range s.insides {
		s.show(in, d, added)
	}
	s.o.Note("gamepad", "plugged in", "number", strconv.Itoa(n), "device", d.name)
	return nil
}

// unplug takes a gamepad from the apps, and removes it.
func (s *Set) unplug(n int) {
	d := s.devices[n]
	if d == nil {
		return
	}
	s.devices[n] = nil
	for _, node := range d.nodes {
		if s.database != nil {
			s.complain(s.database.take(node))
		}
	}
	for _, in := range s.insides {
		s.show(in, d, removed)
	}
	s.complain(d.close())
	s.count.Add(-1)
	s.o.Note("gamepad", "unplugged", "number", strconv.Itoa(n), "device", d.name)
}

// show makes the nodes of a gamepad in a container, or removes them, and tells
// of it there.
func (s *Set) show(in *Inside, d *device, what action) {
	change := in.put
	if what == removed {
		change = in.take
	}
	err := change(d.nodes)
	if err == nil {
		var messages [][]byte
		for _, n := range d.nodes {
			s.sequence++
			messages = append(messages, news(what, n, s.sequence, now()))
		}
		err = in.tell(messages)
	}
	if !errors.Is(err, errEnded) {
		s.complain(err)
	}
}

// complain records what went wrong, once for each reason.
func (s *Set) complain(err error) {
	if err == nil || s.warned[err.Error()] || len(s.warned) >= mostWarned {
		return
	}
	s.warned[err.Error()] = true
	s.o.Note("warning", "a gamepad of the client: "+err.Error())
}

// now is microseconds of the monotonic clock, as udev counts.
func now() int64 { return evidence.Monotonic() / int64(time.Microsecond) }
