package diagnosis

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/escape"
)

// columns is the width of the report.
const columns = 80

// printer writes lines of at most columns, and keeps the first error.
type printer struct {
	w      io.Writer
	colour bool
	err    error
}

// painted is a text that is escaped already and holds colours of a terminal.
type painted string

// line writes a line. Its arguments can come from a log, and are escaped.
func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	for i, arg := range args {
		switch arg := arg.(type) {
		case painted, int, int64, float64:
		default:
			args[i] = escape.Text(fmt.Sprint(arg))
		}
	}
	_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
}

// row writes a line of a list, cut where it is too long.
func (p *printer) row(format string, args ...any) {
	text := []rune(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	if len(text) > columns {
		text = append(text[:columns-1], '…')
	}
	p.line("%s", string(text))
}

// Colours of terminals, by meaning.
const (
	red    = "\x1b[1;31m"
	green  = "\x1b[1;32m"
	yellow = "\x1b[1;33m"
	faint  = "\x1b[2m"
	bold   = "\x1b[1m"
)

func (p *printer) paint(colour, text string) painted {
	text = escape.Text(text)
	if !p.colour || text == "" {
		return painted(text)
	}
	return painted(colour + text + "\x1b[0m")
}

// para writes a text broken between words, each line after an indent, the first
// after a label.
func (p *printer) para(label, text string) {
	indent := strings.Repeat(" ", len(label))
	text = escape.Text(strings.Join(strings.Fields(text), " "))
	for line := range wrap(text, columns-len(label)) {
		p.line("%s%s", label, line)
		label = indent
	}
}

// wrap breaks a text into lines.
func wrap(text string, width int) func(func(string) bool) {
	return func(yield func(string) bool) {
		line := ""
		for word := range strings.FieldsSeq(text) {
			for len(word) > width {
				if line != "" && !yield(line) {
					return
				}
				line = ""
				cut := cutAt(word, width)
				if !yield(word[:cut]) {
					return
				}
				word = word[cut:]
			}
			if line != "" && len(line)+1+len(word) > width {
				if !yield(line) {
					return
				}
				line = word
				continue
			}
			line = strings.TrimSpace(line + " " + word)
		}
		if line != "" {
			yield(line)
		}
	}
}

// cutAt is where a word that is too long is broken: in a path after a part of it,
// else anywhere between two characters.
func cutAt(word string, width int) int {
	if slash := strings.LastIndexAny(word[:width], "/\\"); slash >= width/3 {
		return slash + 1
	}
	cut := width
	for cut > 0 && word[cut]&0xc0 == 0x80 {
		cut--
	}
	return cut
}

// unsure is the headline of an inconclusive verdict.
func (d *Diagnosis) unsure() string {
	if d.Root == nil && len(d.Candidates) > 1 && !d.doubtful() {
		return "Something broke, and more than one cause fits"
	}
	return "This log does not tell enough"
}

// doubtful tells whether the candidates are doubts, and no causes of something
// that is known to have broken.
func (d *Diagnosis) doubtful() bool {
	return d.Verdict == Inconclusive && len(d.Chain) == 0 && d.Reason != severalFit
}

// WriteText writes the report for people, of 80 columns: what broke, since when
// and what to do now come first.
func (d *Diagnosis) WriteText(w io.Writer, colour bool) error {
	p := &printer{w: w, colour: colour}
	switch d.Verdict {
	case OK:
		p.line("%s", p.paint(green, "Nothing wrong is to be seen"))
		p.para("", fmt.Sprintf("in %s with %s%s: %s.", count(int(d.Lines), "line", "lines"), count(d.total(), "session", "sessions"), d.span(), cmp.Or(d.Seen, "as far as it is compared")))
		if len(d.But) > 0 {
			p.para("It works, but: ", strings.Join(d.But, "; "))
		}
		p.line("")
	case Inconclusive:
		p.line("%s", p.paint(yellow, d.unsure()))
		p.para("Why:        ", d.Reason)
		if len(d.Candidates) == 0 {
			p.line("")
		}
		for i := range d.Candidates {
			d.Candidates[i].write(p, d)
		}
	default:
		d.Root.write(p, d)
	}
	if d.Recovered {
		p.para("", "A later start of the process shows none of it.")
	}
	for _, o := range d.Also {
		p.para("Also broke: ", d.AlsoSentence(o))
	}
	if !d.Debug && len(d.Sessions) > 0 {
		p.para("", "This log is of level INFO: most stages are not visible. Set WOLF_LOG_LEVEL=DEBUG to see them.")
	}
	d.writeChain(p)
	d.writeSessions(p)
	d.writeNotes(p)
	return p.err
}

func (d *Diagnosis) span() string {
	if d.From.IsZero() || !d.Dated {
		return ""
	}
	return fmt.Sprintf(", from %s to %s UTC", d.From.Format(time.DateTime), d.To.Format(time.DateTime))
}

// write is the first screen.
func (r *Root) write(p *printer, d *Diagnosis) {
	label := "What broke: "
	if d.doubtful() {
		label = "Perhaps:    "
	}
	p.line("%s", p.paint(red, label+r.Name)+p.paint(faint, "  ("+r.ID+")"))
	since := r.Since()
	if d.session(r.Session) != nil {
		since += ", in " + d.ordinal(r.Session)
	}
	p.para("Since when: ", since+place(r.Place))
	p.para("Do now:     ", r.Cure)
	switch r.RestartHelps {
	case "yes":
		p.para("            ", "A restart of Wolf helps, until it happens again.")
	case "no":
		p.para("            ", "A restart alone does not help.")
	}
	if r.Reading != "" {
		p.para("It means:   ", r.Reading)
	}
	p.para("How sure:   ", r.Confidence+"; "+strings.Join(r.For, "; "))
	for _, against := range r.Against {
		p.para("            but ", against)
	}
	if r.Settle.Run != "" {
		p.para("To be sure: ", r.Settle.Run)
		p.para("            ", r.Settle.Means)
	}
	p.line("")
}

// WriteConclusion repeats in few lines what WriteText begins with: on a terminal
// the beginning of a long report has moved out of sight.
func (d *Diagnosis) WriteConclusion(w io.Writer, colour bool) error {
	p := &printer{w: w, colour: colour}
	if d.Verdict == OK {
		return nil
	}
	p.line("")
	for i := range d.Candidates {
		r := &d.Candidates[i]
		label := "What broke: "
		if d.Root == nil {
			label = "Perhaps:    "
		}
		p.line("%s", p.paint(red, label+r.Name)+p.paint(faint, "  ("+r.ID+")"))
		p.para("Since when: ", r.Since()+place(r.Place))
		p.para("Do now:     ", r.Cure)
	}
	return p.err
}

// AlsoSentence tells of a fault that broke something else.
func (d *Diagnosis) AlsoSentence(o Other) string {
	text := fmt.Sprintf("%s (%s), %s", o.Name, o.ID, since(o.At))
	if d.session(o.Session) != nil {
		text += ", in session " + d.SessionName(o.Session)
	}
	if o.Count > 1 {
		text += fmt.Sprintf(", %d times in all", o.Count)
	}
	return text + place(o.Place)
}

func place(at Place) string {
	if at.File == "" {
		return ""
	}
	return " (" + at.String() + ")"
}

func (d *Diagnosis) session(i int) *Session {
	if i < 0 || i >= len(d.Sessions) {
		return nil
	}
	return &d.Sessions[i]
}

func (d *Diagnosis) writeChain(p *printer) {
	if len(d.Chain) == 0 {
		return
	}
	p.line("%s", p.paint(bold, "From the first sign to the end"))
	for i, link := range d.Chain {
		kind := "root"
		if len(link.EffectOf) > 0 {
			kind = "effect of " + strings.Join(link.EffectOf, ", ")
		}
		count := ""
		if link.Count > 1 {
			count = fmt.Sprintf(", %d times", link.Count)
		}
		p.para(fmt.Sprintf("%2d. %s ", i+1, stamp(link.At)), fmt.Sprintf("%s: %s%s", link.Fault, link.Name, count))
		p.para("      ", kind+place(link.Place))
		if link.Text != "" {
			p.para("      > ", link.Text)
		}
	}
	p.line("")
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return "--:--:--    "
	}
	return at.Format("15:04:05.000")
}

// shownSessions is how many sessions have a line of their own.
const shownSessions = 12

func (d *Diagnosis) writeSessions(p *printer) {
	if len(d.Sessions) == 0 {
		return
	}
	p.line("%s", p.paint(bold, fmt.Sprintf("Sessions (%d)", d.total())))
	from := max(0, len(d.Sessions)-shownSessions)
	if from > 0 {
		p.line("    %d earlier ones are in --format json", from)
	}
	if d.Folded.Sessions > 0 {
		p.line("    %s", d.Folded.sentence())
	}
	for i := from; i < len(d.Sessions); i++ {
		s := &d.Sessions[i]
		what := s.Verdict
		if s.Root != nil {
			what += " " + *s.Root
		}
		kind := ""
		if s.Resumed {
			kind = " resumed"
		}
		if len(d.Lives) > 1 {
			what += fmt.Sprintf(" (life %d, session %d)", d.Lives[s.Life].Number, s.Ordinal)
		}
		p.row(" %3d. %s  %-9s %-8s %s", s.Number, stamp(s.Began), s.Display+kind, s.End, what)
	}
	if slices.ContainsFunc(d.Sessions[from:], func(s Session) bool { return s.Display != "" }) {
		p.para("       ", weakCounter)
	}
	last := d.session(d.last())
	p.line("")
	p.line("%s", p.paint(bold, "Stages of session "+d.SessionName(d.last())))
	for _, r := range last.Stages {
		at := stamp(r.At)
		p.row("  %s  %-15s %-8s %s", at, r.Stage, r.State, r.Detail)
	}
	p.line("")
}

// SessionName is the place of a session in the list of all, from 1, with its
// life and ordinal where there are several lives.
func (d *Diagnosis) SessionName(i int) string {
	s := &d.Sessions[i]
	if len(d.Lives) == 1 {
		return fmt.Sprint(s.Number)
	}
	return fmt.Sprintf("%d (life %d, session %d)", s.Number, d.Lives[s.Life].Number, s.Ordinal)
}

// last is the session that is shown in detail: that of the root, else the last.
func (d *Diagnosis) last() int {
	if d.Root != nil && d.Root.Session >= 0 {
		return d.Root.Session
	}
	return len(d.Sessions) - 1
}

func (d *Diagnosis) writeNotes(p *printer) {
	var warnings, noise, aside []string
	for _, n := range d.Notes {
		text := fmt.Sprintf("%s (%s, %s)", n.Name, n.Fault, count(n.Count, "line", "lines"))
		switch {
		case n.Demoted != "":
			aside = append(aside, text+": "+n.Demoted)
		case n.Severity == Info:
			noise = append(noise, text)
		default:
			warnings = append(warnings, text)
		}
	}
	slices.Sort(noise)
	for i, text := range aside {
		label := "Does not count: "
		if i > 0 {
			label = "                "
		}
		p.para(label, text)
	}
	if len(warnings) > 0 {
		p.para("Also seen: ", strings.Join(warnings, "; "))
	}
	if len(noise) > 0 {
		p.para("Noise, of no meaning: ", strings.Join(noise, "; "))
	}
}
