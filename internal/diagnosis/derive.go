package diagnosis

import (
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// fastExit is how soon after its start an app's end is a failure of its own.
	fastExit = 5 * time.Second
	// noInputFor is how long input may find no device at a session's start.
	noInputFor = 3 * time.Second
	// raceWithin is how soon after a client's leave its return meets the pause.
	raceWithin = 300 * time.Millisecond
	// pinPatience is how long a PIN may take to be typed, unless the client gives
	// up before: a copy of a live log may end in between.
	pinPatience = time.Minute
	// pairingBegins is how soon after its first request a client asks for a PIN.
	pairingBegins = 3 * time.Second
	// pairingAsks is how many requests of a stranger are more than a pairing's own.
	pairingAsks = 3
	// floodOf is how many lines of a kind make a flood of what is normal in ones.
	floodOf = 4
	// firstPictures is how long after its client connected a stream begins.
	firstPictures = 3 * time.Second
	// quitWithin is how soon after its control link ended a client that quits says
	// so; a log that ends before does not show that it vanished.
	quitWithin = 2 * time.Second
	// lastWords is how shortly before a process's end without a word a warning
	// is taken for its cause.
	lastWords = time.Second
)

// settle puts aside findings that mean nothing where they stand, and adds those
// that follow from what is there and what is not.
func (c *Catalogue) settle(l *Log) {
	for i := range l.Sessions {
		c.weighFindings(l, &l.Sessions[i])
	}
	mixed := false
	for i := range l.Sessions {
		mixed = mixed || l.Sessions[i].mixed()
	}
	for i := range l.Sessions {
		if l.Sessions[i].own {
			continue // what Wolf leaves unsaid
		}
		c.deriveEnd(l, i)
		c.deriveResume(l, i)
		c.deriveRace(l, i)
		c.deriveStall(l, i)
		c.deriveStructure(l, i)
		if mixed {
			c.deriveClients(l, i)
		}
		c.deriveCancel(l, i)
	}
	for i := range l.Lives {
		life := &l.Lives[i]
		c.deriveLife(l, i)
		life.Findings = slices.DeleteFunc(life.Findings, func(f Finding) bool {
			reason := c.outside(&f, l, i)
			if reason != "" {
				putAside(&life.aside, f, reason)
			}
			return reason != ""
		})
	}
}

// weighFindings puts aside those of a session that mean nothing where they stand.
func (c *Catalogue) weighFindings(l *Log, s *Session) {
	kept := make([]Finding, 0, len(s.Findings))
	for _, f := range s.Findings {
		reason := c.meaningless(&f, s, &l.Lives[s.Life])
		if reason == "" {
			kept = append(kept, f)
			continue
		}
		putAside(&s.aside, f, reason)
		s.unfail(f.Fault)
	}
	s.Findings = kept
}

// unfail gives a stage back the state that it had before a sign that means
// nothing.
func (s *Session) unfail(fault string) {
	for i := range s.Stages {
		if r := &s.Stages[i]; r.State == Failed && r.Detail == fault && r.was != nil {
			r.State, r.Detail, r.was, r.FailedAt = r.was.State, r.was.Detail, nil, time.Time{}
		}
	}
}

// endNoise are the faults that each end of a session brings.
var endNoise = map[string]bool{
	"sway-lost-display": true, "gtk-no-display": true, "broken-pipe": true, "buffer-pool": true, "internal-data": true, "interpipe-listener": true,
	"pipeline-error": true, "compositor-gone": true,
}

// meaningless knows the signs that are normal at certain moments, and says why;
// it is empty for one that counts.
func (c *Catalogue) meaningless(f *Finding, s *Session, life *Life) string {
	because := func(is bool, reason string) string {
		if is {
			return reason
		}
		return ""
	}
	switch {
	case f.late:
		return because(!c.lateMatters(f, s), "an app printed it, which ended in good order")
	case endNoise[f.Fault] || f.Fault == UnknownError:
		// What ends first takes the others with it, unless that is what broke.
		app := s.records.of(evidence.StageApp)
		early := s.End == EndApp && (app == nil || s.Ended.Sub(app.At) < fastExit || c.broke(s))
		return because(!s.Ended.IsZero() && !f.At.Before(s.Ended) && !early && s.End != EndRestart, "the session had ended, and each end brings it")
	}
	switch f.Fault {
	case "evp-decrypt", "render-failed":
		return because(f.Count < floodOf, "a few of it are normal")
	case "app-exited":
		return because(s.End == EndQuit && !f.At.Before(s.Ended), "the client had quit")
	case "docker-error":
		return because(s.saysMore("docker-socket", f), "docker-socket says more of the same lines")
	case "pipeline-parse":
		return because(s.saysMore("no-compositor", f), "no-compositor says more of the same lines")
	case "wolf-stopped":
		return because(life.signal == nil || s.End != EndRestart || !s.Ended.Equal(life.signal.At), "it broke no session")
	case "client-unpaired", "pair-order":
		return "it is of another client: this one is paired"
	case "crash-loop":
		return because(onceOnly(f), "it happened once, which a restart may have cured")
	case "no-mouse-long":
		return because(f.Last.Sub(s.Began) < noInputFor || s.has("uinput") || life.has("uinput"), "a few seconds of it are normal at a start, and more where no device can be made")
	}
	return ""
}

// saysMore tells whether the very lines of a finding show another that says more.
func (s *Session) saysMore(id string, f *Finding) bool {
	return slices.ContainsFunc(s.Findings, func(o Finding) bool { return o.Fault == id && o.Place == f.Place && o.Count == f.Count })
}

// outside knows the signs that are normal while no session runs, and says why; it
// is empty for one that counts.
func (c *Catalogue) outside(f *Finding, l *Log, i int) string {
	life := &l.Lives[i]
	if c.faults[c.byID[f.Fault]].Outside == OutsideNoise {
		return "no session ran"
	}
	switch f.Fault {
	case "docker-socket", "docker-error", "container-refused":
		// A start without a sound server first tries one in a container.
		if l.streamsAfter(life, f.Last) {
			return "a session went well after it"
		}
		if f.Fault == "docker-error" && slices.ContainsFunc(life.Findings, func(o Finding) bool { return o.Fault == "docker-socket" && o.Place == f.Place && o.Count == f.Count }) {
			return "docker-socket says more of the same lines"
		}
	case "no-mouse-long":
		if f.Last.Sub(f.At) < noInputFor || life.has("uinput") {
			return "a few seconds of it are normal at a start, and more where no device can be made"
		}
	case "pair-no-pin":
		if !f.Derived {
			return "the client has not given up"
		}
	case "client-unpaired", "pair-order":
		// The first step of every pairing is such a request.
		if life.paired || life.pairing != nil || life.served() {
			return "clients are paired, or are being paired"
		}
	case "crash-loop":
		if onceOnly(f) {
			return "it happened once, which a restart may have cured"
		}
	case UnknownError:
		if life.Ready && !f.At.After(life.readyAt) && l.streamsAfter(life, f.Last) {
			return "it is of a start after which sessions went well"
		}
	}
	return ""
}

// streamsAfter tells whether a session of a life went well after a time.
func (l *Log) streamsAfter(life *Life, at time.Time) bool {
	good := func(i int) bool {
		s := &l.Sessions[i]
		return !s.Began.Before(at) && s.done(evidence.StageControl) && s.done(evidence.StageVideoPipeline) && len(s.Findings) == 0 || l.health(i) == healthGood && s.Began.After(at)
	}
	return slices.ContainsFunc(life.Sessions, good) || !life.gone.fine.IsZero() && !life.gone.fine.Before(at)
}

// onceOnly is a supervisor's word of one end, which its restart may have cured.
func onceOnly(f *Finding) bool {
	return !f.Derived && f.Count < 2 && !strings.Contains(f.Text, "FATAL")
}

func (l *Life) has(id string) bool {
	return slices.ContainsFunc(l.Findings, func(f Finding) bool { return f.Fault == id })
}

func (s *Session) has(id string) bool {
	for i := range s.Findings {
		if s.Findings[i].Fault == id {
			return true
		}
	}
	return false
}

// done tells whether a stage was reached.
func (s *Session) done(stage evidence.Stage) bool {
	for _, r := range s.Stages {
		if r.Stage == stage {
			return r.State == Done || r.State == Failed
		}
	}
	return false
}

// derived books a fault that has no line of its own.
func (c *Catalogue) derived(list *[]Finding, id string, at time.Time, place Place, text string) {
	if _, ok := c.byID[id]; !ok {
		return
	}
	for _, f := range *list {
		if f.Fault == id {
			return
		}
	}
	*list = append(*list, Finding{Fault: id, Place: place, At: at, Dated: at.Year() > 1, Text: text, Count: 1, Last: at, Derived: true})
}

// deriveEnd looks at how a session ended.
func (c *Catalogue) deriveEnd(l *Log, i int) {
	s := &l.Sessions[i]
	life := &l.Lives[s.Life]
	last := i == len(l.Sessions)-1 && s.Life == len(l.Lives)-1
	ends := last && !l.Live // the log ends with it, for all that is known
	switch {
	case s.End == EndRestart && life.signal != nil && s.Ended.Equal(life.signal.At):
		c.derived(&s.Findings, "wolf-stopped", s.Ended, life.signal.Place, "the process was asked to stop in the middle of this session")
	case s.End == EndHidden && c.endsWithTrouble(s, life.last):
		s.End = EndRestart
		c.derived(&s.Findings, "wolf-killed", life.last, s.place(evidence.StageControl), "the process ended in the middle of this session, right after trouble")
	case s.End == EndRestart:
		c.derived(&s.Findings, "wolf-killed", s.Ended, s.place(evidence.StageControl), "the process ended in the middle of this session, and no line says why")
	case s.End == EndOpen && ends && life.Whole && s.done(evidence.StageControl) && c.endsWithTrouble(s, l.To):
		// Without trouble it may as well have been copied while a session ran.
		c.derived(&s.Findings, "wolf-killed", l.To, s.place(evidence.StageControl), "the log ends in the middle of this session, right after trouble")
	case !s.removed.IsZero() && ends && life.has("pulse-none") && rightAfter(l.To, s.removed, lastWords):
		// The removal asks a server that is not there, and a process that lives on
		// says at once that it is done.
		c.derived(&s.Findings, "wolf-killed", s.Ended, s.place(evidence.StageStop), "the log ends at the removal of a sound sink, on a host without a sound server: the process crashed there")
	case s.End == EndLeft && last && !s.cameBack && !s.Resumed && !l.resumedAfter(i):
		list := &s.Findings
		if l.To.Sub(s.Ended) < quitWithin {
			list = &s.unsure
		}
		c.derived(list, "client-vanished", s.Ended, s.place(evidence.StageStop), "the client's control link ended, and it neither quit nor came back")
	}
	app := s.record(evidence.StageApp)
	if s.End == EndApp && app != nil && !app.At.IsZero() && s.Ended.Sub(app.At) < fastExit && s.Ended.After(app.At) {
		c.derived(&s.Findings, "container-fast-exit", s.Ended, app.Place, "the app ended within "+s.Ended.Sub(app.At).Round(time.Millisecond).String()+" of its start")
	}
}

// endsWithTrouble tells whether a session's last words are of something wrong.
func (c *Catalogue) endsWithTrouble(s *Session, end time.Time) bool {
	// Wolf dies of a controller that it cannot make, and lives without the rest.
	if !s.padFailed.IsZero() && rightAfter(end, s.padFailed, lastWords) {
		return true
	}
	return slices.ContainsFunc(s.Findings, func(f Finding) bool {
		entry := c.faults[c.byID[f.Fault]]
		return !entry.Benign && entry.Severity.rank() <= Medium.rank() && rightAfter(end, f.Last, lastWords) && f.Fault != "uinput" && slices.Contains(c.faults[c.byID["wolf-killed"]].DependsOn, f.Fault)
	})
}

// rightAfter tells whether something came shortly after something else. What
// came before it, by more than lines stand in the wrong order, explains nothing.
func rightAfter(later, earlier time.Time, limit time.Duration) bool {
	gap := later.Sub(earlier)
	return gap > -skew && gap < limit
}

// deriveResume tells a return that got no ping because the app holds the ports
// of the stream before.
func (c *Catalogue) deriveResume(l *Log, i int) {
	s := &l.Sessions[i]
	if !s.Resumed || !s.has("ping-timeout") && !s.has("rtp-port-in-use") {
		return
	}
	life := &l.Lives[s.Life]
	streamed := func(n int) bool { return n < i && l.Sessions[n].done(evidence.StageControl) }
	if before(life.gone.streamed, s.Number) || slices.ContainsFunc(life.Sessions, streamed) {
		c.derived(&s.Findings, "resume-holds-ports", s.Began, s.place(evidence.StageLaunch), "a session streamed before this return, whose packets went to ports that its app still holds")
	}
}

// deriveRace tells a return that met its own session's pause.
func (c *Catalogue) deriveRace(l *Log, i int) {
	s := &l.Sessions[i]
	if !s.Resumed || i == 0 && s.leftBefore.IsZero() || s.streamed() {
		return
	}
	left := s.leftBefore
	if i > 0 && l.Sessions[i-1].Life == s.Life && l.Sessions[i-1].End == EndLeft {
		left = l.Sessions[i-1].Ended
	}
	if gap := s.Began.Sub(left); !left.IsZero() && gap >= 0 && gap < raceWithin {
		c.derived(&s.Findings, "resume-races-pause", s.Began, s.place(evidence.StageLaunch), "the client came back "+gap.Round(time.Millisecond).String()+" after it had left, and no stream followed")
	}
}

// streamed tells whether any sign of a stream shows.
func (s *Session) streamed() bool {
	return s.done(evidence.StageVideoPipeline) || s.done(evidence.StageStreaming) || s.done(evidence.StageControl) || s.done(evidence.StageRTSP)
}

// cutOff is for a log that ends in the middle of a session: it tells which, and
// what that may mean.
func (c *Catalogue) cutOff(l *Log) (session int, list []Finding) {
	if l.Live {
		return -1, nil
	}
	if i := l.streaming(); i >= 0 {
		at := l.Sessions[i].place(evidence.StageControl)
		c.derived(&list, "wolf-killed", l.To, at, "the log ends in the middle of this session, without a word of its end: what ends a process so is a kill from outside, as by the kernel for want of memory")
		c.derived(&list, "log-cut-off", l.To, at, "or the log was taken while this session went on")
		return i, list
	}
	session = len(l.Sessions) - 1
	if session < 0 {
		return session, nil
	}
	s := &l.Sessions[session]
	display := s.record(evidence.StageDisplay)
	seen := s.place(evidence.StageLaunch) != (Place{}) || s.place(evidence.StageRTSP) != (Place{}) || display != nil && display.State == Began
	if s.End != EndOpen || s.Life != len(l.Lives)-1 || s.streamed() || !seen {
		return session, nil
	}
	place, stage := s.place(evidence.StageLaunch), evidence.StageLaunch
	for _, r := range s.Stages {
		if r.State == Began || r.State == Done {
			place, stage = r.Place, r.Stage
		}
	}
	c.derived(&list, "log-cut-off", s.Began, place, "the log ends while this session is being started; the last stage that it shows is "+string(stage))
	return session, list
}

// streaming is the newest session that streams when a log ends, -1 for none. Only
// a log with its process's start, and of level DEBUG, would show the end. One that
// ends with the first pictures shows how a session begins, and no more.
func (l *Log) streaming() int {
	n := len(l.Lives) - 1
	if life := &l.Lives[n]; !life.Whole && life.listens == 0 || !life.debug {
		return -1
	}
	for _, i := range slices.Backward(l.Lives[n].Sessions) {
		s := &l.Sessions[i]
		if since, streams := s.pictures(); streams && s.End == EndOpen && !s.own && l.To.Sub(since) > firstPictures {
			return i
		}
	}
	return -1
}

// deriveLife looks at a process's start.
func (c *Catalogue) deriveLife(l *Log, i int) {
	life := &l.Lives[i]
	c.deriveCrash(l, i)
	c.deriveStart(l, i)
	c.deriveLeft(l, i)
	if p := life.pairing; p != nil && !life.has("pair-wrong-pin") && (i < len(l.Lives)-1 || life.gaveUp || l.To.Sub(p.At) >= pinPatience) {
		c.derived(&life.Findings, "pair-no-pin", p.At, p.Place, "a PIN was asked for, and no pairing followed")
	}
	if p := life.unknownCancel; p != nil && life.has("resume-unregistered") {
		c.derived(&life.Findings, "cancel-unknown", p.At, p.Place, "a client quit a session that this process does not know")
	}
	taken := 0
	var first *Finding
	for i := range life.Findings {
		switch f := &life.Findings[i]; f.Fault {
		case "port-in-use", "enet-create", "rtp-port-in-use":
			taken += f.Count
			if first == nil {
				first = f
			}
		}
	}
	if taken >= 3 {
		c.derived(&life.Findings, "ports-held-by-orphan", first.At, first.Place, "several of the ports were taken at the start: by an app that a run before has left behind, or by a second host")
	}
}

func (l *Log) resumedAfter(i int) bool {
	return i+1 < len(l.Sessions) && l.Sessions[i+1].Resumed
}

func (s *Session) record(stage evidence.Stage) *StageRecord {
	for i := range s.Stages {
		if s.Stages[i].Stage == stage {
			return &s.Stages[i]
		}
	}
	return nil
}

func (s *Session) place(stage evidence.Stage) Place {
	if r := s.record(stage); r != nil {
		return r.Place
	}
	return Place{}
}
