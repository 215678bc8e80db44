package diagnosis

import (
	"strings"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// stamps counts at the end of a log how many lines tell a time.
type stamps struct{ lines, timed int }

// count counts lines; what belongs to the line before it, as the text of a
// pipeline does, is counted as well.
func (s *stamps) count(lines []string) {
	for _, text := range lines {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		s.lines++
		if l := wolflog.Parse(text); l.Clock != wolflog.NoClock || !l.Stamped.IsZero() {
			s.timed++
		}
	}
}

// leastTimed is the share of lines with a time, in percent, below which a log
// tells too little of what came when.
const leastTimed = 30

// advice is what to send instead of a log whose lines tell no time, "" for one
// that is well.
func (s *stamps) advice() string {
	if s.lines == 0 || s.timed*100 >= leastTimed*s.lines {
		return ""
	}
	return "most of its lines tell no time, so that nothing shows what came first: give the output of docker logs --timestamps as it is"
}
