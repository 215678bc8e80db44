package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// limits bound what is kept of a log, whatever its size: the first and the last
// of its sessions and of its lives, and between them those in which something
// began. The others are judged and counted.
type limits struct {
	first, last int
	batch       int // how many begin before the next are judged
	bytes       int // of the last ones together, about
}

// usually is about 40 MiB at most, and 15 MiB of real sessions.
var usually = limits{first: 200, last: 2000, batch: 500, bytes: 12 << 20}

// Folded counts what was read and judged, and is not listed.
type Folded struct {
	Sessions     int `json:"sessions"`
	Lives        int `json:"lives"`
	Faulty       int `json:"fault"`
	Inconclusive int `json:"inconclusive"`

	late  map[int]int    // of lives: how often the first fault came at that session, after good ones
	notes []Finding      // the first of each fault
	roots map[string]int // how many sessions and lives each broke
	shown map[string]int // the newest life that shows a fault
}

// judgement is what is known of a session before the end of its log.
type judgement struct {
	verdict        string
	roots          []string
	streamed, good bool
	fine           bool // it streamed, without a grave fault
}

// root is that of a verdict of one, "" without.
func (j *judgement) root() string {
	if j.verdict != Faulty {
		return ""
	}
	return j.roots[0]
}

// gone is what a life's sessions were that are not listed.
type gone struct {
	sessions, faulty int
	// The first that went wrong: its ordinal, 0 for none, its root and when it began.
	first int
	root  string
	began time.Time
	// The numbers of the first of which the stream shows, and that went on; 0 for none.
	streamed, good int
	fine           time.Time // when the newest began that streamed without a grave fault
}

// before tells whether such a session was before another.
func before(one, session int) bool { return one > 0 && one < session }

// folder remembers what was found among sessions that are judged.
type folder struct {
	begun  int           // sessions and lives since it last looked
	head   int           // how many of the first sessions and lives are kept
	judged int           // how many sessions were, counted by their numbers
	stages []StageRecord // of those that are being judged; room for the next
	spare  []*records    // of sessions that were dropped, for the next
	// What must be at hand at the end, by the numbers of sessions: the first that
	// went wrong and the good one before, the newest good one, the newest in which
	// each fault is the root, the one that the verdict would be about, and where
	// its row and the present one begin, of sessions that broke in the same way.
	firstBad, goodBefore, good int
	newest                     map[string]int
	worst                      *scope // its life and session are numbers
	row                        *scope
	rowBegan, worstBegan       int
}

// fold judges the older sessions and drops most of them, every now and then.
func (r *reader) fold() {
	f := &r.folder
	if f.begun++; f.begun < r.c.keep.batch {
		return
	}
	f.begun = 0
	l := r.log
	if f.newest == nil {
		f.newest, f.head = map[string]int{}, r.head()
		l.Folded.late, l.Folded.roots, l.Folded.shown = map[int]int{}, map[string]int{}, map[string]int{}
	}
	to := r.window()
	from, _ := slices.BinarySearchFunc(l.Sessions, max(f.judged, f.head)+1, func(s Session, n int) int { return s.Number - n })
	if from < to {
		r.judge(from, to)
		f.judged = l.Sessions[to-1].Number
		r.drop()
	}
	r.foldLives()
	newest := l.Lives[len(l.Lives)-1].Number
	maps.DeleteFunc(r.told, func(k toldKey, _ bool) bool {
		return k.life < newest && (k.session == 0 || k.session <= f.judged)
	})
}

// head is how many of the first are kept: fewer where they are large.
func (r *reader) head() int {
	bytes := 0
	for i := range min(r.c.keep.first, len(r.log.Sessions)) {
		if bytes += r.log.Sessions[i].cost(); bytes > r.c.keep.bytes/3 {
			return i
		}
	}
	return r.c.keep.first
}

// window is where the last sessions begin, which are kept whole.
func (r *reader) window() int {
	all, bytes := r.log.Sessions, 0
	end := len(all)
	if r.session >= 0 {
		end = r.session
	}
	for i := range r.route.holders {
		end = min(end, i) // a line may still name it
	}
	for i := len(all) - 1; i >= 0; i-- {
		bytes += all[i].cost()
		if i < end && (len(all)-i > r.c.keep.last || bytes > r.c.keep.bytes) {
			return i + 1
		}
	}
	return 0
}

// cost is about how much memory a session takes, in bytes.
func (s *Session) cost() int {
	const own, finding, counter = 3 << 10, 300, 64
	bytes := own + len(s.Findings)*finding + len(s.Elements)*counter
	for i := range s.Findings {
		bytes += len(s.Findings[i].Text)
	}
	return bytes
}

// part is a copy of some sessions with one at either side, and of their lives, to
// be judged as if it were a log of its own that goes on.
func (r *reader) part(from, to int) *Log {
	l := r.log
	p := &Log{To: l.To, Debug: l.Debug}
	last := -1
	from, to = max(0, from-1), min(len(l.Sessions), to+1)
	p.Sessions = make([]Session, 0, to-from)
	stages := slices.Grow(r.folder.stages[:0], (to-from)*evidence.StageCount)
	r.folder.stages = stages
	for i := from; i < to; i++ {
		s := l.Sessions[i]
		s.Findings, s.aside = slices.Clone(s.Findings), slices.Clip(s.aside)
		stages = r.order(&s, stages)
		if s.Life != last {
			last = s.Life
			p.Lives = append(p.Lives, r.copyOf(last))
		}
		s.Life = len(p.Lives) - 1
		life := &p.Lives[s.Life]
		life.Sessions = append(life.Sessions, len(p.Sessions))
		p.Sessions = append(p.Sessions, s)
	}
	next := Life{Started: l.To}
	if last+1 < len(l.Lives) {
		next.Started = l.Lives[last+1].Started
	}
	p.Lives = append(p.Lives, next)
	return p
}

// copyOf is a life without its sessions.
func (r *reader) copyOf(i int) Life {
	life := r.log.Lives[i]
	life.gone.sessions += len(life.Sessions)
	life.Sessions, life.Findings, life.aside = nil, slices.Clone(life.Findings), slices.Clip(life.aside)
	if i == len(r.log.Lives)-1 {
		life.pairing = nil // it may still follow
	}
	return life
}

// judge judges sessions, and says which of them are kept.
func (r *reader) judge(from, to int) {
	l, p := r.log, r.part(from, to)
	r.c.settle(p)
	scopes := map[int]*scope{}
	for _, sc := range r.c.scopes(p) {
		scopes[sc.session] = sc
	}
	before := min(from, 1) // sessions in the part that are not to be judged
	for i := from; i < to; i++ {
		s, as := &l.Sessions[i], &p.Sessions[i-from+before]
		sc, life := scopes[i-from+before], l.Lives[s.Life].Number
		s.judged = &judgement{verdict: as.Verdict, roots: sc.ids(), streamed: as.done(evidence.StageControl)}
		s.judged.good = s.judged.streamed && !s.Resumed
		s.judged.fine = as.streamed() && !hasGrave(r.c, as.Findings)
		l.Folded.remember(as.Findings, life)
		l.Folded.remember(as.aside, life)
		sc.life, sc.session = life, s.Number
		r.folder.look(s, sc)
	}
}

// ids are the roots of a scope.
func (sc *scope) ids() (all []string) {
	for _, f := range sc.roots {
		all = append(all, f.Fault)
	}
	return all
}

// remember keeps the first finding of each fault, and the newest life with it.
func (f *Folded) remember(findings []Finding, life int) {
	for _, one := range findings {
		if one.Demoted == "" {
			f.shown[one.Fault] = max(f.shown[one.Fault], life)
		}
		if !slices.ContainsFunc(f.notes, func(n Finding) bool { return n.Fault == one.Fault && (n.Demoted == "") == (one.Demoted == "") }) {
			one.clean()
			f.notes = append(f.notes, one)
		}
	}
}

// look takes a session into account, whose scope tells numbers.
func (f *folder) look(s *Session, sc *scope) {
	sc.findings = nil
	if f.row == nil || !sc.likeAnother(f.row) || f.row.life != sc.life {
		f.rowBegan = s.Number
	}
	f.row = sc
	if sc.verdict == OK {
		f.good = s.Number
		return
	}
	if f.firstBad == 0 {
		f.firstBad, f.goodBefore = s.Number, f.good
	}
	for _, id := range s.judged.roots {
		f.newest[id] = s.Number
	}
	if f.worst == nil || sc.before(f.worst) {
		f.worst, f.worstBegan = sc, f.rowBegan
	}
}

// keeps tells whether a session is kept.
func (f *folder) keeps(s *Session) bool {
	if s.judged == nil || slices.Contains([]int{f.firstBad, f.goodBefore, f.good, f.rowBegan, f.worstBegan, f.judged}, s.Number) || f.worst != nil && f.worst.session == s.Number {
		return true
	}
	return slices.ContainsFunc(s.judged.roots, func(id string) bool { return f.newest[id] == s.Number })
}

// drop takes away the sessions that were judged and are not kept. One that is
// kept has those before and after it beside it, which tell how it began and ended.
func (r *reader) drop() {
	all := r.log.Sessions
	keep := make([]bool, len(all))
	for i := range all {
		keep[i] = r.folder.keeps(&all[i])
	}
	beside := func(i, n int) bool {
		return n >= 0 && n < len(all) && keep[n] && (all[n].Number-all[i].Number == n-i)
	}
	moved, kept := make([]int, len(all)), 0
	for i := range all {
		moved[i] = -1
		if keep[i] || beside(i, i-1) || beside(i, i+1) {
			moved[i] = kept
			kept++
			continue
		}
		r.count(&all[i])
		r.folder.spare = append(r.folder.spare, all[i].records)
	}
	for i, to := range moved {
		if to >= 0 && to != i {
			all[to] = all[i]
		}
	}
	clear(all[kept:])
	r.log.Sessions = all[:kept]
	r.moved(moved)
}

// records are empty ones, which a session that was dropped may have had.
func (f *folder) records() *records {
	n := len(f.spare)
	if n == 0 {
		return &records{}
	}
	free := f.spare[n-1]
	f.spare = f.spare[:n-1]
	*free = records{}
	return free
}

// count counts a session that is dropped.
func (r *reader) count(s *Session) {
	f, g, j := &r.log.Folded, &r.log.Lives[s.Life].gone, s.judged
	f.Sessions++
	g.sessions++
	if j.streamed && (g.streamed == 0 || s.Number < g.streamed) {
		g.streamed = s.Number
	}
	if j.good && (g.good == 0 || s.Number < g.good) {
		g.good = s.Number
	}
	if j.fine && s.Began.After(g.fine) {
		g.fine = s.Began
	}
	for _, id := range j.roots {
		f.roots[id]++
	}
	switch j.verdict {
	case OK:
		return
	case Faulty:
		f.Faulty++
	default:
		f.Inconclusive++
	}
	g.faulty++
	if g.first == 0 || s.Ordinal < g.first {
		g.first, g.root, g.began = s.Ordinal, j.root(), s.Began
	}
}

// moved corrects all indices of sessions.
func (r *reader) moved(to []int) {
	for i := range r.log.Lives {
		life := &r.log.Lives[i]
		kept := life.Sessions[:0]
		for _, n := range life.Sessions {
			if to[n] >= 0 {
				kept = append(kept, to[n])
			}
		}
		life.Sessions = kept
	}
	if r.session >= 0 {
		r.session = to[r.session]
	}
	r.route.moved(to)
}

// foldLives drops lives of which no session is left, but for the newest that each
// fault broke, the one that the verdict would be about, and the last, by which
// the next are judged.
func (r *reader) foldLives() {
	l, keep := r.log, r.c.keep
	bytes, to := 0, len(l.Lives)-1
	for to > 0 && len(l.Lives)-to < keep.last && bytes < keep.bytes/2 {
		to--
		bytes += (&Session{Findings: l.Lives[to].Findings}).cost()
	}
	r.judgeLives(to)
	newest := map[string]int{}
	var worst *scope
	for i := range to {
		sc := l.Lives[i].judged
		if sc == nil || sc.verdict == OK {
			continue
		}
		for _, id := range sc.ids() {
			newest[id] = sc.life
		}
		if worst == nil || sc.before(worst) {
			worst = sc
		}
	}
	r.dropLives(func(i int) bool {
		sc := l.Lives[i].judged
		return sc != nil && i <= to-loopOf && sc != worst && !slices.ContainsFunc(sc.ids(), func(id string) bool { return newest[id] == sc.life })
	})
}

// judgeLives judges those of the first ones that have no session, each once.
func (r *reader) judgeLives(to int) {
	l := r.log
	p := &Log{To: l.To, Debug: l.Debug}
	for i := range to {
		p.Lives = append(p.Lives, r.copyOf(i))
	}
	p.Lives = append(p.Lives, Life{Started: l.Lives[to].Started})
	r.c.settle(p)
	for _, sc := range r.c.scopes(p) {
		if sc.life == to {
			break
		}
		life := &l.Lives[sc.life]
		if life.judged == nil && life.Number > r.folder.head && len(life.Sessions) == 0 {
			l.Folded.remember(p.Lives[sc.life].Findings, life.Number)
			l.Folded.remember(p.Lives[sc.life].aside, life.Number)
			// What follows from the lives before it is not seen again without them.
			life.Findings, life.aside = p.Lives[sc.life].Findings, p.Lives[sc.life].aside
			life.judged, sc.life, sc.findings = sc, life.Number, nil
		}
	}
}

// dropLives drops those that go.
func (r *reader) dropLives(goes func(int) bool) {
	l := r.log
	moved := make([]int, len(l.Lives))
	var kept []Life
	for i := range l.Lives {
		moved[i] = len(kept)
		if !goes(i) {
			kept = append(kept, l.Lives[i])
			continue
		}
		l.Folded.Lives++
		if first := l.Lives[i].gone.first; first > 1 {
			l.Folded.late[first]++
		}
		for _, id := range l.Lives[i].judged.ids() {
			l.Folded.roots[id]++
		}
	}
	l.Lives = kept
	for i := range l.Sessions {
		l.Sessions[i].Life = moved[l.Sessions[i].Life]
	}
}

// served tells whether a life had a session.
func (l *Life) served() bool { return len(l.Sessions)+l.gone.sessions > 0 }

// sentence tells what is not listed.
func (f *Folded) sentence() string {
	return fmt.Sprintf("%s in between were judged and only counted: %d of them went wrong", count(f.Sessions, "session", "sessions"), f.Faulty+f.Inconclusive)
}

// total is how many sessions were read.
func (l *Log) total() int { return len(l.Sessions) + l.Folded.Sessions }
