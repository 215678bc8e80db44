package discovery

import (
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// stage is how far the names are ours (RFC 6762 section 8).
type stage struct {
	state state
	sent  int
	due   time.Time
}

type state int

const (
	idle      state = iota // no link
	probing                // asking whether anybody has the names
	telling                // announcing
	announced              // answering
)

// Timing and counts of RFC 6762 sections 8.1 to 8.3.
const (
	probes        = 3
	probeInterval = 250 * time.Millisecond
	tells         = 2
	tellInterval  = time.Second
	lostWait      = time.Second
	// After that many conflicts within clashWindow, probes wait for clashWait.
	clashLimit  = 15
	clashWindow = 10 * time.Second
	clashWait   = 5 * time.Second
)

// jitter keeps hosts that were switched on together from talking together.
func jitter(low, high time.Duration) time.Duration { return low + rand.N(high-low+1) }

// probe begins again to ask whether the names are free.
func (r *Responder) probe(at time.Time) {
	r.pending = nil
	if len(r.links) == 0 {
		r.stage = stage{state: idle}
		return
	}
	r.stage = stage{state: probing, due: at}
}

// advance does what the stage's time has come for.
func (r *Responder) advance(now time.Time) {
	if r.stage.state == idle || r.stage.state == announced || now.Before(r.stage.due) {
		return
	}
	switch {
	case r.stage.state == probing && r.stage.sent < probes:
		r.ask()
		r.stage.sent++
		r.stage.due = now.Add(probeInterval)
	case r.stage.state == probing:
		r.stage = stage{state: telling, due: now}
		r.o.Report(Event{Kind: Announced, Name: r.names.label, Interfaces: r.interfaces()})
		r.advance(now)
	default:
		for _, l := range r.links {
			r.tell(l, now, kindAll)
		}
		if r.stage.sent++; r.stage.sent == tells {
			r.stage = stage{state: announced}
			return
		}
		r.stage.due = now.Add(tellInterval)
	}
}

// ask sends a probe on every link: who has these names? I would like to.
// It does not ask for a unicast answer, which would not find its way to a
// socket that hears multicast only.
func (r *Responder) ask() {
	for _, l := range r.links {
		m := dnsmessage.Message{Authorities: resources(r.records(kindUnique, l.addresses()), true, false)}
		for i := range m.Authorities {
			m.Authorities[i].Header.TTL = ttlHost
		}
		for _, name := range []string{r.names.instance, r.names.host} {
			m.Questions = append(m.Questions, dnsmessage.Question{Name: wireName(name), Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET})
		}
		if raw, err := pack(m); err == nil {
			r.multicast(l, raw)
		}
	}
}

// tell multicasts records unasked.
func (r *Responder) tell(l *link, now time.Time, of kinds) {
	r.announce(l, resources(r.records(of, l.addresses()), false, false))
	l.mark(of, now)
}

func (r *Responder) announce(l *link, answers []dnsmessage.Resource) {
	raw, err := pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}, Answers: answers})
	if err == nil {
		r.multicast(l, raw)
	}
}

// goodbye takes back what was announced.
func (r *Responder) goodbye() {
	if r.stage.state != telling && r.stage.state != announced {
		return
	}
	for _, l := range r.links {
		r.announce(l, resources(r.records(kindAll, l.addresses()), false, true))
	}
}

// rename leaves the names to whoever has them.
func (r *Responder) rename(now time.Time) {
	r.attempt++
	r.names = newNames(r.o.Service, r.attempt)
	r.o.Report(Event{Kind: Renamed, Name: r.names.label})
	r.clashes = slices.DeleteFunc(r.clashes, func(t time.Time) bool { return now.Sub(t) > clashWindow })
	r.clashes = append(r.clashes, now)
	at := now.Add(jitter(0, probeInterval))
	if len(r.clashes) >= clashLimit {
		at = now.Add(clashWait)
	}
	r.probe(at)
}

// checkConflict looks for a name of ours in what others say. While probing, the
// name goes to whoever has it. Afterwards it is probed again, so that one of
// two hosts gives way.
func (r *Responder) checkConflict(m *message, now time.Time) {
	if r.stage.state == idle {
		return
	}
	ours := r.ours()
	for _, theirs := range slices.Concat(m.answers, m.additional) {
		if theirs.Header.TTL == 0 || !r.clashesWith(ours, theirs) {
			continue
		}
		if r.stage.state == probing {
			r.rename(now)
		} else {
			r.probe(now)
		}
		return
	}
}

// clashesWith holds for a record of a name and type of ours that says
// something else.
func (r *Responder) clashesWith(ours []record, theirs dnsmessage.Resource) bool {
	sameKind := false
	for _, mine := range ours {
		of, _ := rdata(mine.body)
		if mine.shared() || !same(mine.name, theirs.Header.Name.String()) || of != theirs.Header.Type {
			continue
		}
		if equal(mine.body, theirs.Body) {
			return false
		}
		sameKind = true
	}
	return sameKind
}

// checkTie settles who of two hosts that probe at the same time may go on.
func (r *Responder) checkTie(m *message, now time.Time) {
	if r.stage.state != probing || r.stage.sent == 0 {
		return
	}
	var mine, theirs []dnsmessage.ResourceBody
	for _, a := range m.authority {
		if same(a.Header.Name.String(), r.names.instance) {
			theirs = append(theirs, a.Body)
		}
	}
	for _, o := range r.records(kindSRV|kindTXT, nil) {
		mine = append(mine, o.body)
	}
	if len(theirs) > 0 && compare(mine, theirs) < 0 {
		r.probe(now.Add(lostWait))
	}
}
