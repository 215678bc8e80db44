package wolfapi

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
)

const (
	// feedQueue is how many events may wait to be put into Wolf's words, and
	// subscriberQueue how many for one subscriber: who falls behind is let go.
	feedQueue       = 1024
	subscriberQueue = 256
	// maxSubscribers bounds the streams of events.
	maxSubscribers = 64
)

// Feed puts what happens to sessions into Wolf's words and hands it to the
// subscribers of GET events.
type Feed struct {
	queue chan evidence.Event

	live map[string]Stream // sessions that were told of; of Run

	mu          sync.Mutex // covers what follows
	subscribers map[chan []byte]bool
	closed      bool
}

// NewFeed returns a Feed; Run must be called.
func NewFeed() *Feed {
	return &Feed{
		queue: make(chan evidence.Event, feedQueue), live: map[string]Stream{}, subscribers: map[chan []byte]bool{},
	}
}

// Record is an evidence.Sink. An event that finds the queue full is lost.
func (f *Feed) Record(e evidence.Event) {
	select {
	case f.queue <- e:
	default:
	}
}

// Waits tells of a client that waits for its PIN.
func (f *Feed) Waits(p host.Pairing) {
	f.send("PairSignal", map[string]string{"client_ip": p.Address, "host_ip": ""})
}

// Run puts events into words until ctx ends.
func (f *Feed) Run(ctx context.Context, b Backend) {
	for {
		select {
		case e := <-f.queue:
			f.tell(e, b)
		case <-ctx.Done():
			return
		}
	}
}

// Close ends every stream of events, and lets nobody in any more.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for s := range f.subscribers {
		delete(f.subscribers, s)
		close(s)
	}
}

// subscribe returns a channel of events in their written form. It is closed
// when the subscriber falls behind or the feed ends.
func (f *Feed) subscribe() (events <-chan []byte, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, nil, evidence.Errorf(evidence.Unavailable, "the host is shutting down")
	case len(f.subscribers) >= maxSubscribers:
		return nil, nil, evidence.Errorf(evidence.Full, "%d streams of events are open: close one", maxSubscribers)
	}
	s := make(chan []byte, subscriberQueue)
	f.subscribers[s] = true
	return s, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, s)
	}, nil
}

// send writes an event of Wolf's usual kind to everybody.
func (f *Feed) send(name string, value any) { f.sendAs("wolf::core::events::"+name, value) }

// sendAs writes an event to everybody.
func (f *Feed) sendAs(name string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		return // nothing of ours fails
	}
	text := fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subscribers {
		select {
		case s <- text:
		default:
			delete(f.subscribers, s)
			close(s)
		}
	}
}

// about is the body of events that only name a session.
type about struct {
	SessionID Key `json:"session_id"`
}

// tell puts one event into Wolf's words. A session is told of once it has a
// place on the host; the canary, which is none of the players', is not found.
func (f *Feed) tell(e evidence.Event, b Backend) {
	s, told := f.live[e.Session]
	if !told {
		if e.Session == "" || e.Stage != evidence.StageLaunch || e.Kind != evidence.Done {
			return
		}
		if s, told = b.Stream(e.Session); !told {
			return
		}
		f.live[e.Session] = s
		f.send("StreamSession", sessionOf(s, settingsFor(b.UserIDs())))
		return
	}
	id := about{s.Number}
	switch {
	case e.Stage == evidence.StageApp && e.Kind == evidence.Done:
		f.send("StartRunner", RunnerStart{StopStreamWhenOver: true, Runner: runnerOf(s.App.Runner), SessionID: id.SessionID})
	case e.Stage == evidence.StageLaunch && e.Kind == evidence.Note && e.Attrs["resume"] != "":
		f.send("ResumeStreamEvent", id)
	case e.Stage == evidence.StageRTSP && e.Kind == evidence.Done:
		f.negotiated(e.Session, b)
	case e.Stage == evidence.StageStreaming && e.Kind == evidence.Note && e.Attrs["paused"] != "":
		f.send("PauseStreamEvent", id)
	case e.Stage == evidence.StageStop && e.Kind == evidence.Began:
		f.send("StopStreamEvent", id)
	case e.Kind == evidence.Ended:
		delete(f.live, e.Session)
	}
}

// negotiated tells what a client has chosen. Kennel has no pipelines to tell.
func (f *Feed) negotiated(session string, b Backend) {
	s, ok := b.Stream(session)
	if !ok {
		return
	}
	id, ports, address := s.Number, b.Ports(), ""
	if s.Address.IsValid() {
		address = s.Address.String()
	}
	f.send("VideoSession", VideoSession{
		DisplayMode: DisplayMode{Width: s.Width, Height: s.Height, RefreshRate: s.FPS}, SessionID: id, Port: ports.Video, WaitForPing: true,
		BitrateKbps: s.BitrateKbps, SlicesPerFrame: s.Slices, ColorRange: "MPEG", ColorSpace: "BT601", ClientIP: address,
	})
	channels := max(2, s.Channels)
	f.send("AudioSession", AudioSession{
		SessionID: id, Port: ports.Audio, WaitForPing: true, ClientIP: address,
		AudioMode: AudioMode{Channels: channels, Speakers: speakers(channels), SampleRate: 48000},
	})
}

// speakers are those of a layout, in Moonlight's order.
func speakers(channels int) []Speaker {
	all := []Speaker{"FRONT_LEFT", "FRONT_RIGHT", "FRONT_CENTER", "LOW_FREQUENCY", "BACK_LEFT", "BACK_RIGHT", "SIDE_LEFT", "SIDE_RIGHT"}
	return all[:min(channels, len(all))]
}
