package diagnosis

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// Comparison holds a good session against a bad one.
type Comparison struct {
	Version  int           `json:"version"`
	Good     Side          `json:"good"`
	Bad      Side          `json:"bad"`
	Timeline []TimelineRow `json:"timeline"`
	// Indicators are what tells the two apart at a glance, beside the tables.
	Indicators []CompareRow   `json:"indicators"`
	Tables     []CompareTable `json:"tables"`
	PartAt     string         `json:"part_at"` // the first point at which they part
	Benign     []string       `json:"benign"`  // signs of both, or of no meaning
	Diagnosis  *Diagnosis     `json:"diagnosis"`
}

// Side is one of the two.
type Side struct {
	File    string  `json:"file"`
	Session Session `json:"session"`
}

// TimelineRow is a stage of both; times are since the launch.
type TimelineRow struct {
	Stage evidence.Stage `json:"stage"`
	Good  string         `json:"good"`
	Bad   string         `json:"bad"`
	// Delta is how much later the bad one was there, "" where one has no time.
	Delta string `json:"delta"`
}

// CompareTable is one of the tables of differences.
type CompareTable struct {
	Title string       `json:"title"`
	Rows  []CompareRow `json:"rows"`
}

// CompareRow is one aspect of both.
type CompareRow struct {
	Aspect string `json:"aspect"`
	Good   string `json:"good"`
	Bad    string `json:"bad"`
}

// aspect is a row: what it is called, when all is well and what shows that, and
// the faults that spoil it, with their words.
type aspect struct {
	table, name string
	well        string
	shown       evidence.Stage      // the stage that shows that it is well
	spoilt      [][2]string         // id of a fault, words
	only        func(*Session) bool // of which sessions the stage shows that
	value       func(*Session) string
}

const (
	tableGPU       = "GPU state"
	tableDisplay   = "Wayland display"
	tablePipelines = "Pipelines"
	tableContainer = "Container life"
)

var aspects = []aspect{
	{table: tableGPU, name: "GL memory", well: "available", shown: evidence.StageDisplay, spoilt: [][2]string{{"gl-oom", "GL_OUT_OF_MEMORY"}}},
	{table: tableGPU, name: "EGL images", well: "created", shown: evidence.StageVideoPipeline, only: composed, spoilt: [][2]string{{"egl-dmabuf-bind", "BAD_PARAMETER"}, {"egl-bad-alloc", "BAD_ALLOC"}, {"egl-not-initialized", "NOT_INITIALIZED"}}},
	{table: tableGPU, name: "DMA buffers", well: "bound", shown: evidence.StageVideoPipeline, only: composed, spoilt: [][2]string{{"egl-dmabuf-bind", "bind failed"}, {"gscuda-panic", "allocation failed"}}},
	{table: tableGPU, name: "CUDA context", well: "created", shown: evidence.StageStreaming, only: onNvidia, spoilt: [][2]string{{"cuda-not-permitted", "NOT_PERMITTED"}, {"cuda-ctx-dead", "dead"}, {"driver-mismatch", "driver mismatch"}}},
	{table: tableDisplay, name: "Display socket", value: func(s *Session) string { return s.Display }},
	{table: tableDisplay, name: "Compositor state", well: "healthy", shown: evidence.StageDisplay, spoilt: [][2]string{{"gl-oom", "out of memory"}, {"compositor-panic", "panicked"}, {"egl-not-initialized", "no EGL"}, {"egl-bad-alloc", "no EGL"}}},
	{table: tableDisplay, name: "Container connection", well: "connected", shown: evidence.StageApp, only: contained, spoilt: [][2]string{{"sway-lost-display", "failed to read"}, {"broken-pipe", "broken pipe"}, {"shm-global", "no wl_shm"}}},
	{table: tablePipelines, name: "Audio pipeline", well: "started", shown: evidence.StageAudioPipeline, spoilt: [][2]string{{"pulse-none", "no sound server"}, {"pulse-died", "sound server died"}}},
	{table: tablePipelines, name: "Video pipeline", well: "started", shown: evidence.StageVideoPipeline, spoilt: [][2]string{{"cuda-not-permitted", "CUDA error"}, {"pipeline-parse", "parse error"}, {"internal-data", "data stream error"}, {"pipeline-error", "error"}}},
	{table: tablePipelines, name: "Encoder", well: "working", shown: evidence.StageStreaming, spoilt: [][2]string{{"encoder-init", "init failed"}, {"cuda-not-permitted", "init failed"}, {"nvenc-limit", "no NVENC session left"}, {"h264-encoder-missing", "missing"}, {"pipeline-error", "failed"}}},
	{table: tableContainer, name: "Sway startup", well: "running", shown: evidence.StageApp, only: contained, spoilt: [][2]string{{"sway-lost-display", "crashes"}, {"gtk-no-display", "crashes"}, {"gamescope-vk", "no Vulkan"}}},
	{table: tableContainer, name: "Container state", value: func(s *Session) string {
		switch app := s.record(evidence.StageApp); {
		case !contained(s):
			return "no container"
		case s.End == EndApp:
			return "❌ stopped"
		case app != nil && (app.State == Done || app.State == Failed):
			return "✅ running"
		}
		return unseen
	}},
	{table: tableContainer, name: "Client connection", value: func(s *Session) string {
		streaming := s.record(evidence.StageStreaming)
		switch {
		case s.End == EndApp || s.End == EndRestart:
			return "❌ terminated"
		case streaming != nil && streaming.State == Done:
			return "✅ streaming"
		}
		return unseen
	}},
}

// composed tells whether a display of Wolf's made a session's pictures.
func composed(s *Session) bool {
	r := s.record(evidence.StageDisplay)
	return r != nil && r.State == Done
}

// contained tells whether a session's app is a container; a shell or a game that
// Wolf starts itself has no sway.
func contained(s *Session) bool {
	app := s.record(evidence.StageApp)
	return app != nil && strings.HasPrefix(app.Detail, "/") || app != nil && app.State == Failed && app.was != nil && strings.HasPrefix(app.was.Detail, "/")
}

// onNvidia tells whether an encoder of NVIDIA's, which needs CUDA, was used.
func onNvidia(s *Session) bool { return strings.HasPrefix(s.Encoder, "nv") }

const unseen = "not visible"

// of is the row's word for a session.
func (a *aspect) of(s *Session, findings []Finding) string {
	if a.value != nil {
		if v := a.value(s); v != "" {
			return v
		}
		return unseen
	}
	for _, spoilt := range a.spoilt {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Fault == spoilt[0] }) {
			return "❌ " + spoilt[1]
		}
	}
	if s.done(a.shown) && (a.only == nil || a.only(s)) {
		return "✅ " + a.well
	}
	return unseen
}

// Compare holds the last good session of one diagnosis against the first faulty
// one of the other, or the last where none is.
func (c *Catalogue) Compare(good, bad *Diagnosis) (*Comparison, error) {
	g, b := good.pick(OK), bad.pick(Faulty)
	if g < 0 || b < 0 {
		return nil, evidence.Errorf(evidence.Invalid, "both logs must show a session: there are %d and %d", len(good.Sessions), len(bad.Sessions))
	}
	return c.between(good, g, bad, b), nil
}

// LastGood holds the first faulty session of a log against the last good one
// before it.
func (c *Catalogue) LastGood(d *Diagnosis) (*Comparison, error) {
	b := d.pick(Faulty)
	for i := b - 1; i >= 0; i-- {
		if d.Sessions[i].Verdict == OK {
			return c.between(d, i, d, b), nil
		}
	}
	return nil, evidence.Errorf(evidence.Invalid, "the log shows no good session before a bad one")
}

// CompareSessions holds two sessions of a log against each other, each named by
// its place in the list of all sessions, from 1.
func (c *Catalogue) CompareSessions(d *Diagnosis, good, bad int) (*Comparison, error) {
	g, err := d.numbered(good)
	if err != nil {
		return nil, err
	}
	b, err := d.numbered(bad)
	if err != nil {
		return nil, err
	}
	return c.between(d, g, d, b), nil
}

// numbered is the index of a session of that number.
func (d *Diagnosis) numbered(n int) (int, error) {
	i, found := slices.BinarySearchFunc(d.Sessions, n, func(s Session, n int) int { return s.Number - n })
	switch {
	case found:
		return i, nil
	case n < 1 || n > d.total():
		return 0, evidence.Errorf(evidence.Invalid, "there is no session %d: the log shows %s", n, count(d.total(), "session", "sessions"))
	}
	return 0, evidence.Errorf(evidence.Invalid, "session %d is one of the %d that were only counted: choose one that kennel doctor --format json lists, or cut its part out of the log", n, d.Folded.Sessions)
}

// focus is the diagnosis of one session, where that of the log is of another.
func (c *Catalogue) focus(d *Diagnosis, session int) *Diagnosis {
	if d.Root != nil && (d.Root.Session == session || d.Root.Session < 0 && d.Sessions[session].Verdict == OK) {
		return d
	}
	one := *d
	one.Verdict, one.Root, one.Candidates, one.Chain, one.Also, one.Recovered = OK, nil, []Root{}, []Link{}, []Other{}, false
	one.Seen, one.But, one.Reason = "", []string{}, ""
	for _, sc := range c.scopes(d.Log) {
		if sc.session == session && sc.verdict != OK {
			c.conclude(&one, sc)
		}
	}
	return &one
}

// pick is the last good session, or the first that is not.
func (d *Diagnosis) pick(verdict string) int {
	best := len(d.Sessions) - 1
	for i := range d.Sessions {
		switch is := d.Sessions[i].Verdict; {
		case verdict == OK && is == OK:
			best = i
		case verdict != OK && is != OK:
			return i
		}
	}
	return best
}

func (c *Catalogue) between(good *Diagnosis, g int, bad *Diagnosis, b int) *Comparison {
	gs, bs := &good.Sessions[g], &bad.Sessions[b]
	gf, bf := good.around(g), bad.around(b)
	bad = c.focus(bad, b)
	cmp := &Comparison{
		Version: 1, Diagnosis: bad, Benign: []string{},
		Good: Side{strings.Join(good.Files, ", "), *gs}, Bad: Side{strings.Join(bad.Files, ", "), *bs},
	}
	for _, stage := range evidence.Stages() {
		if row, ok := timelineRow(stage, gs, bs); ok {
			cmp.Timeline = append(cmp.Timeline, row)
		}
	}
	cmp.Indicators = c.indicators(good, bad, g, b)
	encoder := gs.Encoder
	if encoder == "" {
		encoder = bs.Encoder
	}
	for i := range aspects {
		a := &aspects[i]
		name := a.name
		if name == "Encoder" && encoder != "" {
			name = fmt.Sprintf("Encoder (%s)", encoder)
		}
		row := CompareRow{name, a.of(gs, gf), a.of(bs, bf)}
		if n := len(cmp.Tables); n == 0 || cmp.Tables[n-1].Title != a.table {
			cmp.Tables = append(cmp.Tables, CompareTable{Title: a.table})
		}
		t := &cmp.Tables[len(cmp.Tables)-1]
		t.Rows = append(t.Rows, row)
	}
	if len(bad.Chain) > 0 {
		first := bad.Chain[0]
		cmp.PartAt = fmt.Sprintf("%s, stage %s: %s (%s)", stamp(first.At), c.faults[c.byID[first.Fault]].Stage, first.Name, first.Fault)
	}
	for _, f := range bf {
		if entry := c.faults[c.byID[f.Fault]]; entry.Benign {
			both := ""
			if slices.ContainsFunc(gf, func(o Finding) bool { return o.Fault == f.Fault }) {
				both = ", in the good session as well"
			}
			cmp.Benign = append(cmp.Benign, fmt.Sprintf("%s (%s)%s: %s", entry.Name, f.Fault, both, f.Text))
		}
	}
	return cmp
}

// weakCounter says what the name of a display tells.
const weakCounter = "wayland-N is the lowest name that was free: it counts displays in use or left behind, not sessions."

// around are a session's findings with those of its process outside of sessions.
func (d *Diagnosis) around(i int) []Finding {
	return append(slices.Clone(d.Sessions[i].Findings), d.Lives[d.Sessions[i].Life].Findings...)
}

func timelineRow(stage evidence.Stage, good, bad *Session) (TimelineRow, bool) {
	g, b := good.record(stage), bad.record(stage)
	if g == nil && b == nil {
		return TimelineRow{}, false
	}
	row := TimelineRow{Stage: stage, Good: sinceLaunch(good, g), Bad: sinceLaunch(bad, b)}
	if g != nil && b != nil && !g.At.IsZero() && !b.At.IsZero() {
		delta := b.when().Sub(bad.Began) - g.when().Sub(good.Began)
		row.Delta = fmt.Sprintf("%+.3f s", delta.Seconds())
	}
	return row, true
}

func sinceLaunch(s *Session, r *StageRecord) string {
	switch {
	case r == nil:
		return unseen
	case r.At.IsZero():
		return string(r.State)
	}
	text := fmt.Sprintf("%s %s %+.3f s", r.when().Format(time.TimeOnly), r.State, r.when().Sub(s.Began).Seconds())
	if r.Detail != "" {
		text += " (" + r.Detail + ")"
	}
	return text
}

// WriteMarkdown writes the comparison as the report that a person would.
func (cmp *Comparison) WriteMarkdown(w io.Writer) error {
	p := &printer{w: w}
	p.line("# A good and a bad session\n")
	p.line("Good: %s, session %d. Bad: %s, session %d.\n", cell(cmp.Good.File), cmp.Good.Session.Number, cell(cmp.Bad.File), cmp.Bad.Session.Number)
	if cmp.PartAt != "" {
		p.line("They part at %s.\n", cell(cmp.PartAt))
	}
	p.line("## Timeline\n\n| Stage | Good | Bad | Bad is later by |\n| --- | --- | --- | --- |")
	for _, r := range cmp.Timeline {
		p.cells(string(r.Stage), r.Good, r.Bad, r.Delta)
	}
	p.line("\n## Key indicators\n\n| Indicator | Good | Bad |\n| --- | --- | --- |")
	for _, r := range cmp.Indicators {
		p.cells(r.Aspect, r.Good, r.Bad)
	}
	p.line("\n## Differences")
	for i, t := range cmp.Tables {
		p.line("\n### %d. %s\n\n| Aspect | Good | Bad |\n| --- | --- | --- |", i+1, t.Title)
		for _, r := range t.Rows {
			p.cells(r.Aspect, r.Good, r.Bad)
		}
	}
	if cmp.Good.Session.Display != "" || cmp.Bad.Session.Display != "" {
		p.line("\n%s", weakCounter)
	}
	cmp.Diagnosis.writeMarkdownCause(p)
	if len(cmp.Benign) > 0 {
		p.line("\n## Benign\n\nThese are no cause:\n")
		for _, text := range cmp.Benign {
			p.line("- %s", cell(text))
		}
	}
	cmp.Diagnosis.writeAdvice(p)
	return p.err
}

// tableWidth is how wide a row of a table is at most, in characters.
const tableWidth = 99

// cells writes a row of a table; where it is too wide, its longest cells are cut.
func (p *printer) cells(texts ...string) {
	row := make([][]rune, len(texts))
	width := 1
	for i, text := range texts {
		row[i] = []rune(cell(text))
		width += len(row[i]) + 3
	}
	for ; width > tableWidth; width-- {
		longest := 0
		for i := range row {
			if len(row[i]) > len(row[longest]) {
				longest = i
			}
		}
		row[longest] = row[longest][:len(row[longest])-1]
		row[longest][len(row[longest])-1] = '…'
	}
	line := "|"
	for _, text := range row {
		line += " " + string(text) + " |"
	}
	p.line("%s", line)
}

func cell(text string) string {
	return escape.Markdown(strings.ReplaceAll(text, "\n", " "))
}

// WriteMarkdown writes the report of one log.
func (d *Diagnosis) WriteMarkdown(w io.Writer) error {
	p := &printer{w: w}
	p.line("# Diagnosis: %s", d.Verdict)
	d.writeMarkdownCause(p)
	p.line("\n## Sessions\n\n| Session | Began | Display | End | Verdict |\n| --- | --- | --- | --- | --- |")
	for i, s := range d.Sessions {
		root := ""
		if s.Root != nil {
			root = " " + *s.Root
		}
		p.cells(d.SessionName(i), stamp(s.Began), s.Display, s.End, s.Verdict+root)
	}
	if d.Folded.Sessions > 0 {
		p.line("\n%s", d.Folded.sentence())
	}
	d.writeAdvice(p)
	return p.err
}

func (d *Diagnosis) writeMarkdownCause(p *printer) {
	if d.Verdict == OK {
		p.line("\n%s.", cell(strings.TrimSuffix("Nothing wrong is to be seen: "+d.Seen, ": ")))
		if len(d.But) > 0 {
			p.line("\nIt works, but: %s.", cell(strings.Join(d.But, "; ")))
		}
		return
	}
	p.line("\n## Root cause\n")
	if d.Reason != "" {
		p.line("%s: %s.\n", d.unsure(), cell(d.Reason))
	}
	for _, r := range d.Candidates {
		p.line("**%s** (`%s`), %s, confidence %s. %s", r.Name, r.ID, r.Since(), r.Confidence, cell(r.Reading))
		for _, reason := range r.For {
			p.line("- for: %s", cell(reason))
		}
		for _, reason := range r.Against {
			p.line("- against: %s", cell(reason))
		}
		p.line("")
	}
	for _, o := range d.Also {
		p.line("Also broke: %s.\n", cell(d.AlsoSentence(o)))
	}
	p.line("## From the first sign to the final result\n")
	for i, link := range d.Chain {
		effect := "root"
		if len(link.EffectOf) > 0 {
			effect = "effect of " + strings.Join(link.EffectOf, ", ")
		}
		p.line("%d. %s **%s** (`%s`, %s), %s: `%s`", i+1, stamp(link.At), link.Name, link.Fault, effect, cell(link.Place.String()), strings.ReplaceAll(link.Text, "`", "'"))
	}
}

// writeAdvice says what to do and how to look further.
func (d *Diagnosis) writeAdvice(p *printer) {
	if len(d.Candidates) == 0 {
		return
	}
	p.line("\n## What to do\n")
	for _, r := range d.Candidates {
		p.line("- %s: %s", r.ID, r.Cure)
		if r.Settle.Run != "" {
			p.line("- To be sure: `%s`. %s", r.Settle.Run, r.Settle.Means)
		}
		switch r.RestartHelps {
		case "yes":
			p.line("- A restart of Wolf helps until it happens again: it gives back all GPU memory, EGL and CUDA contexts and DMA buffers, and begins the compositor anew.")
		case "no":
			p.line("- A restart alone does not help.")
		}
	}
	if !slices.ContainsFunc(d.Candidates, func(r Root) bool { return r.family == FamilyGPU }) {
		return
	}
	p.line("\nTo look further, on the host:\n")
	for _, command := range []string{
		"nvidia-smi --query-gpu=memory.used,memory.free --format=csv",
		"docker stats --no-stream WOLF",
		"docker logs WOLF 2>&1 | grep 'Wayland display ready'",
		"docker logs WOLF 2>&1 | grep -E 'GL_OUT_OF_MEMORY|EGLImage|BindBufferEGL'",
		"docker logs WOLF 2>&1 | grep CUDA_ERROR",
		"docker logs WOLF 2>&1 | grep -E '(Starting|Stopping) container'",
	} {
		p.line("    %s", command)
	}
	p.line("\nTo prevent it: restart Wolf before it wears out, limit concurrent sessions, and let a health check find the bad state.")
}
