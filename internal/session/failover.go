package session

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Failovers are the encoders of a session that were replaced while it ran.
type Failovers struct {
	Count int `json:"count"`
	// Last is when that happened last: From ended, because of Why, and To took its
	// place, which may be the same encoder again.
	Last time.Time `json:"last"`
	From string    `json:"from"`
	To   string    `json:"to"`
	Why  string    `json:"why"`
}

// Attributes of the event of a failover.
const (
	attrFailover = "failover" // which it is of the session, from 1
	attrFrom     = "from"
	attrNext     = "next"
	attrBecause  = "because"
)

// Failovers tells of the encoders that were replaced.
func (s *Session) Failovers() Failovers {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failovers
}

// FailoversOf reads the same from a session's events.
func FailoversOf(events []evidence.Event) (f Failovers) {
	for _, e := range events {
		if n, err := strconv.Atoi(e.Attrs[attrFailover]); err == nil && e.Stage == evidence.StageVideoPipeline {
			f = Failovers{Count: n, Last: e.Wall, From: e.Attrs[attrFrom], To: e.Attrs[attrNext], Why: e.Attrs[attrBecause]}
		}
	}
	return f
}

// tellFailover says it once to each: the events, the API, the metrics, and the
// picture.
func (s *Session) tellFailover(from, to string, why error) {
	s.mu.Lock()
	f := Failovers{Count: s.failovers.Count + 1, Last: time.Now().UTC(), From: from, To: to, Why: why.Error()}
	s.failovers = f
	s.mu.Unlock()
	s.house.failedOver.Add(1)
	s.trace.Note(evidence.StageVideoPipeline, attrFailover, strconv.Itoa(f.Count), attrFrom, from, attrNext, to, attrBecause, f.Why)
	s.notify(failoverNotice(from, to, why, s.request.App.Title), noticeTime)
}

// failoverNotice is what the player reads.
func failoverNotice(from, to string, why error, title string) string {
	switch {
	case isClients(why):
		return "A picture that " + title + " drew with the GPU ended the encoder. It is left out."
	case from == to:
		return fmt.Sprintf("The encoder %s failed and was started again.", from)
	}
	return fmt.Sprintf("The encoder %s failed; %s goes on in its place.", from, to)
}
