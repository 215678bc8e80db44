package diagnosis

import (
	"strings"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// poll is a client's question what there is to play, and where it last stands.
// Clients ask every few seconds: in logs of level DEBUG most lines are that, so
// that they are looked for at the end of a log only.
type poll struct {
	address string
	at      Place
}

// pollsIn are those in the last lines of a source, of each client the last.
func pollsIn(lines []string, file string, count int64) (polls []poll) {
	last := map[string]int64{}
	for i, text := range lines {
		if !strings.Contains(text, "/serverinfo") {
			continue
		}
		l := wolflog.Parse(strings.TrimSpace(text))
		address, request, _ := strings.Cut(l.Message, " ")
		if l.Shape == wolflog.Wolf && strings.HasPrefix(request, "[GET] HTTP") {
			last[address] = count - int64(len(lines)-1-i)
		}
	}
	for address, line := range last {
		polls = append(polls, poll{address, Place{file, line}})
	}
	return polls
}

// polled notes which clients left and are still there.
func (r *reader) polled(polls []poll) {
	for i := range r.log.Sessions {
		s := &r.log.Sessions[i]
		stop := s.records.of(evidence.StageStop)
		if s.End != EndLeft || stop == nil {
			continue
		}
		for _, p := range polls {
			if p.address == s.address && p.at.File == stop.File && p.at.Line > stop.Line {
				s.cameBack = true
			}
		}
	}
}
