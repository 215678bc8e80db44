package diagnosis

import (
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// maxKeys bounds how many keys are known at a time; those of the oldest
	// sessions go first.
	maxKeys = 512
	// maxKey bounds their length, in bytes.
	maxKey = 256
	// usualKeys is how many a session has.
	usualKeys = 8
	// sameBreath is how soon after a line that names its session one that names
	// none belongs to the same.
	sameBreath = time.Second
	// keptFor is how long after its end lines may still name a session.
	keptFor = time.Minute
)

// router knows which of the sessions of a life a line is about. Sessions overlap:
// lines name them by Wolf's number of the client, by address and port of the
// control link, by the client's address, or by the name of a container. Of a
// client that came several times the newest session has its keys.
type router struct {
	keys    map[string]int
	holders map[int][]string // the keys of each session that has any
	newest  int              // session of the life, -1 for none
	ended   int              // the one that ended last, -1 for none
	named   int              // the one that a finding named last, -1 for none
	namedAt time.Time
	namedBy Place
	lull    time.Time // when a lobby ended last
}

func newRouter() router {
	return router{keys: map[string]int{}, holders: map[int][]string{}, newest: -1, ended: -1, named: -1}
}

// several tells whether lines may be of more than one session.
func (to *router) several() bool {
	return len(to.holders) > 1 || len(to.holders) == 1 && len(to.holders[to.newest]) == 0
}

// set ties a key to a session.
func (to *router) set(key string, session int) {
	to.forget(key)
	to.keys[key] = session
	held := to.holders[session]
	if held == nil {
		held = make([]string, 0, usualKeys)
	}
	to.holders[session] = append(held, key)
}

func (to *router) forget(key string) {
	i, ok := to.keys[key]
	if !ok {
		return
	}
	delete(to.keys, key)
	if left := slices.DeleteFunc(to.holders[i], func(k string) bool { return k == key }); len(left) > 0 {
		to.holders[i] = left
	} else {
		delete(to.holders, i)
	}
}

// forgetAll unties all keys of a session.
func (to *router) forgetAll(session int) {
	for _, key := range to.holders[session] {
		delete(to.keys, key)
	}
	delete(to.holders, session)
}

// learn ties a key to the session of this line. It is kept: one that is a part of
// a line would keep all of it, and must be a clone.
func (r *reader) learn(key string) {
	if to := &r.route; r.session >= 0 && key != "" && len(key) < maxKey && (len(to.keys) < maxKeys || to.keys[key] != 0) {
		to.set(key, r.session)
	}
}

// prune forgets the keys of sessions that are over, and of the oldest.
func (r *reader) prune(at time.Time) {
	to := &r.route
	for i := range to.holders {
		s := &r.log.Sessions[i]
		over := (s.End == EndQuit || s.End == EndApp) && at.Sub(s.lastEnd) > keptFor
		if over || i < to.newest-maxKeys/16 {
			to.forgetAll(i)
		}
	}
}

// learnFrom takes the keys out of a line that a session's marks stand in.
func (r *reader) learnFrom(m *mark, detail string, rec *record) {
	s := r.live()
	if s == nil {
		return
	}
	switch {
	case m.kind == requestLaunch || m.kind == requestResume:
		address, _, _ := strings.Cut(rec.line.Message, " ")
		s.address = cutText(strings.Clone(address))
		if i, ok := r.route.keys[s.address]; ok && m.kind == requestResume {
			r.introduce(r.log.Sessions[i].client) // a return logs no number of its own
		}
		r.learn(s.address)
	case m.kind == clientNumber:
		s.client = detail
		r.learn(detail)
	case m.kind == stageDone && m.stage == evidence.StageControl:
		eachKey(rec.line.Message, func(key string) bool { r.learn(strings.Clone(key)); return true })
	case m.kind == stageDone && m.stage == evidence.StageApp && strings.HasPrefix(detail, "/"):
		r.learn(detail)
		r.introduce(numberIn(detail))
	case m.stage == evidence.StageVideoPipeline || m.stage == evidence.StageAudioPipeline:
		r.introduce(rec.number)
	}
}

// introduce learns a client's number, "" for none, where the session has none.
func (r *reader) introduce(number string) {
	if s := r.live(); s.client == "" {
		s.client = number
		r.learn(number)
	}
}

// numberIn is the first number of a client in a text, "" for none.
func numberIn(text string) (number string) {
	eachKey(text, func(key string) bool {
		if !strings.Contains(key, ".") {
			number = strings.Clone(key)
		}
		return number != ""
	})
	return number
}

// sessionOf is the session that a line of a mark or a sign is about, -1 for none.
func (r *reader) sessionOf(rec *record, m *mark, detail string) int {
	to := &r.route
	if !to.several() {
		return to.newest
	}
	if m != nil && m.kind == clientNumber && r.log.Sessions[to.newest].client == "" {
		return to.newest
	}
	connects := m != nil && m.kind == stageDone && m.stage == evidence.StageControl
	begins := m != nil && (m.kind == stageBegan || m.kind == stageDone)
	if begins {
		// What has no number yet waits for this.
		if s := &r.log.Sessions[to.newest]; s.client == "" && s.End == EndOpen && !s.reached(m.stage) && !connects && m.stage != evidence.StageStreaming {
			return to.newest
		}
	}
	if i, ok := to.keys[detail]; ok && !begins {
		return i // a container, of which the same client's next may have the name
	}
	session := -1
	find := func(key string) bool {
		i, ok := to.keys[key]
		if connects && strings.Contains(key, ":") {
			ok = false // a port that was another session's before
		}
		if ok {
			session = i
		}
		return ok
	}
	if !eachKey(rec.line.Object, find) && !eachKey(rec.line.Message, find) && m != nil && (m.stage == evidence.StageVideoPipeline || m.stage == evidence.StageAudioPipeline) {
		eachKey(rec.text, find)
	}
	switch {
	case session >= 0:
		if m == nil {
			to.named, to.namedAt, to.namedBy = session, rec.at, rec.place
		}
		return session
	case m == nil:
		return r.guess(rec)
	case begins:
		return r.lacking(m.stage)
	}
	return r.open()
}

// guess is the session of a sign that names none.
func (r *reader) guess(rec *record) int {
	if r.route.breath(rec.at, rec.place) {
		return r.route.named
	}
	return r.open()
}

// breath tells of a line that comes right after one that named its session, by
// its time or its place.
func (to *router) breath(at time.Time, place Place) bool {
	near := place.File == to.namedBy.File && place.Line-to.namedBy.Line <= 2
	return to.named >= 0 && (near || at.Sub(to.namedAt).Abs() <= sameBreath)
}

// teardown gives a sign that each end of a session brings to the session that
// has just ended.
func (r *reader) teardown(fault string, at time.Time, place Place) {
	to := &r.route
	if to.several() && to.ended >= 0 && endNoise[fault] && at.Sub(r.log.Sessions[to.ended].lastEnd).Abs() <= skew && !to.breath(at, place) {
		r.session = to.ended
	}
}

// open is the newest session that goes on, else the one that ended last, else
// the newest.
func (r *reader) open() int {
	to := &r.route
	if to.newest < 0 || r.log.Sessions[to.newest].End == EndOpen {
		return to.newest
	}
	open := -1
	for i := range to.holders {
		if i > open && r.log.Sessions[i].End == EndOpen && r.current(i) {
			open = i
		}
	}
	switch {
	case open >= 0:
		return open
	case to.ended >= 0:
		return to.ended
	}
	return to.newest
}

// current tells whether a session is its client's newest.
func (r *reader) current(i int) bool {
	s := &r.log.Sessions[i]
	for _, key := range []string{s.client, s.address} {
		if key != "" {
			j, ok := r.route.keys[key]
			return ok && j == i
		}
	}
	return i == r.route.newest
}

// lacking is the session that a stage without a name is of: the newest, unless
// it has that already and another that goes on has not. Only who is connected
// streams.
func (r *reader) lacking(stage evidence.Stage) int {
	fits := func(i int) bool {
		s := &r.log.Sessions[i]
		return s.End == EndOpen && !s.reached(stage) && (stage != evidence.StageStreaming || s.reached(evidence.StageControl))
	}
	best := -1
	for i := range r.route.holders {
		if i > best && fits(i) && r.current(i) && r.log.Sessions[i].reached(evidence.StageLaunch) {
			best = i
		}
	}
	if fits(r.route.newest) || best < 0 {
		return r.route.newest
	}
	return best
}

// reached tells of a session that is being read whether a stage is done.
func (s *Session) reached(stage evidence.Stage) bool {
	rec := s.records.of(stage)
	return rec != nil && (rec.State == Done || rec.State == Failed)
}

// lulled tells of a time just after a lobby's end.
func (to *router) lulled(at time.Time) bool {
	return !to.lull.IsZero() && !at.Before(to.lull) && at.Sub(to.lull) <= skew
}

// endAll ends what goes on when the process is replaced.
func (r *reader) endAll(at time.Time) {
	end, when := EndRestart, at
	if !r.life().debug {
		end, when = EndHidden, time.Time{} // perhaps it ended long before
	}
	for _, i := range r.life().Sessions {
		if s := &r.log.Sessions[i]; s.End == EndOpen && (i == r.route.newest || r.current(i)) {
			s.End, s.Ended = end, when
		}
	}
}

// eachKey finds in a text what may name a session: numbers of clients, and
// addresses, with and without their port. It ends early, and returns true, where
// look does.
func eachKey(text string, look func(key string) bool) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			continue
		}
		end, dots, colon := i, 0, -1
		for ; end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || text[end] == ':'); end++ {
			switch {
			case text[end] == '.':
				dots++
			case text[end] == ':' && colon < 0:
				colon = end
			}
		}
		free := i == 0 || !letter(text[i-1])
		word := strings.TrimRight(text[i:end], ".:")
		switch {
		case !free:
		case dots == 0 && colon < 0 && len(word) >= 10 && len(word) <= 20:
			if look(word) {
				return true
			}
		case dots >= 3 && colon > i && len(word) > colon-i && look(word):
			return true
		case dots >= 3:
			address, _, _ := strings.Cut(word, ":")
			if look(address) {
				return true
			}
		}
		i = end
	}
	return false
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// moved corrects all indices of sessions; -1 is for one that is gone.
func (to *router) moved(place []int) {
	for _, i := range []*int{&to.newest, &to.ended, &to.named} {
		if *i >= 0 {
			*i = place[*i]
		}
	}
	keys := to.keys
	to.keys, to.holders = map[string]int{}, map[int][]string{}
	for key, i := range keys {
		if place[i] >= 0 {
			to.set(key, place[i])
		}
	}
}
