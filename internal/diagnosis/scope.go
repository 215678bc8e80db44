package diagnosis

import (
	"cmp"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// scope is what is judged together: a session with what of its process explains
// it, or what a process said outside of sessions.
type scope struct {
	c       *Catalogue
	life    int
	session int // -1 for none
	// own says that a session has a grave finding that is not its process's.
	own      bool
	findings []Finding
	verdict  string
	roots    []Finding
	chain    []Link
}

func (c *Catalogue) scopes(l *Log) []*scope {
	var all []*scope
	for n := range l.Lives {
		life := &l.Lives[n]
		if list := c.mattered(l, life); len(life.Sessions) == 0 || hasGrave(c, list) {
			sc := &scope{c: c, life: n, session: -1, findings: list}
			sc.judge()
			all = append(all, sc)
		}
		for _, i := range life.Sessions {
			s := &l.Sessions[i]
			sc := &scope{c: c, life: n, session: i, own: hasGrave(c, s.Findings), findings: append(slices.Clone(s.Findings), c.inherited(life, s)...)}
			sc.judge()
			s.Verdict, s.Chain = sc.verdict, []string{}
			for _, link := range sc.chain {
				s.Chain = append(s.Chain, link.Fault)
			}
			if sc.verdict == Faulty {
				s.Root = &sc.roots[0].Fault
			}
			all = append(all, sc)
		}
	}
	return all
}

// inherited is what a process said before a session that bears on it: how the
// process started, and what explains something that the session shows.
func (c *Catalogue) inherited(life *Life, s *Session) (list []Finding) {
	for _, f := range life.Findings {
		if f.At.After(s.Began.Add(skew)) && !life.Started.IsZero() {
			continue
		}
		explains := func(effect Finding) bool { return c.explains(f.Fault, effect.Fault) }
		if c.faults[c.byID[f.Fault]].Stage == "startup" || slices.ContainsFunc(s.Findings, explains) {
			list = append(list, f)
		}
	}
	return list
}

// mattered are the findings of a process outside of sessions without those that
// strangers cause, and that hindered no session: a good one came after them.
func (c *Catalogue) mattered(l *Log, life *Life) (list []Finding) {
	for _, f := range life.Findings {
		if c.perhaps(&f, l, life) {
			continue // a doubt
		}
		foreign := slices.Contains([]evidence.Stage{evidence.StageRTSP, evidence.StageLaunch, evidence.StageControl}, c.faults[c.byID[f.Fault]].Stage)
		good := func(i int) bool {
			s := &l.Sessions[i]
			return !s.Began.Before(f.Last) && s.streamed() && !hasGrave(c, s.Findings)
		}
		if !foreign || !slices.ContainsFunc(life.Sessions, good) && (life.gone.fine.IsZero() || life.gone.fine.Before(f.Last)) {
			list = append(list, f)
		}
	}
	return list
}

// perhaps tells whether a finding outside of sessions leaves open what it is.
func (c *Catalogue) perhaps(f *Finding, l *Log, life *Life) bool {
	// The first step of a pairing is such a request as well.
	pairs := f.Fault == "client-unpaired" && f.Count < pairingAsks && life == &l.Lives[len(l.Lives)-1] && l.To.Sub(f.At) < pairingBegins
	return pairs || c.faults[c.byID[f.Fault]].Outside == OutsidePerhaps
}

// worst is the rank of the worst severity in a chain.
func (sc *scope) worst() int {
	rank := Info.rank()
	for _, link := range sc.chain {
		rank = min(rank, link.Severity.rank())
	}
	return rank
}

// kind orders scopes of one severity: sessions that show something themselves
// come before processes, those before sessions that only inherit.
func (sc *scope) kind() int {
	switch {
	case sc.own:
		return 0
	case sc.session < 0:
		return 1
	}
	return 2
}

// worstOf is the scope that the verdict is about, nil where all is well: the one
// with the worst fault, of those the newest, and of sessions in a row that broke
// in the same way the first.
func worstOf(scopes []*scope) *scope {
	var worst *scope
	at := 0
	for i, sc := range scopes {
		if sc.verdict != OK && (worst == nil || sc.before(worst)) {
			worst, at = sc, i
		}
	}
	if worst == nil || worst.session < 0 || worst.verdict != Faulty {
		return worst
	}
	for i := at - 1; i >= 0 && scopes[i].life == worst.life && scopes[i].session >= 0; i-- {
		sc := scopes[i]
		if !sc.likeAnother(worst) {
			break
		}
		worst = sc
	}
	return worst
}

// likeAnother tells whether a session broke in the same way as another.
func (sc *scope) likeAnother(other *scope) bool {
	return sc.verdict == Faulty && other.verdict == Faulty && sc.roots[0].Fault == other.roots[0].Fault && sc.worst() == other.worst() && sc.kind() == other.kind()
}

// before tells whether a scope that comes later is the one to speak of.
func (sc *scope) before(other *scope) bool {
	certain := func(s *scope) int {
		if s.verdict == Faulty {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(sc.worst(), other.worst()), cmp.Compare(sc.kind(), other.kind()),
		cmp.Compare(other.life, sc.life), cmp.Compare(certain(sc), certain(other)), -1,
	) < 0
}

// Other is a fault that broke something else than what the verdict is about.
type Other struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Place
	// Session is the index of the newest session in which it is the root, -1 for
	// none; Count is how many sessions and processes it broke.
	Session int `json:"session"`
	Count   int `json:"count"`
}

// others lists what the other scopes say, each root once.
func (d *Diagnosis) others(c *Catalogue, scopes []*scope, worst *scope) {
	known := map[string]int{}
	for _, link := range d.Chain {
		known[link.Fault] = -1
	}
	for _, sc := range scopes {
		if sc.verdict == OK || sc == worst {
			continue
		}
		for _, f := range sc.roots {
			i, ok := known[f.Fault]
			if !ok {
				i, known[f.Fault] = len(d.Also), len(d.Also)
				d.Also = append(d.Also, Other{ID: f.Fault, Name: c.faults[c.byID[f.Fault]].Name})
			}
			if i >= 0 {
				o := &d.Also[i]
				o.At, o.Place, o.Session, o.Count = f.At, f.Place, sc.session, o.Count+1
			}
		}
	}
	for i := range d.Also {
		d.Also[i].Count += d.Folded.roots[d.Also[i].ID]
	}
}

// shownAfter tells whether a life after one shows a fault.
func (d *Diagnosis) shownAfter(life int, id string) bool {
	has := func(f Finding) bool { return f.Fault == id }
	if d.Folded.shown[id] > d.Lives[life].Number {
		return true
	}
	for n := life + 1; n < len(d.Lives); n++ {
		if slices.ContainsFunc(d.Lives[n].Findings, has) {
			return true
		}
		for _, i := range d.Lives[n].Sessions {
			if slices.ContainsFunc(d.Sessions[i].Findings, has) {
				return true
			}
		}
	}
	return false
}
