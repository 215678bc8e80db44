package discovery

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// pending is an answer that waits: for others that say the same, and for the
// rest of what the asker knows.
type pending struct {
	link *link
	from netip.AddrPort
	what kinds
	due  time.Time
}

const (
	// maxPending bounds the waiting answers; what is beyond is asked again.
	maxPending = 128
	// unicastPerSecond bounds unicast answers on a link: their sources can be forged.
	unicastPerSecond = 20
	// A shared record waits, so that not all hosts answer at once, and longer
	// when more known answers follow (RFC 6762 sections 6 and 7.2).
	sharedLow, sharedHigh = 20 * time.Millisecond, 120 * time.Millisecond
	moreLow, moreHigh     = 400 * time.Millisecond, 500 * time.Millisecond
	// quiet is how soon a record may be multicast again, and how soon in answer
	// to a probe.
	quiet, quietProbe = time.Second, 250 * time.Millisecond
)

// take handles one datagram. Nonsense is ignored: there is nobody to tell.
func (r *Responder) take(p packet, now time.Time) {
	if !p.link.near(p.from.Addr()) || !slices.Contains(r.links, p.link) {
		return
	}
	m, err := parse(p.data)
	if err != nil {
		return
	}
	if m.response {
		if p.from.Port() == r.o.Port {
			r.checkConflict(m, now)
		}
		return
	}
	r.checkTie(m, now)
	if r.stage.state != telling && r.stage.state != announced {
		return
	}
	if len(m.questions) == 0 {
		r.learn(p, m)
		return
	}
	r.query(p, m, now)
}

// query answers what is asked.
func (r *Responder) query(p packet, m *message, now time.Time) {
	var wanted kinds
	unicast := true
	for _, q := range m.questions {
		k := r.wanted(q, p.link)
		wanted |= k
		if k != 0 && q.Class&wantUnicast == 0 {
			unicast = false
		}
	}
	wanted &^= r.known(m, p.link)
	if wanted == 0 {
		return
	}
	if p.from.Port() != r.o.Port {
		r.answerUnicast(p, m, wanted, true, now)
		return
	}
	if unicast && p.link.recent(wanted, now, ttlHost*time.Second/4) {
		r.answerUnicast(p, m, wanted, false, now)
		return
	}
	switch {
	case len(m.authority) > 0:
		// A probe is answered at once: the names are taken.
		r.reply(p.link, wanted, now, quietProbe)
	case m.more:
		r.wait(pending{p.link, p.from, wanted, now.Add(jitter(moreLow, moreHigh))})
	case wanted&(kindPTR|kindMeta) != 0:
		r.wait(pending{p.link, p.from, wanted, now.Add(jitter(sharedLow, sharedHigh))})
	default:
		r.reply(p.link, wanted, now, quiet)
	}
}

// wanted is what of ours a question asks for.
func (r *Responder) wanted(q dnsmessage.Question, l *link) kinds {
	if c := q.Class & classMask; c != dnsmessage.ClassINET && c != dnsmessage.ClassANY {
		return 0
	}
	var k kinds
	name := q.Name.String()
	for _, mine := range r.records(kindAll|kindMeta, l.addresses()) {
		of, _ := rdata(mine.body)
		if same(name, mine.name) && (q.Type == of || q.Type == dnsmessage.TypeALL) {
			k |= mine.kind
		}
	}
	return k
}

// known is what the asker has already, for at least half of its life.
func (r *Responder) known(m *message, l *link) kinds {
	var k, missing kinds
	for _, mine := range r.records(kindAll|kindMeta, l.addresses()) {
		if slices.ContainsFunc(m.answers, func(a dnsmessage.Resource) bool {
			return a.Header.TTL >= mine.ttl/2 && same(a.Header.Name.String(), mine.name) && equal(a.Body, mine.body)
		}) {
			k |= mine.kind
		} else {
			missing |= mine.kind
		}
	}
	return k &^ missing
}

// wait queues an answer, joined with one that already waits on that link.
func (r *Responder) wait(p pending) {
	for i := range r.pending {
		if w := &r.pending[i]; w.link == p.link && w.from == p.from {
			w.what |= p.what
			return
		}
	}
	if len(r.pending) < maxPending {
		r.pending = append(r.pending, p)
	}
}

// learn takes the rest of what an asker knows.
func (r *Responder) learn(p packet, m *message) {
	known := r.known(m, p.link)
	for i := range r.pending {
		if w := &r.pending[i]; w.link == p.link && w.from.Addr() == p.from.Addr() {
			w.what &^= known
		}
	}
}

func (r *Responder) forget(l *link) {
	r.pending = slices.DeleteFunc(r.pending, func(w pending) bool { return w.link == l })
}

// nextDue is when there is something to send.
func (r *Responder) nextDue() time.Time {
	next := time.Now().Add(time.Hour)
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if r.stage.state == probing || r.stage.state == telling {
		earlier(r.stage.due)
	}
	for _, w := range r.pending {
		earlier(w.due)
	}
	return next
}

func (r *Responder) sendPending(now time.Time) {
	var ready []pending
	r.pending = slices.DeleteFunc(r.pending, func(w pending) bool {
		if now.Before(w.due) {
			return false
		}
		ready = append(ready, w)
		return true
	})
	for _, w := range ready {
		r.reply(w.link, w.what, now, quiet)
	}
}

// reply multicasts an answer with what the asker will want next. What was said
// within the quiet time waits for its end.
func (r *Responder) reply(l *link, what kinds, now time.Time, quiet time.Duration) {
	var late kinds
	for k := kindMeta; k <= kindAAAA; k <<= 1 {
		if now.Sub(l.told[k]) < quiet {
			late |= k & what
		}
	}
	if late != 0 {
		r.wait(pending{link: l, what: late, due: now.Add(quiet)})
		what &^= late
	}
	if what == 0 {
		return
	}
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{Response: true, Authoritative: true},
		Answers:     resources(r.records(what, l.addresses()), false, false),
		Additionals: resources(r.records(also(what), l.addresses()), false, false),
	}
	if raw, err := pack(m); err == nil {
		r.multicast(l, raw)
		l.mark(what, now)
	}
}

// also is what goes with an answer (RFC 6763 section 12).
func also(what kinds) kinds {
	var more kinds
	if what&kindPTR != 0 {
		more |= kindSRV | kindTXT | kindAddresses
	}
	if what&(kindSRV|kindAddresses) != 0 {
		more |= kindAddresses
	}
	return more &^ what
}

// answerUnicast answers one asker alone; legacy is a resolver of the old kind,
// which knows nothing of multicast and finds its own question in the answer.
func (r *Responder) answerUnicast(p packet, m *message, what kinds, legacy bool, now time.Time) {
	if !p.link.mayUnicast(now) {
		return
	}
	reply := dnsmessage.Message{
		Header:      dnsmessage.Header{Response: true, Authoritative: true},
		Answers:     resources(r.records(what, p.link.addresses()), legacy, false),
		Additionals: resources(r.records(also(what), p.link.addresses()), legacy, false),
	}
	if legacy {
		reply.ID = m.id
		for _, q := range m.questions {
			q.Class &= classMask
			reply.Questions = append(reply.Questions, q)
		}
	}
	if raw, err := pack(reply); err == nil {
		r.send(p.conn, zoned(p.from, p.link.iface), raw)
	}
}

// zoned gives a link-local address its interface.
func zoned(to netip.AddrPort, iface net.Interface) netip.AddrPort {
	if to.Addr().Is6() && to.Addr().IsLinkLocalUnicast() {
		return netip.AddrPortFrom(to.Addr().WithZone(iface.Name), to.Port())
	}
	return to
}

func (l *link) mark(what kinds, now time.Time) {
	for k := kindMeta; k <= kindAAAA; k <<= 1 {
		if what&k != 0 {
			l.told[k] = now
		}
	}
}

// recent holds when all of that was multicast within the time.
func (l *link) recent(what kinds, now time.Time, within time.Duration) bool {
	for k := kindMeta; k <= kindAAAA; k <<= 1 {
		if what&k != 0 && now.Sub(l.told[k]) > within {
			return false
		}
	}
	return true
}

func (l *link) mayUnicast(now time.Time) bool {
	if now.Sub(l.filled) >= time.Second {
		l.bucket, l.filled = unicastPerSecond, now
	}
	if l.bucket == 0 {
		return false
	}
	l.bucket--
	return true
}
