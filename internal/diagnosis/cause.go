package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Verdicts.
const (
	OK           = "ok"
	Faulty       = "fault"
	Inconclusive = "inconclusive"
)

// Link is a fault in the chain from the first sign to the final result.
type Link struct {
	Finding
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	// EffectOf are the faults before it that usually cause it; empty for a root.
	EffectOf []string `json:"effect_of"`
}

// Root is what began it.
type Root struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Confidence is "high", "medium" or "low"; For and Against are its reasons.
	Confidence string   `json:"confidence"`
	For        []string `json:"for"`
	Against    []string `json:"against"`
	// Reading says what it means here, in a first or a later session.
	Reading      string `json:"reading"`
	Cure         string `json:"cure"`
	RestartHelps string `json:"restart_helps"`
	// Settle is what would settle a doubt.
	Settle Settle    `json:"settle"`
	At     time.Time `json:"at"`
	Place
	// Session is the index of the session in which it shows, -1 for none.
	Session int `json:"session"`

	family string
}

// Diagnosis is what a log says.
type Diagnosis struct {
	Version int `json:"version"`
	// Verdict is OK, Faulty or Inconclusive.
	Verdict string `json:"verdict"`
	// Root is null where nothing is wrong, or where several would fit:
	// Candidates has those.
	Root       *Root  `json:"root"`
	Candidates []Root `json:"candidates"`
	Chain      []Link `json:"chain"`
	// Recovered says that a later life of the process shows none of it.
	Recovered bool `json:"recovered"`
	// Also are what broke besides, at other times; the root is the worst of all.
	Also []Other `json:"also"`
	// Seen is what shows that all is well, where the verdict is OK; But is what a
	// player misses all the same. Reason is why it is Inconclusive.
	Seen   string   `json:"seen,omitempty"`
	But    []string `json:"but"`
	Reason string   `json:"reason,omitempty"`
	// Notes are findings that make no verdict: warnings, and noise.
	Notes []Link `json:"notes"`
	*Log
}

// skew is by how much lines of one moment may stand in the wrong order.
const skew = 2 * time.Second

// Diagnose finds the cause.
func (c *Catalogue) Diagnose(l *Log) *Diagnosis {
	c.settle(l)
	d := &Diagnosis{Version: 1, Verdict: OK, Candidates: []Root{}, Chain: []Link{}, Also: []Other{}, But: []string{}, Notes: []Link{}, Log: l}
	scopes := c.scopes(l)
	if worst := worstOf(scopes); worst != nil {
		c.conclude(d, worst)
		d.others(c, scopes, worst)
	} else if s, ends := c.cutOff(l); len(ends) > 0 {
		d.Verdict, l.Sessions[s].Verdict = Inconclusive, Inconclusive
		for _, f := range ends {
			d.Candidates = append(d.Candidates, c.root(f, &scope{c: c, life: l.Sessions[s].Life, session: s, roots: ends}, l))
		}
	}
	c.assure(d)
	d.note(c, l)
	return d
}

// conclude takes over what a scope says.
func (c *Catalogue) conclude(d *Diagnosis, sc *scope) {
	d.Verdict, d.Chain = sc.verdict, sc.chain
	for _, f := range sc.roots {
		d.Candidates = append(d.Candidates, c.root(f, sc, d.Log))
	}
	if d.Verdict == Faulty {
		d.Root = &d.Candidates[0]
	}
	d.Recovered = sc.life < len(d.Lives)-1
	for _, r := range d.Candidates {
		d.Recovered = d.Recovered && !d.shownAfter(sc.life, r.ID)
	}
}

func hasGrave(c *Catalogue, findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return c.grave(f.Fault) })
}

// grave faults make a verdict.
func (c *Catalogue) grave(id string) bool {
	f := c.faults[c.byID[id]]
	return !f.Benign && f.Severity.rank() <= High.rank()
}

// judge finds the roots among a scope's findings and the chain that follows.
func (sc *scope) judge() {
	sc.verdict, sc.roots, sc.chain = OK, nil, nil
	var serious []Finding
	for _, f := range sc.findings {
		if !sc.c.faults[sc.c.byID[f.Fault]].Benign {
			serious = append(serious, f)
		}
	}
	if !hasGrave(sc.c, serious) {
		return
	}
	slices.SortStableFunc(serious, func(a, b Finding) int { return a.At.Compare(b.At) })
	causes := map[string][]string{}
	for _, f := range serious {
		causes[f.Fault] = sc.causesOf(f, serious)
	}
	for _, f := range serious {
		grave := sc.c.grave(f.Fault)
		if len(causes[f.Fault]) == 0 && (grave || sc.explainsGrave(f, serious, causes)) {
			sc.roots = append(sc.roots, f)
		}
		if grave || slices.ContainsFunc(sc.roots, func(r Finding) bool { return r.Fault == f.Fault }) {
			entry := sc.c.faults[sc.c.byID[f.Fault]]
			sc.chain = append(sc.chain, Link{Finding: f, Name: entry.Name, Severity: entry.Severity, EffectOf: append([]string{}, causes[f.Fault]...)})
		}
	}
	sc.choose()
}

// causesOf are the findings that explain f: its usual causes, at or before it.
func (sc *scope) causesOf(f Finding, all []Finding) (ids []string) {
	for _, other := range all {
		if sc.saysWhat(other, f) {
			ids = append(ids, other.Fault)
			continue
		}
		if other.Fault == f.Fault || !sc.c.explains(other.Fault, f.Fault) || other.At.After(f.At.Add(skew)) {
			continue
		}
		if !other.over.IsZero() && f.At.After(other.over.Add(skew)) {
			continue // what is over explains nothing later
		}
		// An end without a word needs every link between, for most faults end nothing.
		if f.Fault == "wolf-killed" && !sc.linked(other.Fault, f.Fault, all) {
			continue
		}
		// What many live with kills nobody, unless that is its very moment.
		if f.Fault == "wolf-killed" && !sc.c.grave(other.Fault) && !rightAfter(f.At, other.Last, lastWords) {
			continue
		}
		ids = append(ids, other.Fault)
	}
	known := slices.ContainsFunc(ids, sc.c.grave)
	// A process that ends without a word: its last words before are the cause.
	if f.Fault == "wolf-killed" {
		for _, other := range all {
			if other.Fault == "pulse-none" && strings.Contains(f.Text, "sound") {
				ids = append(ids, other.Fault)
			}
		}
		for _, other := range all {
			entry := sc.c.faults[sc.c.byID[other.Fault]]
			if known {
				break // what is known to end a process was said
			}
			if other.Fault != f.Fault && entry.Stage != "startup" && entry.Severity.rank() <= Medium.rank() && rightAfter(f.At, other.Last, lastWords) {
				ids = append(ids, other.Fault)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// saysWhat tells whether a finding is of the very line of an effect, and says
// what that is an effect of: "Unhandled exception: no such device".
func (sc *scope) saysWhat(f, effect Finding) bool {
	return f.Fault != effect.Fault && f.Place == effect.Place && f.Place.Line > 0 && !f.Derived && !effect.Derived &&
		sc.c.faults[sc.c.byID[effect.Fault]].Effect && !sc.c.faults[sc.c.byID[f.Fault]].Effect
}

// linked tells whether a fault leads to another by way of what is there.
func (sc *scope) linked(cause, effect string, all []Finding) bool {
	return slices.ContainsFunc(sc.c.faults[sc.c.byID[effect]].DependsOn, func(on string) bool {
		there := func(f Finding) bool { return f.Fault == on }
		return on == cause || slices.ContainsFunc(all, there) && sc.linked(cause, on, all)
	})
}

// explainsGrave tells whether a lesser finding is the cause of a grave one.
func (sc *scope) explainsGrave(f Finding, all []Finding, causes map[string][]string) bool {
	for _, other := range all {
		if sc.c.grave(other.Fault) && slices.Contains(causes[other.Fault], f.Fault) {
			return true
		}
	}
	return false
}

// choose keeps one root, or those between which nothing decides.
func (sc *scope) choose() {
	if len(sc.roots) == 0 {
		// Each explains another: the first sign is the best guess.
		sc.verdict, sc.roots = Inconclusive, []Finding{sc.chain[0].Finding}
		return
	}
	slices.SortStableFunc(sc.roots, func(a, b Finding) int { return cmp.Or(sc.weigh(a).compare(sc.weigh(b)), a.At.Compare(b.At)) })
	first := sc.roots[0]
	rivals := slices.DeleteFunc(slices.Clone(sc.roots[1:]), func(f Finding) bool {
		return sc.weigh(f).compare(sc.weigh(first)) != 0 || f.At.Sub(first.At).Abs() > skew
	})
	sc.verdict, sc.roots = Faulty, append([]Finding{first}, rivals...)
	if len(rivals) > 0 {
		sc.verdict = Inconclusive
	}
}

// weight is what speaks for a root against others, the strongest first; less is
// more. None stands between two of one weight that come at one moment.
type weight [5]int

func (w weight) compare(other weight) int { return slices.Compare(w[:], other[:]) }

func (sc *scope) weigh(f Finding) weight {
	entry := &sc.c.faults[sc.c.byID[f.Fault]]
	effect, idle, worst := 0, 1, entry.Severity.rank()
	if entry.Effect {
		effect = 1
	}
	for _, link := range sc.chain {
		if slices.Contains(link.EffectOf, f.Fault) {
			idle, worst = 0, min(worst, link.Severity.rank())
		}
	}
	return weight{
		effect,                       // what is a cause of its own
		worst,                        // the worst that it is or leads to
		idle,                         // whether it leads to anything
		min(1, len(entry.DependsOn)), // whether others are known to lead to it
		entry.Severity.rank(),
	}
}

// root describes one with its reasons.
func (c *Catalogue) root(f Finding, sc *scope, l *Log) Root {
	entry := c.faults[c.byID[f.Fault]]
	r := Root{
		ID: f.Fault, Name: entry.Name, Cure: entry.Cure, RestartHelps: entry.RestartHelps, Settle: entry.Settle, family: entry.Family, At: f.At, Place: f.Place, Session: sc.session,
		For: []string{}, Against: []string{}, Reading: entry.FirstSession, Confidence: "high",
	}
	later := sc.session >= 0 && l.worn(sc.session)
	if later {
		r.Reading = entry.LaterSession
	}
	if entry.RestartHelps == "first-session-no-later-yes" {
		r.RestartHelps = "no"
		if later {
			r.RestartHelps = "yes"
		}
	}
	var effects []string
	for _, link := range sc.chain {
		if slices.Contains(link.EffectOf, f.Fault) {
			effects = append(effects, link.Fault)
		}
	}
	if len(effects) > 0 {
		r.For = append(r.For, "it comes first, and is a usual cause of what follows: "+strings.Join(effects, ", "))
	} else {
		r.For = append(r.For, "nothing before it explains it")
	}
	l.surroundings.fit(&r, &entry)
	if f.Derived {
		r.Confidence = "medium"
		r.Against = append(r.Against, "no line says so: it follows from what is there and what is not")
	}
	if n := l.wellAfter(sc.session); n > 0 {
		r.Against = append(r.Against, fmt.Sprintf("%s after it went well", count(n, "session", "sessions")))
	}
	if entry.FalsePositives != "" && entry.FalsePositives != "-" {
		r.Against = append(r.Against, "it would mean nothing when: "+entry.FalsePositives)
	}
	sc.doubtRoot(&r, f, l)
	if entry.Effect {
		r.Confidence = "low"
		r.Against = append(r.Against, sc.unexplained(f)...)
	}
	if entry.Doubt {
		r.Confidence = "low"
	}
	if len(sc.roots) > 1 {
		r.Confidence = "low"
	}
	return r
}

// unexplained says of an effect what may have led to it.
func (sc *scope) unexplained(f Finding) []string {
	why := []string{"it is usually an effect; its cause is not in this log"}
	if causes := sc.c.faults[sc.c.byID[f.Fault]].DependsOn; len(causes) > 0 {
		why[0] += ", such as " + strings.Join(causes[:min(len(causes), mostDoubts)], ", ")
	}
	return why
}

// doubtRoot lowers the confidence in a root before which something stands that
// the doctor does not know, or whose own causes may lie before the log.
func (sc *scope) doubtRoot(r *Root, f Finding, l *Log) {
	entry, life := &sc.c.faults[sc.c.byID[f.Fault]], &l.Lives[sc.life]
	before := slices.Clone(life.Findings)
	if sc.session >= 0 {
		before = append(before, l.Sessions[sc.session].Findings...)
	}
	for _, other := range before {
		if other.Fault == UnknownError && f.Fault != UnknownError && !other.At.After(f.At.Add(skew)) {
			r.Against = append(r.Against, "the log shows an error that the doctor does not know: "+other.Text)
			r.Confidence = "medium"
			break
		}
	}
	if len(entry.DependsOn) > 0 && !life.Whole && !entry.Effect {
		r.Against = append(r.Against, "the log does not show the start of the process: its own causes may lie before")
		r.Confidence = "medium"
	}
}

// wellAfter counts the listed sessions after one that went well.
func (l *Log) wellAfter(session int) (n int) {
	if session < 0 {
		return 0
	}
	for i := session + 1; i < len(l.Sessions); i++ {
		if s := &l.Sessions[i]; s.Verdict == OK && s.streamed() {
			n++
		}
	}
	return n
}

// worn tells whether sessions went well in the process before this one, or its
// counters say that there were some.
func (l *Log) worn(session int) bool {
	s := &l.Sessions[session]
	for _, n := range s.Elements {
		if n > 1 {
			return true
		}
	}
	if before(l.Lives[s.Life].gone.good, s.Number) {
		return true
	}
	for _, i := range l.Lives[s.Life].Sessions {
		if i < session && !l.Sessions[i].Resumed && l.Sessions[i].done(evidence.StageControl) {
			return true
		}
	}
	return false
}

// note lists what made no verdict.
func (d *Diagnosis) note(c *Catalogue, l *Log) {
	seen := map[string]bool{}
	for _, link := range d.Chain {
		seen[link.Fault] = true
	}
	for _, o := range d.Also {
		seen[o.ID] = true
	}
	add := func(findings []Finding) {
		for _, f := range findings {
			if seen[f.Fault] {
				continue
			}
			seen[f.Fault] = true
			entry := c.faults[c.byID[f.Fault]]
			d.Notes = append(d.Notes, Link{Finding: f, Name: entry.Name, Severity: entry.Severity, EffectOf: []string{}})
		}
	}
	for _, life := range l.Lives {
		add(life.Findings)
	}
	for i, s := range l.Sessions {
		if s.Number != i+1 {
			add(l.Folded.notes) // of those before it
		}
		add(s.Findings)
	}
	for _, life := range l.Lives {
		add(life.aside)
	}
	for i := range l.Sessions {
		add(l.Sessions[i].aside)
	}
	add(l.Folded.notes)
}

// Since is when what broke first showed, for people.
func (r *Root) Since() string { return since(r.At) }

func since(at time.Time) string {
	if at.IsZero() {
		return "at a time that the log does not tell"
	}
	if at.Year() <= 1 {
		return "at " + at.Format("15:04:05")
	}
	return "on " + at.Format("2006-01-02 15:04:05") + " UTC"
}

// String is the place as file:line, "" for none.
func (p Place) String() string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
