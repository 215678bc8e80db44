package diagnosis

import "github.com/kennel-stream/kennel/internal/logscan"

// lexicon is all that a reader looks for: signs of faults, and marks of the normal
// course of things. It is only read once it is made.
type lexicon struct {
	matcher *logscan.Matcher
	signs   []signOf // by the matcher's index
}

// signOf is what a literal is: a sign of a fault, or a mark.
type signOf struct {
	fault int
	sign  *Sign
	mark  *mark
	rule  pattern      // what narrows it
	about *surrounding // of the machine
	bad   bool         // it is neither, but shows a line that calls itself an error
}

// lexiconOf makes that of faults.
func lexiconOf(faults []Fault) *lexicon {
	l := &lexicon{}
	var literals []string
	for i := range faults {
		for n := range faults[i].Signs {
			s := &faults[i].Signs[n]
			literals = append(literals, s.Literal)
			l.signs = append(l.signs, signOf{fault: i, sign: s, rule: patternOf(s.re)})
		}
	}
	for i := range marks {
		literals = append(literals, marks[i].literal)
		l.signs = append(l.signs, signOf{mark: &marks[i], rule: patternOf(marks[i].re)})
	}
	for i := range surroundingLiterals {
		literals = append(literals, surroundingLiterals[i].literal)
		l.signs = append(l.signs, signOf{about: &surroundingLiterals[i].surrounding})
	}
	for _, literal := range errorLiterals {
		literals = append(literals, literal)
		l.signs = append(l.signs, signOf{bad: true})
	}
	l.matcher = logscan.NewMatcher(literals)
	l.matcher.MarkLow(debugMark)
	return l
}

// Literals are all that a reader looks for: signs of faults, and marks of the
// normal course of things.
func (c *Catalogue) Literals() []string { return c.lexicon().matcher.Literals() }
