package evidence

import (
	"slices"
	"sync"
	"time"
)

// MaxTraceEvents bounds the events that a Trace keeps in memory; later ones
// still reach the sinks.
const MaxTraceEvents = 4096

// Sink receives every event of a Trace, in order. It is called under the
// trace's lock and must not block.
type Sink func(Event)

// Trace is the ordered events of one session. Its methods may be called from
// many goroutines.
type Trace struct {
	session string
	sinks   []Sink

	mu     sync.Mutex // covers what follows, and the order of events at the sinks
	seq    uint64
	events []Event
	began  map[Stage]int64
	state  map[Stage]Kind
}

// NewTrace starts the trace of a session. The sinks get every event.
func NewTrace(session string, sinks ...Sink) *Trace {
	return &Trace{session: session, sinks: sinks, began: map[Stage]int64{}, state: map[Stage]Kind{}}
}

// Session is the id of the session.
func (t *Trace) Session() string { return t.session }

// Began records that a stage has started.
func (t *Trace) Began(stage Stage, attrs ...string) { t.add(stage, Began, "", attrs) }

// Done records that a stage has reached its aim; the event says how long it took.
func (t *Trace) Done(stage Stage, attrs ...string) { t.add(stage, Done, "", attrs) }

// Failed records that a stage failed by a fault of the catalogue.
func (t *Trace) Failed(stage Stage, fault FaultID, attrs ...string) {
	t.add(stage, Failed, fault, attrs)
}

// Note records a fact that changes no stage.
func (t *Trace) Note(stage Stage, attrs ...string) { t.add(stage, Note, "", attrs) }

// Exited records the end of a process.
func (t *Trace) Exited(stage Stage, fault FaultID, attrs ...string) {
	t.add(stage, Exited, fault, attrs)
}

// Ended records the end of the session.
func (t *Trace) Ended(end End, attrs ...string) {
	t.add(StageStop, Ended, "", append([]string{"end", string(end)}, attrs...))
}

// add takes attrs as pairs of name and value.
func (t *Trace) add(stage Stage, kind Kind, fault FaultID, attrs []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	e := Event{
		Version: EventVersion, Seq: t.seq, Mono: Monotonic(), Wall: time.Now().UTC(), Boot: BootID(),
		Session: t.session, Stage: stage, Kind: kind, Fault: fault, Attrs: pairs(attrs),
	}
	switch kind {
	case Began:
		t.began[stage] = e.Mono
		t.state[stage] = kind
	case Done, Failed:
		if from, ok := t.began[stage]; ok {
			if e.Attrs == nil {
				e.Attrs = map[string]string{}
			}
			e.Attrs["took"] = time.Duration(e.Mono - from).Round(time.Microsecond).String()
		}
		t.state[stage] = kind
	}
	if len(t.events) < MaxTraceEvents {
		t.events = append(t.events, e)
	}
	for _, sink := range t.sinks {
		sink(e)
	}
}

func pairs(attrs []string) map[string]string {
	if len(attrs) < 2 {
		return nil
	}
	m := make(map[string]string, len(attrs)/2)
	for i := 0; i+1 < len(attrs); i += 2 {
		m[attrs[i]] = attrs[i+1]
	}
	return m
}

// Events returns a copy of what is kept.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.events)
}

// State returns the last of Began, Done and Failed of a stage, "" when it has
// not begun.
func (t *Trace) State(stage Stage) Kind {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state[stage]
}
