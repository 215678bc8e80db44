package diagnosis

import (
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// deriveClients tells two clients that stream from one address at a time, where
// something shows that Wolf mixes them up.
func (c *Catalogue) deriveClients(l *Log, i int) {
	s := &l.Sessions[i]
	if s.address == "" || s.client == "" || s.Resumed {
		return
	}
	for _, n := range l.Lives[s.Life].Sessions {
		if n >= i {
			break // they are in order
		}
		other := &l.Sessions[n]
		if other.address != s.address || other.client == "" || other.client == s.client || !other.lastedAt(s.Began) {
			continue
		}
		for _, one := range []*Session{s, other} {
			if one.mixed() {
				c.derived(&one.Findings, "two-clients-one-ip", s.Began, s.place(evidence.StageLaunch), "this launch came from the address of another client, whose session had not ended")
			}
		}
	}
}

// mixed tells whether a session shows what comes of two clients that Wolf takes
// for one.
func (s *Session) mixed() bool { return s.has("evp-decrypt") || s.has("ping-timeout") }

// lastedAt tells whether a session had not ended at a time.
func (s *Session) lastedAt(at time.Time) bool {
	return s.End == EndOpen || s.Ended.After(at)
}

// deriveCancel tells a client that launched anew though the session that it had
// left was neither quit nor ended: Moonlight quits first, so that its quit was
// not served.
func (c *Catalogue) deriveCancel(l *Log, i int) {
	s := &l.Sessions[i]
	life := &l.Lives[s.Life]
	if s.End != EndLeft || s.client == "" || !life.debug || s.lastEnd.Sub(s.Ended) > lastWords {
		return
	}
	for _, n := range life.Sessions {
		next := &l.Sessions[n]
		if n <= i || next.client != s.client {
			continue
		}
		if !next.Resumed && next.record(evidence.StageLaunch) != nil {
			c.derived(&s.Findings, "cancel-not-served", next.Began, next.place(evidence.StageLaunch), "the client launched anew, and no quit of the session that it had left shows")
		}
		return
	}
}
