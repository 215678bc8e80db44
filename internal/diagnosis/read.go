package diagnosis

import (
	"context"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/logscan"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// Source is a log with its name.
type Source struct {
	Name   string
	Reader io.Reader
}

// reader turns lines into a Log.
type reader struct {
	c *Catalogue
	*lexicon
	log     *Log
	session int // index of the one that the line at hand is about, -1 for none
	route   router
	late    lateOutput
	before  time.Time // of the line before that at hand
	ended   time.Time // of the last line before the start of the process at hand
	// Of a log that is followed: who is told of findings, and of which.
	tell func(Link)
	told map[toldKey]bool

	folder  folder
	details map[string]string // without secrets, by what they were
	// The numbers of the newest session and life.
	sessions, lives int
}

// Read reads logs. Those that tell when their lines were written are put
// together in the order of time; see merge.go. It ends early with the error of
// ctx.
func (c *Catalogue) Read(ctx context.Context, sources ...Source) (*Log, error) {
	return c.read(ctx, nil, sources)
}

func (c *Catalogue) read(ctx context.Context, tell func(Link), sources []Source) (*Log, error) {
	began := time.Now()
	r := &reader{
		c: c, lexicon: c.lexicon(), log: &Log{Lives: []Life{{Number: 1, Findings: []Finding{}, Sessions: []int{}}}, Sessions: []Session{}}, session: -1, route: newRouter(), lives: 1,
		tell: tell, told: map[toldKey]bool{}, details: map[string]string{},
	}
	for _, s := range sources {
		r.log.Files = append(r.log.Files, s.Name)
	}
	streams, err := r.streams(sources)
	if err != nil {
		return nil, err
	}
	if len(streams) == 1 {
		err = r.scan(ctx, streams[0], runtime.GOMAXPROCS(0), func(rec *record) error { r.take(rec); return nil })
	} else {
		err = r.merge(ctx, streams)
	}
	if err != nil {
		return nil, err
	}
	r.finish(streams)
	r.log.Took = time.Since(began)
	return r.log, nil
}

// scan gives the lines of a stream that hold a sign or a mark.
func (r *reader) scan(ctx context.Context, st *stream, workers int, give func(*record) error) error {
	for _, s := range st.sources {
		st.end.from = s.Reader
		stats, err := logscan.ScanBy(ctx, r.matcher, workers, &st.end, r.look, func(number int64, low bool, rec *record) error {
			rec.place, rec.debug = Place{s.Name, number}, low
			r.date(st, rec)
			return give(rec)
		})
		if err != nil {
			return evidence.Errorf(evidence.Invalid, "%s: %w", s.Name, err)
		}
		st.ends(s.Name, stats.Lines)
		st.debug = st.debug || stats.Low
		st.bytes, st.lines = st.bytes+stats.Bytes, st.lines+stats.Lines
	}
	return nil
}

// tail keeps the end of what is read through it.
type tail struct {
	from io.Reader
	last []byte
}

// keptTail is how much that is, in bytes: some lines.
const keptTail = 16 << 10

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	if n >= keptTail {
		t.last = append(t.last[:0], p[n-keptTail:n]...)
	} else if n > 0 {
		t.last = append(t.last, p[:n]...)
		t.last = t.last[max(0, len(t.last)-keptTail):]
	}
	return n, err
}

// ends looks for the time of the last line, whether it has a sign or not, and
// for who polls.
func (st *stream) ends(file string, count int64) {
	lines := strings.Split(strings.ToValidUTF8(strings.TrimSuffix(string(st.end.last), "\n"), ""), "\n")
	st.end.last = st.end.last[:0]
	st.polls = append(st.polls, pollsIn(lines, file, count)...)
	st.ended.count(lines)
	for _, text := range slices.Backward(lines[min(1, len(lines)-1):]) {
		l := wolflog.Parse(strings.TrimSpace(text))
		if l.Shape != wolflog.Wolf {
			continue
		}
		if at, dated := st.dater.Date(&l); dated && at.After(st.to) {
			st.to = at
		}
		return
	}
}

// take books a line.
func (r *reader) take(rec *record) {
	l := &rec.line
	if rec.dated && !rec.at.IsZero() {
		if r.log.From.IsZero() {
			r.log.From = rec.at
		}
		r.before, r.log.To = r.log.To, rec.at
		r.log.Dated = r.log.Dated || rec.at.Year() > 1
		if life := r.life(); life.Whole && life.Started.IsZero() {
			life.Started = rec.at // its first line tells no time
		}
	}
	if rec.debug || l.Shape == wolflog.Wolf && (l.Level == "DEBUG" || l.Level == "TRACE") {
		r.log.Debug, r.life().debug = true, true
	}
	for _, about := range rec.about {
		r.log.surroundings.learn(about, l.Message)
	}
	r.late.closes(rec)
	marked := false
	for _, f := range rec.fits {
		if m := r.signs[f.sign].mark; m != nil {
			if m.kind == processStart {
				r.ended = rec.ended
			}
			if m.kind == ownEvent {
				marked = l.Shape == wolflog.Kennel
				r.own(rec)
				continue
			}
			marked = true
			r.session = r.sessionOf(rec, m, f.detail)
			r.mark(m, f.detail, rec.at, rec.place)
			r.learnFrom(m, f.detail, rec)
			if s := r.live(); s != nil && m.stage == evidence.StageVideoPipeline {
				s.Encoder = rec.encoder
			}
		}
	}
	if !marked {
		r.session = r.sessionOf(rec, nil, "")
	}
	if s := r.live(); s != nil && l.Clock == wolflog.SinceStart {
		s.Age = l.Time
	}
	for _, f := range rec.fits {
		if s := &r.signs[f.sign]; s.mark == nil {
			r.found(s.fault, l, rec.at, rec.place)
		}
	}
	if rec.unknown && !marked {
		r.found(r.c.byID[UnknownError], l, rec.at, rec.place)
	}
}

// maxFindings bounds the different findings of a session; there are no more
// faults than that in the catalogue, unless a user's is huge.
const maxFindings = 1000

// mostRaw is how long a line may be to be kept whole until its secrets are looked
// for: one must be complete to be seen.
const mostRaw = 512

// found books a sign with the live session, or with the process's life.
func (r *reader) found(fault int, l *wolflog.Line, at time.Time, place Place) {
	f := &r.c.faults[fault]
	r.teardown(f.ID, at, place)
	late := r.late.on
	if late {
		if f.Stage != evidence.StageApp {
			r.setAside(f.ID, l, at, place, "an app printed it, and it says nothing of Wolf")
			return
		}
		at = r.late.date(r.live(), l, at)
	}
	if f.ID == meterDark && !gpuMeter.MatchString(l.Message) {
		r.setAside(f.ID, l, at, place, "the meter is not of a GPU")
		return
	}
	if endNoise[f.ID] && r.route.lulled(at) {
		r.setAside(f.ID, l, at, place, "the end of each lobby brings it")
		return
	}
	list, index := &r.life().Findings, &r.life().faults
	if s := r.live(); s != nil && f.Stage != "startup" {
		list, index = &s.Findings, &s.faults
		s.count(l.Object)
	}
	if *index == nil {
		*index = map[string]int{}
	}
	if i, ok := (*index)[f.ID]; ok {
		f := &(*list)[i]
		f.Count++
		f.Last, f.lastPlace, f.over = at, place, time.Time{}
		r.notify(f, *list)
		return
	}
	if len(*list) >= maxFindings {
		return
	}
	(*index)[f.ID] = len(*list)
	*list = append(*list, Finding{
		Fault: f.ID, Place: place, At: at, Dated: at.Year() > 1, Text: strings.TrimSpace(string(l.Level) + " " + l.Message),
		Count: 1, Last: at, lastPlace: place, late: late, Object: strings.Clone(l.Object), raw: true,
	})
	if one := &(*list)[len(*list)-1]; len(one.Text)+len(one.Object) > mostRaw {
		one.clean()
	}
	r.notify(&(*list)[len(*list)-1], *list)
	if s := r.live(); s != nil && !f.Benign && f.Severity.rank() <= High.rank() {
		if rec := s.records.of(f.Stage); rec != nil && rec.State != Failed {
			rec.was = &StageRecord{State: rec.State, Detail: rec.Detail}
			rec.State, rec.Detail, rec.FailedAt = Failed, f.ID, at
		}
	}
}

// encoderName is a GStreamer element that encodes video.
var encoderName = regexp.MustCompile(`^(?:(?:nv(?:cuda|d3d11|auto)?|va(?:api)?|qsv|x|open|amf|mf|v4l2)(?:h?26[45]|av1|vp9|h264|h265)(?:lp)?enc|(?:svtav1|av1|rav1)enc)$`)

// encoderIn finds the first such name that is a word of a text. Pipelines are
// long, and a search by the expression alone would begin anew at every word.
func encoderIn(text string) string {
	const suffix = "enc"
	for at := 0; ; {
		i := strings.Index(text[at:], suffix)
		if i < 0 {
			return ""
		}
		begin, end := at+i, at+i+len(suffix)
		for begin > 0 && wordByte(text[begin-1]) {
			begin--
		}
		if (end == len(text) || !wordByte(text[end])) && encoderName.MatchString(text[begin:end]) {
			return strings.Clone(text[begin:end])
		}
		at = end
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

var numbered = regexp.MustCompile(`^<?([a-z](?:[a-z0-9_]*[a-z_])?)(\d{1,6})>?$`)

// maxKind and maxKinds bound the kinds of elements and their names, in bytes.
const maxKind, maxKinds = 64, 100

// count keeps the highest number of an element's kind.
func (s *Session) count(object string) {
	m := numbered.FindStringSubmatch(object)
	if m == nil {
		return
	}
	n, _ := strconv.Atoi(m[2])
	if s.Elements == nil {
		s.Elements = map[string]int{}
	}
	kind := m[1]
	if len(kind) > maxKind || len(s.Elements) >= maxKinds {
		return
	}
	if _, known := s.Elements[kind]; !known {
		kind = strings.Clone(wolflog.Redact(kind))
	}
	s.Elements[kind] = max(s.Elements[kind], n)
}

func cutText(text string) string {
	const most = 240
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func (r *reader) life() *Life { return &r.log.Lives[len(r.log.Lives)-1] }

func (r *reader) live() *Session {
	if r.session < 0 {
		return nil
	}
	return &r.log.Sessions[r.session]
}

// mark follows the course of things.
func (r *reader) mark(m *mark, detail string, at time.Time, place Place) {
	switch m.kind {
	case processStart:
		r.restart(at)
		r.life().own = m.literal == kennelUp
	case processReady:
		r.life().Ready = true
		r.listens("HTTPS", at)
	case listening:
		r.listens(detail, at)
	case requestLaunch, requestResume:
		r.begin(at, m.kind == requestResume)
		r.live().leftBefore = r.life().left
		r.stage(m.stage, Done, detail, at, place)
	case launchSign:
		// Each port once per launch.
		if s := r.live(); s == nil || s.port == detail || s.End != EndOpen {
			r.begin(at, false)
			r.claim(at)
		}
		if s := r.live(); s.port == "" {
			s.port = detail
		}
	case pairBegan:
		r.life().pairing, r.life().gaveUp = &Finding{At: at, Place: place}, false
	case pairGivenUp:
		r.life().gaveUp = r.life().pairing != nil
	case paired:
		r.life().pairing, r.life().paired = nil, true
		r.cleared(at)
	case sinkRemoved, clientUnknown:
		if s := r.live(); s != nil {
			s.removed = time.Time{}
			if m.kind == sinkRemoved {
				s.removed = at
			}
		}
	case padFailed:
		if s := r.live(); s != nil {
			s.padFailed = at
		}
	case mdnsBegan:
		r.life().announced = at
	case frameFed:
		if s := r.live(); s != nil {
			s.fed = true
		}
	case signalled:
		r.signal(detail, at, place)
	case requestCancel:
		if r.live() == nil {
			r.life().unknownCancel = &Finding{At: at, Place: place}
		}
		if s := r.live(); s != nil {
			s.End, s.lastEnd, r.route.ended = EndQuit, at, r.session
			if s.Ended.IsZero() {
				s.Ended = at // else it ended before, and this only confirms it
			}
			r.stage(m.stage, Done, "the client quit", at, place)
		}
	case stageBegan, stageDone:
		r.progress(m, detail, at, place)
	case clientGone, paused, stopped, appEnded:
		r.ending(m, detail, at, place)
	case lobbyEnded:
		r.route.lull = at
	case appOutput:
		r.late = lateOutput{on: true, at: at, file: place.File}
	}
}

// signal books that somebody asked the process to stop: its sessions end by that.
func (r *reader) signal(number string, at time.Time, place Place) {
	life := r.life()
	if life.signal != nil || !slices.Contains([]string{"2", "3", "15"}, number) {
		return
	}
	life.signal = &Finding{At: at, Place: place}
	r.endAll(at)
}

// progress books a stage; one that is done already begins another session where
// launches are not logged.
func (r *reader) progress(m *mark, detail string, at time.Time, place Place) {
	if m.stage == evidence.StageAPI {
		// Not of the session that runs, if any, but perhaps of the next.
		r.life().api = &StageRecord{Stage: m.stage, State: Done, At: at, Detail: wolflog.Redact(detail), Place: place}
		return
	}
	s := r.live()
	again := s != nil && m.kind == stageDone && inInfo(m.stage) && s.records.of(m.stage) != nil && s.records.of(m.stage).State == Done && s.records.of(evidence.StageLaunch) == nil
	if s == nil || again {
		if m.stage == evidence.StageStreaming {
			return
		}
		r.begin(at, false)
		r.claim(at)
	}
	state := Done
	if m.kind == stageBegan {
		state = Began
	}
	r.stage(m.stage, state, detail, at, place)
}

// ending books what ends a session, or only its stream.
func (r *reader) ending(m *mark, detail string, at time.Time, place Place) {
	s := r.live()
	if s == nil {
		if m.kind == clientGone || m.kind == paused {
			r.life().left = at
		}
		return
	}
	if m.kind == appEnded && !s.owns(r.redacted(detail)) || m.kind == stopped && r.route.lulled(at) {
		return // of a lobby that it was in
	}
	s.lastEnd, r.route.ended = at, r.session
	s.appStopped = s.appStopped || m.kind == appEnded
	switch {
	case m.kind == appEnded && s.End == EndLeft && rightAfter(at, s.Ended, skew):
		// Whoever only leaves keeps the app: the line of the quit is missing.
		s.End = EndQuit
		r.stage(evidence.StageStop, Done, "the client quit", at, place)
	case m.kind == appEnded && s.End == EndOpen:
		s.End, s.Ended = EndApp, at
		r.stage(evidence.StageStop, Done, "the app ended", at, place)
	case m.kind != appEnded && s.End == EndOpen && m.kind != stopped:
		s.End, s.Ended = EndLeft, at
		r.stage(evidence.StageStop, Began, "the client left", at, place)
	case m.kind == stopped && s.End == EndOpen:
		s.End, s.Ended, s.eos = EndApp, at, true
	}
}

// owns tells whether a container is of the session's own app, as far as is known.
func (s *Session) owns(container string) bool {
	app := s.records.of(evidence.StageApp)
	return container == "" || app == nil || !strings.HasPrefix(app.Detail, "/") || app.Detail == container
}

// begin begins a session. A return to one that the log shows has its ordinal.
func (r *reader) begin(at time.Time, resumed bool) {
	r.fold()
	life := r.life()
	var ordinal int
	if resumed && r.session >= 0 {
		ordinal = r.log.Sessions[r.session].Ordinal
	} else {
		life.launched++
		ordinal = life.launched
	}
	r.session = len(r.log.Sessions)
	r.route.newest = r.session
	r.prune(at)
	r.sessions++
	life.Sessions = append(life.Sessions, r.session)
	r.log.Sessions = append(r.log.Sessions, Session{
		Number: r.sessions, Ordinal: ordinal, Life: len(r.log.Lives) - 1, Resumed: resumed, Began: at, End: EndOpen, Findings: []Finding{},
		records: r.folder.records(),
	})
	if api := life.api; api != nil && at.Sub(api.At) >= 0 && at.Sub(api.At) <= askedWithin {
		r.live().records.put(*api)
	}
	life.api = nil
}

// askedWithin is how long before a launch a request to Wolf's API is taken to
// belong to it.
const askedWithin = time.Minute

func (r *reader) stage(stage evidence.Stage, state StageState, detail string, at time.Time, place Place) {
	s := r.live()
	if s == nil {
		return
	}
	switch {
	case stage == evidence.StageDisplay && strings.HasPrefix(detail, "wayland-"):
		s.Display = cutText(detail)
	case stage == evidence.StageAudioSink && detail != "":
		s.Sink, _ = strconv.Atoi(detail)
	}
	rec := s.records.of(stage)
	if rec == nil {
		rec = s.records.put(StageRecord{Stage: stage})
	}
	if rec.State == Failed || rec.State == Done && stage != evidence.StageStop {
		return
	}
	rec.State, rec.At, rec.Place = state, at, place
	if detail != "" {
		rec.Detail = r.redacted(detail)
	}
}

// restart begins another life of the process.
func (r *reader) restart(at time.Time) {
	last := r.before
	if r.ended.After(last) {
		last = r.ended
	}
	r.life().last = last
	if last.IsZero() || last.After(at) {
		last = at
	}
	r.endAll(last) // a process is dead at its last line, not at the next start
	r.session, r.route = -1, newRouter()
	first := &r.log.Lives[0]
	if len(r.log.Lives) == 1 && !first.Whole && len(first.Sessions) == 0 && !first.Ready {
		first.Started, first.Whole = at, true
		return
	}
	r.fold()
	r.lives++
	r.log.Lives = append(r.log.Lives, Life{Number: r.lives, Started: at, Whole: true, Findings: []Finding{}, Sessions: []int{}})
}

// redate puts the times of day from before the first date onto their day.
func (r *reader) redate(base time.Time) {
	fix := func(at *time.Time) {
		if !at.IsZero() && at.Year() <= 1 {
			*at = base.Add(at.Sub(time.Time{}))
		}
	}
	findings := func(list []Finding) {
		for i := range list {
			fix(&list[i].At)
			fix(&list[i].Last)
			list[i].Dated = true
		}
	}
	findings(r.log.Folded.notes)
	fix(&r.log.From)
	fix(&r.log.To)
	for i := range r.log.Lives {
		life := &r.log.Lives[i]
		fix(&life.Started)
		fix(&life.gone.began)
		findings(life.Findings)
		findings(life.aside)
		fix(&life.announced)
		for _, f := range []*Finding{life.pairing, life.unknownCancel, life.signal} {
			if f != nil {
				fix(&f.At)
			}
		}
	}
	for i := range r.log.Sessions {
		s := &r.log.Sessions[i]
		fix(&s.Began)
		fix(&s.Ended)
		fix(&s.removed)
		findings(s.Findings)
		findings(s.aside)
		for n := range s.records {
			fix(&s.records[n].At)
			fix(&s.records[n].FailedAt)
		}
	}
}

// optional are the stages that not every session has.
var optional = []evidence.Stage{evidence.StageAPI, evidence.StageDisplay, evidence.StageAudioSink, evidence.StageApp}

// finish orders the stages of every session, when all streams are read.
func (r *reader) finish(streams []*stream) {
	for _, st := range streams {
		r.log.Bytes, r.log.Lines = r.log.Bytes+st.bytes, r.log.Lines+st.lines
		if st.to.After(r.log.To) {
			r.log.To = st.to
		}
	}
	for _, st := range streams {
		if base, ok := st.dater.Base(); ok {
			r.redate(base)
			break
		}
	}
	for _, st := range streams {
		r.polled(st.polls)
	}
	for _, st := range streams {
		r.log.stamps.lines, r.log.stamps.timed = r.log.stamps.lines+st.ended.lines, r.log.stamps.timed+st.ended.timed
		if st.debug {
			r.log.Debug, r.life().debug = true, true
		}
	}
	for i := range r.log.Lives {
		clean(r.log.Lives[i].Findings)
		clean(r.log.Lives[i].aside)
	}
	for i := range r.log.Sessions {
		clean(r.log.Sessions[i].Findings)
		clean(r.log.Sessions[i].aside)
		s := &r.log.Sessions[i]
		r.order(s, make([]StageRecord, 0, len(s.records)))
	}
}

var allStages = evidence.Stages()

// order lists the stages of a session behind those in a list, which it returns.
func (r *reader) order(s *Session, list []StageRecord) []StageRecord {
	last, first := -1, len(list)
	for n := range s.records {
		if state := s.records[n].State; state == Done || state == Failed {
			last = n
		}
	}
	for n, stage := range allStages {
		switch {
		case s.records[n].Stage != "":
			list = append(list, s.records[n])
		case !r.log.Lives[s.Life].debug:
			list = append(list, StageRecord{Stage: stage, State: Hidden})
		case n < last && slices.Contains(optional, stage):
			// This app has none.
		default:
			list = append(list, StageRecord{Stage: stage, State: Absent})
		}
	}
	s.Stages = list[first:len(list):len(list)]
	return list
}
