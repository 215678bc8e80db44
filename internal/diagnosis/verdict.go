package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// listeners are the ports that a process of Wolf opens at its start.
type listeners uint8

// allListeners are those without which no client can stream.
const allListeners listeners = 1<<4 - 1

var listenerOf = map[string]listeners{"HTTP": 1, "HTTPS": 2, "RTSP": 4, "Control": 8}

// listens books that a port was opened.
func (r *reader) listens(which string, at time.Time) {
	life := r.life()
	if life.listens |= listenerOf[which]; life.listens == allListeners {
		life.readyAt = at
	}
}

// up tells whether a process opened its ports.
func (l *Life) up() bool {
	return l.own || l.listens == allListeners
}

// enoughPicture is how long a stream must last to show that it works.
const enoughPicture = 3 * time.Second

// health is what a log shows of how a session went, faults aside.
type health int

const (
	healthGood   health = iota // it streamed for long enough
	healthShort                // it ended in good order before that
	healthHidden               // the level hides it
	healthTorn                 // its beginning is not in the log
	healthBrief                // it streams, and the log ends before it did for long enough
	healthOpen                 // it was being started when the log ended, or did not come to stream
)

// health judges a session by its stages.
func (l *Log) health(i int) health {
	s := &l.Sessions[i]
	switch {
	case s.own:
		if s.done(evidence.StageStreaming) || s.done(evidence.StageVideoPipeline) && s.done(evidence.StageControl) {
			return healthGood
		}
		return healthOpen
	case !l.Lives[s.Life].debug:
		return l.infoHealth(i)
	}
	from, streams := s.pictures()
	switch {
	case !streams:
		return healthOpen
	case !s.asked():
		return healthTorn
	case l.seenUntil(i).Sub(from) >= enoughPicture:
		return healthGood
	case s.End == EndQuit || s.End == EndLeft:
		return healthShort
	}
	return healthBrief
}

// pictures tells since when a client is connected and gets pictures, as far as
// the stages show. Each of them may be missing, where another shows the same.
func (s *Session) pictures() (since time.Time, streams bool) {
	have := func(stage evidence.Stage) bool {
		r := s.record(stage)
		ok := r != nil && r.State == Done && !r.At.IsZero()
		if ok && r.At.After(since) && stage != evidence.StageStreaming {
			since = r.At
		}
		return ok
	}
	video, control := have(evidence.StageVideoPipeline), have(evidence.StageControl)
	idr := have(evidence.StageStreaming)
	if since.IsZero() && idr {
		since = s.record(evidence.StageStreaming).At
	}
	return since, (video || idr) && (control || idr || have(evidence.StageRTSP))
}

// asked tells whether the beginning of a session is in the log: its launch, or
// what comes right after it.
func (s *Session) asked() bool {
	return slices.ContainsFunc([]evidence.Stage{evidence.StageLaunch, evidence.StageDisplay, evidence.StageAudioSink, evidence.StageApp}, func(stage evidence.Stage) bool {
		return s.place(stage) != (Place{})
	})
}

// infoHealth judges a session of a log of level INFO, which shows the start of
// its display or app, and its end.
func (l *Log) infoHealth(i int) health {
	s := &l.Sessions[i]
	display, app := s.record(evidence.StageDisplay), s.record(evidence.StageApp)
	began := func(r *StageRecord) bool { return r != nil && r.State == Done && !r.At.IsZero() }
	switch {
	case !began(display) && !began(app) || s.Ended.IsZero() || s.End == EndRestart || s.End == EndHidden:
		return healthHidden
	case s.Ended.Sub(s.Began) >= enoughPicture:
		return healthGood
	}
	return healthShort
}

// severalFit is the reason where something broke for sure.
const severalFit = "more than one cause fits"

// assure lets a log without a fault be ok only where it shows that all is well,
// and says what it shows, or why that is not enough.
func (c *Catalogue) assure(d *Diagnosis) {
	if d.Verdict == Inconclusive && d.Reason == "" {
		d.Reason = severalFit
		if len(d.Chain) == 0 {
			d.Reason = "the log ends in the middle of a session"
		}
		return
	}
	if d.Verdict != OK {
		return
	}
	good, reasons := d.healthy()
	if doubts := c.doubts(d.Log); len(doubts) > 0 {
		for _, sc := range doubts {
			r := c.root(sc.roots[0], sc, d.Log)
			r.Confidence = "low"
			d.Candidates = append(d.Candidates, r)
		}
		reasons = append([]string{doubts[0].why()}, reasons...)
	}
	lesser := c.lesser(d.Log)
	switch {
	case len(lesser) > 0 && (good == "" || lostFunction(&lesser[0].roots[0])):
		c.speakOf(d, lesser, good == "")
	case len(reasons) > 0:
		d.Verdict, d.Reason = Inconclusive, strings.Join(reasons, "; ")
	case good == "":
		d.Verdict, d.Reason = Inconclusive, d.nothing()
	default:
		d.Seen = good
	}
	if d.Verdict == Inconclusive && d.Reason == "" {
		d.Reason = d.nothing()
	}
	if advice := d.stamps.advice(); d.Verdict == Inconclusive && advice != "" {
		d.Reason += "; " + advice
	}
	for _, sc := range lesser {
		if costs := c.faults[c.byID[sc.roots[0].Fault]].Costs; d.Verdict == OK && costs != "" {
			d.But = append(d.But, costs)
		}
	}
}

// lostFunction tells of a lesser fault by which a player misses what he asked
// for: a game pad is made when a client has one.
func lostFunction(f *Finding) bool {
	return f.Fault == "uinput" && strings.Contains(f.Text, "joypad")
}

// speakOf makes a lesser fault the verdict, where nothing shows that all else is
// well. One that many hosts live with is only a candidate.
func (c *Catalogue) speakOf(d *Diagnosis, lesser []*scope, alone bool) {
	first := lesser[0]
	f := first.roots[0]
	if f.Fault == "sw-encoder" || f.Fault == "gpu-vendor" || len(d.Candidates) > 0 {
		if alone {
			d.Verdict, d.Reason = Inconclusive, d.nothing()
		}
		return
	}
	entry := &c.faults[c.byID[f.Fault]]
	d.Verdict, d.Chain = Faulty, []Link{{Finding: f, Name: entry.Name, Severity: entry.Severity, EffectOf: []string{}}}
	d.Candidates = []Root{c.root(f, first, d.Log)}
	if d.Candidates[0].Confidence == "high" && alone {
		d.Candidates[0].Confidence = "medium"
	}
	d.Root = &d.Candidates[0]
}

// lesser are the faults of medium severity, each once.
func (c *Catalogue) lesser(l *Log) []*scope {
	return c.each(l, func(f *Finding, _ *Life, _ int) bool {
		entry := &c.faults[c.byID[f.Fault]]
		return entry.Severity == Medium && entry.Costs != "" && !entry.Benign
	})
}

// doubts are the findings that make no fault, and leave none sure that all is
// well: what is known before what is not.
func (c *Catalogue) doubts(l *Log) (all []*scope) {
	for i := range l.Sessions {
		for _, f := range l.Sessions[i].unsure {
			all = append(all, &scope{c: c, life: l.Sessions[i].Life, session: i, roots: []Finding{f}})
		}
	}
	all = append(all, c.each(l, func(f *Finding, life *Life, session int) bool {
		entry := &c.faults[c.byID[f.Fault]]
		return entry.Doubt || session < 0 && c.perhaps(f, l, life)
	})...)
	slices.SortStableFunc(all, func(a, b *scope) int {
		rank := func(sc *scope) int {
			if sc.roots[0].Fault == UnknownError {
				return 1
			}
			return 0
		}
		return rank(a) - rank(b)
	})
	return all[:min(len(all), mostDoubts)]
}

// mostDoubts is how many doubts are told at most.
const mostDoubts = 4

// each are the findings that fit, the first of each fault, as scopes of their own.
func (c *Catalogue) each(l *Log, fits func(f *Finding, life *Life, session int) bool) (all []*scope) {
	seen := map[string]bool{}
	add := func(list []Finding, life, session int) {
		for i := range list {
			if f := &list[i]; f.Demoted == "" && !seen[f.Fault] && fits(f, &l.Lives[life], session) {
				seen[f.Fault] = true
				all = append(all, &scope{c: c, life: life, session: session, roots: []Finding{*f}})
			}
		}
	}
	for n := range l.Lives {
		add(l.Lives[n].Findings, n, -1)
	}
	for i := range l.Sessions {
		add(l.Sessions[i].Findings, l.Sessions[i].Life, i)
	}
	add(l.Folded.notes, 0, -1)
	return all
}

// why says what a doubt is, in words that end a sentence.
func (sc *scope) why() string {
	f := &sc.roots[0]
	name := strings.ToLower(sc.c.faults[sc.c.byID[f.Fault]].Name[:1]) + sc.c.faults[sc.c.byID[f.Fault]].Name[1:]
	if f.Fault == UnknownError {
		return fmt.Sprintf("%s: %s", name, f.Text)
	}
	return name
}

// healthy says what shows that all is well, "" for nothing, and what leaves it
// open.
func (d *Diagnosis) healthy() (good string, open []string) {
	counts := map[health]int{}
	for i := range d.Sessions {
		counts[d.health(i)]++
	}
	counts[healthGood] += d.Folded.Sessions - d.Folded.Faulty - d.Folded.Inconclusive
	life := &d.Lives[len(d.Lives)-1]
	switch n := counts[healthGood]; {
	case n > 0 && counts[healthShort] > 0:
		good = fmt.Sprintf("%s streamed, %d ended before there was much to see, and nothing broke", count(n, "session", "sessions"), counts[healthShort])
	case n > 0:
		good = fmt.Sprintf("%s streamed, and nothing broke", count(n, "session", "sessions"))
	case d.total() == 0 && life.up():
		good = "the process started and opened all its ports; no session was asked for"
	}
	if good != "" && !d.Debug && d.total() > 0 {
		good += ", as far as level INFO shows, which hides pictures"
	}
	for _, one := range []struct {
		of       health
		one, any string
	}{
		{healthHidden, "a session is there whose course its level hides", "sessions are there whose course their level hides"},
		{healthTorn, "the log begins after the launch of a session", "the log begins after the launch of sessions"},
		{healthBrief, "the log ends before a session has shown three seconds of picture", "sessions are there of which the log does not show three seconds of picture"},
		{healthOpen, "a session does not come to stream in this log", "sessions do not come to stream in this log"},
	} {
		switch n := counts[one.of]; {
		case n == 1:
			open = append(open, one.one)
		case n > 1 && (one.of == healthTorn || one.of == healthBrief):
			open = append(open, one.any)
		case n > 1:
			open = append(open, fmt.Sprintf("%d %s", n, one.any))
		}
	}
	if good == "" && counts[healthShort] > 0 {
		open = append(open, "its sessions ended before three seconds of picture")
	}
	if life.pairing != nil {
		open = append(open, "a pairing had begun and was not finished when the log ended")
	}
	return good, open
}

// nothing says that a log has too little in it, and what it lacks.
func (d *Diagnosis) nothing() string {
	life := &d.Lives[len(d.Lives)-1]
	switch {
	case d.total() > 0:
		return "no session in it streams for three seconds"
	case life.Whole || life.listens != 0:
		return "a start is in it, but not to all of the ports that clients need, and no session"
	}
	return "neither a whole start nor a session is in it: there is nothing to judge. Give the log from the start of the process to the end of a session"
}
