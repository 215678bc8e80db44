package diagnosis

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kennel-stream/kennel/internal/evidence"
)

//go:embed catalogue.json
var embedded []byte

// olderStages are the names of stages that earlier lists of Wolf's faults use,
// with ours: both may stand in a catalogue.
//
//go:embed stages.json
var olderStages []byte

// Sign is how a fault shows in a log.
type Sign struct {
	// Literal is in every line that the sign means, and has 8 bytes or more.
	Literal string `json:"literal"`
	// Regexp narrows it, on the line without colours; empty for no more than
	// the literal.
	Regexp string `json:"regexp,omitempty"`

	re *regexp.Regexp
}

// What a fault may be worth outside of a session.
const (
	OutsideNoise   = "noise"
	OutsidePerhaps = "perhaps"
)

// FamilyGPU is of the faults of a GPU that is full, worn or not set up.
const FamilyGPU = "gpu"

// Settle is a command for the host, and what its answer would mean.
type Settle struct {
	Run   string `json:"run"`
	Means string `json:"means"`
}

// String is both for people.
func (s Settle) String() string {
	if s.Run == "" {
		return ""
	}
	return s.Run + " (" + s.Means + ")"
}

// settled makes what would settle a doubt about an entry that does not say.
func (f *Fault) settled() Settle {
	switch {
	case f.Settle.Run != "" || f.Benign:
		return f.Settle
	case len(f.Signs) > 0 && strings.HasPrefix(f.Signs[0].Literal, "fault="):
		return Settle{"kennel sessions show ID", "The events before it, and the session's output, tell what led to it."}
	case len(f.Signs) > 0 && !strings.ContainsRune(f.Signs[0].Literal, '\''):
		return Settle{"docker logs wolf 2>&1 | grep -F -B20 -e '" + f.Signs[0].Literal + "'", "The last warning or error before it is the cause."}
	}
	return Settle{"docker logs --since 1h wolf 2>&1 | kennel doctor -", "The whole log of that time tells what came before."}
}

// Severity is how much a fault costs.
type Severity string

// The severities, worst first. Only Critical and High make a verdict.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// rank orders severities, the worst is 0.
func (s Severity) rank() int {
	return slices.Index([]Severity{Critical, High, Medium, Low, Info}, s)
}

// Fault is an entry of the catalogue.
type Fault struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Stage    evidence.Stage `json:"stage"`
	Severity Severity       `json:"severity"`
	// Family groups faults that are looked into by the same commands; FamilyGPU
	// or empty.
	Family string `json:"family,omitempty"`
	// Benign is noise: it is in good logs as well and is never a cause.
	Benign bool `json:"benign"`
	// Effect faults are as a rule only what others lead to: where no cause of one
	// shows, it is hidden rather than absent.
	Effect bool `json:"effect,omitempty"`
	// Doubt faults are no failure for sure: alone they make a log inconclusive.
	Doubt bool `json:"doubt,omitempty"`
	// Outside says what it is worth outside of a session: OutsideNoise is nothing,
	// OutsidePerhaps makes a log inconclusive. Empty is as much as within one.
	Outside string `json:"outside,omitempty"`
	// Costs is what is missing where all else works: "no sound".
	Costs string `json:"costs,omitempty"`
	Signs []Sign `json:"signs"`
	// Derived faults follow from what is there and what is not, whether they have
	// signs of their own or not.
	Derived bool `json:"derived"`
	// SeenBy are commands that show a fault which no log shows.
	SeenBy []string `json:"seen_by,omitempty"`
	// Meaning says what happened. FirstSession and LaterSession say how to read
	// it in the first session of a process, and after good ones.
	Meaning      string `json:"meaning"`
	FirstSession string `json:"first_session"`
	LaterSession string `json:"later_session"`
	// RestartHelps is "yes", "no", "first-session-no-later-yes" or "unknown".
	RestartHelps string `json:"restart_helps"`
	Cure         string `json:"cure"`
	// Vendors is other advice for GPUs of "nvidia", "amd" and "intel"; Platforms are
	// sentences that go behind the cure on "wsl2", "lxc" and "unraid".
	Vendors   map[string]Advice `json:"vendors,omitempty"`
	Platforms map[string]string `json:"platforms,omitempty"`
	// Settle is what would settle a doubt. Where an entry has none, one is made of
	// its sign; noise needs none.
	Settle Settle `json:"settle,omitzero"`
	// FalsePositives says when the sign means nothing.
	FalsePositives string `json:"false_positives"`
	// DependsOn are its usual causes: while one of them is present, this is an
	// effect.
	DependsOn []string `json:"depends_on"`
}

// Catalogue is all known faults.
type Catalogue struct {
	faults []Fault
	byID   map[string]int
	keep   limits
	// lexicon is made when the first log is read.
	lexicon func() *lexicon
}

// stages beside those of a session that faults belong to.
var outsideSessions = []evidence.Stage{"startup", "pair", "process"}

// Load reads the embedded catalogue and, if not empty, a user's own, whose
// entries replace those of the same id.
func Load(own []byte) (*Catalogue, error) {
	c := &Catalogue{byID: map[string]int{}, keep: usually}
	for _, raw := range [][]byte{embedded, own} {
		if len(raw) == 0 {
			continue
		}
		if err := c.add(raw); err != nil {
			return nil, err
		}
	}
	for _, f := range c.faults {
		for _, on := range f.DependsOn {
			if _, ok := c.byID[on]; !ok {
				return nil, evidence.Errorf(evidence.Invalid, "fault %q depends on %q, which does not exist", f.ID, on)
			}
		}
		if c.explains(f.ID, f.ID) {
			return nil, evidence.Errorf(evidence.Invalid, "fault %q depends on itself, by way of others", f.ID)
		}
	}
	c.lexicon = sync.OnceValue(func() *lexicon { return lexiconOf(c.faults) })
	return c, nil
}

func (c *Catalogue) add(raw []byte) error {
	var faults []Fault
	if err := json.Unmarshal(raw, &faults); err != nil {
		return evidence.Errorf(evidence.Invalid, "read the catalogue of faults: %w", err)
	}
	older := map[evidence.Stage]evidence.Stage{}
	if err := json.Unmarshal(olderStages, &older); err != nil {
		return evidence.Errorf(evidence.Internal, "read the older names of stages: %w", err)
	}
	for _, f := range faults {
		if ours, ok := older[f.Stage]; ok {
			f.Stage = ours
		}
		if err := f.prepare(); err != nil {
			return err
		}
		if i, ok := c.byID[f.ID]; ok {
			c.faults[i] = f
			continue
		}
		c.byID[f.ID] = len(c.faults)
		c.faults = append(c.faults, f)
	}
	return nil
}

// minLiteral is the least length of a literal: shorter ones would slow the
// search for all others.
const minLiteral = 8

func (f *Fault) prepare() error {
	problem := func(format string, args ...any) error {
		return evidence.Errorf(evidence.Invalid, "fault %q of the catalogue: %s", f.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case f.ID == "" || f.Name == "" || f.Meaning == "" || f.Cure == "":
		return problem("an id, a name, a meaning and a cure are needed")
	case f.Severity.rank() < 0:
		return problem("%q is not a severity", f.Severity)
	case !slices.Contains(outsideSessions, f.Stage) && !slices.Contains(evidence.Stages(), f.Stage):
		return problem("%q is not a stage", f.Stage)
	case len(f.Signs) == 0 && !f.Derived && len(f.SeenBy) == 0:
		return problem("it has no sign, is not derived, and no command in seen_by shows it")
	case f.Family != "" && f.Family != FamilyGPU:
		return problem("%q is not a family: use %q or none", f.Family, FamilyGPU)
	case (f.Settle.Run == "") != (f.Settle.Means == ""):
		return problem("settle needs both a command to run and what its answer means")
	case f.Doubt && (f.Benign || f.Severity.rank() <= High.rank()):
		return problem("it is a doubt, and is noise or of a severity that makes a verdict")
	case f.Outside != "" && f.Outside != OutsideNoise && f.Outside != OutsidePerhaps:
		return problem("%q is nothing that it can be worth outside of a session: use %q, %q or none", f.Outside, OutsideNoise, OutsidePerhaps)
	case f.Effect && (f.Benign || len(f.DependsOn) == 0):
		return problem("it is an effect, and names no fault in depends_on that it is an effect of")
	}
	f.Settle = f.settled()
	for i := range f.Signs {
		s := &f.Signs[i]
		if len(s.Literal) < minLiteral {
			return problem("the literal %q is shorter than %d bytes", s.Literal, minLiteral)
		}
		if s.Regexp == "" {
			continue
		}
		var err error
		if s.re, err = regexp.Compile(s.Regexp); err != nil {
			return problem("%s", err)
		}
	}
	return nil
}

// Faults lists all, in the catalogue's order.
func (c *Catalogue) Faults() []Fault { return slices.Clone(c.faults) }

// Fault returns the entry of an id.
func (c *Catalogue) Fault(id string) (Fault, bool) {
	i, ok := c.byID[id]
	if !ok {
		return Fault{}, false
	}
	return c.faults[i], true
}

// explains reports that cause is among what effect depends on, directly or by
// way of others.
func (c *Catalogue) explains(cause, effect string) bool {
	seen := map[string]bool{}
	var walk func(id string) bool
	walk = func(id string) bool {
		if seen[id] {
			return false
		}
		seen[id] = true
		for _, on := range c.faults[c.byID[id]].DependsOn {
			if _, ok := c.byID[on]; ok && (on == cause || walk(on)) {
				return true
			}
		}
		return false
	}
	return walk(effect)
}

// Explain is the entry for people.
func (f Fault) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s, stage %s", f.ID, f.Name, f.Severity, f.Stage)
	if f.Benign {
		b.WriteString(", noise")
	}
	if f.Effect {
		b.WriteString(", as a rule only an effect")
	}
	fmt.Fprintf(&b, "\n\n%s\n", f.Meaning)
	for _, part := range [][2]string{
		{"In the first session", f.FirstSession},
		{"After good sessions", f.LaterSession},
		{"Cure", f.Cure},
		{"A restart helps", f.RestartHelps},
		{"To be sure", f.Settle.String()},
		{"It means nothing when", f.FalsePositives},
		{"Usual causes", strings.Join(f.DependsOn, ", ")},
	} {
		if part[1] != "" && part[1] != "-" {
			fmt.Fprintf(&b, "%s: %s\n", part[0], part[1])
		}
	}
	for _, s := range f.Signs {
		fmt.Fprintf(&b, "Sign: %s\n", s.Literal)
	}
	if f.Derived {
		b.WriteString("It is concluded from what a log shows and what it does not.\n")
	}
	if len(f.SeenBy) > 0 {
		fmt.Fprintf(&b, "No log shows it; this does: %s\n", strings.Join(f.SeenBy, "; "))
	}
	return b.String()
}
