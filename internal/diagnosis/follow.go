package diagnosis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// toldKey is a finding that was told: a fault of a session, or of a life, by
// their numbers.
type toldKey struct {
	fault         string
	session, life int // session is 0 for none
}

// Follow reads logs that grow, and tells of each finding once as it appears.
// What means nothing where it stands, or is noise, is not told, and neither what
// only the end of a log says. The sources end with ctx; then Follow returns what
// was read, without an error. tell is called by whoever calls Follow.
func (c *Catalogue) Follow(ctx context.Context, tell func(Link), sources ...Source) (*Log, error) {
	return c.read(context.WithoutCancel(ctx), tell, sources)
}

// Sentence tells of a link in a line.
func (l *Link) Sentence() string {
	at := stamp(l.At)
	if l.At.Year() > 1 {
		at = l.At.Format(time.DateOnly) + " " + at
	}
	text := fmt.Sprintf("%s %s: %s%s", at, l.Fault, l.Name, place(l.Place))
	if len(l.EffectOf) > 0 {
		text += ", effect of " + strings.Join(l.EffectOf, ", ")
	}
	return text
}

// notify tells of a finding, with those of the same list that usually cause it.
func (r *reader) notify(f *Finding, list []Finding) {
	entry := &r.c.faults[r.c.byID[f.Fault]]
	if r.tell == nil || entry.Benign {
		return
	}
	key := toldKey{fault: f.Fault, life: r.life().Number}
	if s := r.live(); s != nil {
		key.session = s.Number
	}
	if r.told[key] {
		return
	}
	if s := r.live(); s != nil && r.c.meaningless(f, s, r.life()) != "" || s == nil && r.c.outside(f, r.log, len(r.log.Lives)-1) != "" {
		return
	}
	r.told[key] = true
	f.clean()
	link := Link{Finding: *f, Name: entry.Name, Severity: entry.Severity, EffectOf: []string{}}
	for _, other := range list {
		if other.Fault != f.Fault && r.c.explains(other.Fault, f.Fault) {
			link.EffectOf = append(link.EffectOf, other.Fault)
		}
	}
	slices.Sort(link.EffectOf)
	r.tell(link)
}
