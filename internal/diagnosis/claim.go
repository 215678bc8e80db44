package diagnosis

import (
	"slices"
	"time"
)

// pinRetry is how soon after a wrong PIN a pairing shows that it was mistyped.
const pinRetry = 10 * time.Minute

// cleared forgets a PIN that was mistyped: the client is paired now.
func (r *reader) cleared(at time.Time) {
	life := r.life()
	for _, f := range life.drop(func(f *Finding) bool { return f.Fault == "pair-wrong-pin" && at.Sub(f.Last) < pinRetry }) {
		putAside(&life.aside, f, "the client paired afterwards")
	}
}

// drop takes findings out of a life.
func (l *Life) drop(which func(*Finding) bool) (dropped []Finding) {
	l.Findings, dropped = split(l.Findings, which)
	l.faults = indexOf(l.Findings)
	return dropped
}

// split parts a list in what stays and what goes.
func split(list []Finding, goes func(*Finding) bool) (stay, gone []Finding) {
	stay = list[:0]
	for i := range list {
		if f := list[i]; goes(&f) {
			gone = append(gone, f)
		} else {
			stay = append(stay, f) // as goes left it
		}
	}
	return stay, gone
}

func indexOf(list []Finding) map[string]int {
	index := map[string]int{}
	for i := range list {
		index[list[i].Fault] = i
	}
	return index
}

// claim gives the newest session what was said shortly before its first sign:
// where its launch is not logged, that is how it began.
func (r *reader) claim(at time.Time) {
	life, s := r.life(), r.live()
	gone := r.recent(&life.Findings, at)
	life.faults = indexOf(life.Findings)
	if n := len(life.Sessions); n > 1 {
		// Of the one before, whose end may not show at this level.
		before := &r.log.Sessions[life.Sessions[n-2]]
		gone = append(gone, r.recent(&before.Findings, at)...)
		before.faults = indexOf(before.Findings)
	}
	for _, f := range gone {
		if !s.has(f.Fault) {
			s.Findings = append(s.Findings, f)
		}
	}
	s.faults = indexOf(s.Findings)
}

// recent takes out of a list what was said shortly before a time; of a finding
// that was there before it takes the newest line.
func (r *reader) recent(list *[]Finding, at time.Time) (gone []Finding) {
	within := func(when time.Time) bool { return !when.Before(at.Add(-skew)) && !when.After(at) }
	var whole []Finding
	*list, whole = split(*list, func(f *Finding) bool {
		stage := string(r.c.faults[r.c.byID[f.Fault]].Stage)
		if slices.Contains(ofProcess, stage) || !within(f.Last) {
			return false
		}
		if within(f.At) {
			return true
		}
		newest := *f
		newest.At, newest.Place, newest.Count = f.Last, f.lastPlace, 1
		gone = append(gone, newest)
		f.Count--
		return false
	})
	return append(gone, whole...)
}

// ofProcess are the stages of faults that no session's beginning explains.
var ofProcess = []string{"startup", "pair"}
