package diagnosis

import (
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// Place is where a line is.
type Place struct {
	File string `json:"file"`
	Line int64  `json:"line"`
}

// Finding is a fault's sign in a log: the first line of a session that shows it.
type Finding struct {
	Fault string `json:"id"`
	Place
	// At is its time; Dated tells whether a date is known, or only a time of day.
	At    time.Time `json:"at"`
	Dated bool      `json:"dated"`
	// Text is the line, without secrets and cut.
	Text string `json:"text"`
	// Count is how many lines show it, Last when the last of them was.
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
	// Object is the GStreamer element that it is about.
	Object string `json:"object,omitempty"`
	// Derived says that it follows from what is there and what is not.
	Derived bool `json:"derived,omitempty"`
	// Demoted is why it does not count where it stands; empty where it does.
	Demoted string `json:"demoted,omitempty"`

	lastPlace Place
	over      time.Time // since when it is over, where the log says so
	late      bool      // its app printed it, and Wolf only when the app had ended
	raw       bool      // Text and Object are as they were read
}

// clean takes the secrets out of a finding. Of a log with very many sessions
// most are never shown.
func (f *Finding) clean() {
	if f.raw {
		f.Text, f.Object, f.raw = cutText(wolflog.Redact(f.Text)), wolflog.Redact(f.Object), false
	}
}

func clean(findings []Finding) {
	for i := range findings {
		findings[i].clean()
	}
}

// StageState is what is known of a stage.
type StageState string

// The states. What a log does not show at its level is Hidden, never missing.
const (
	Began  StageState = "began"
	Done   StageState = "done"
	Failed StageState = "failed"
	Hidden StageState = "not visible at this log level"
	Absent StageState = "not reached"
)

// StageRecord is one stage of a session.
type StageRecord struct {
	Stage evidence.Stage `json:"stage"`
	State StageState     `json:"state"`
	// At is when it was done or failed, or began where neither is known; zero
	// where nothing shows.
	At     time.Time `json:"at,omitzero"`
	Detail string    `json:"detail,omitempty"`
	// FailedAt is when it failed, where that was later than At.
	FailedAt time.Time `json:"failed_at,omitzero"`
	Place

	was *StageRecord // before it failed
}

// when is when what is known of it happened: its failure, where it failed.
func (r *StageRecord) when() time.Time {
	if r.State == Failed && r.FailedAt.After(r.At) {
		return r.FailedAt
	}
	return r.At
}

// records are the stages of a session that is being read, each at its place in
// the order of stages; those without a name did not show yet.
type records [evidence.StageCount]StageRecord

// of is the record of a stage, nil where there is none.
func (r *records) of(stage evidence.Stage) *StageRecord {
	if i := stage.Index(); i >= 0 && r[i].Stage != "" {
		return &r[i]
	}
	return nil
}

// put sets the record of a stage. That of what is no stage, as a log may name
// one, is not kept.
func (r *records) put(rec StageRecord) *StageRecord {
	i := rec.Stage.Index()
	if i < 0 {
		return &rec
	}
	at := &r[i]
	*at = rec
	at.Stage = allStages[i] // that of a line would keep all of it
	return at
}

// How a session ended, as far as its log shows.
const (
	EndQuit    = "quit"    // the client asked to quit
	EndLeft    = "left"    // the client left or vanished without quitting
	EndApp     = "app"     // its app ended
	EndRestart = "restart" // the process ended or was replaced in the middle
	EndOpen    = "open"    // the log ends first
	EndHidden  = "hidden"  // it is not visible at this log level
)

// Session is one session of a log: from a launch, or the first sign of one, to
// its end or the next.
type Session struct {
	// Number is its place among all sessions that were read, from 1.
	Number int `json:"number"`
	// Ordinal counts the sessions of its process life from 1. A return to one has
	// the ordinal of the one that it resumes.
	Ordinal int `json:"ordinal"`
	// Life is the index of the process life.
	Life int `json:"life"`
	// Resumed says that it is a return to the one before.
	Resumed bool `json:"resumed"`
	// Display is the Wayland socket, the lowest name that was free: it counts
	// those that are in use or stale, not sessions.
	Display string `json:"display,omitempty"`
	// Elements are the highest numbers of GStreamer's elements so far: they only
	// grow, and count cycles.
	Elements map[string]int `json:"elements,omitempty"`
	Sink     int            `json:"sink,omitempty"`
	// Age is how long the process ran when it said the newest line of the session
	// that tells so; 0 where none does.
	Age time.Duration `json:"process_age_ns,omitempty"`
	// Encoder is the element that the video pipeline names.
	Encoder  string        `json:"encoder,omitempty"`
	Began    time.Time     `json:"began"`
	Ended    time.Time     `json:"ended,omitzero"`
	End      string        `json:"end"`
	Stages   []StageRecord `json:"stages"`
	Findings []Finding     `json:"findings"`
	// Diagnosis is of this session alone.
	Verdict string   `json:"verdict"`
	Root    *string  `json:"root"`
	Chain   []string `json:"chain"`

	records    *records
	faults     map[string]int // index in Findings
	own        bool           // it is Kennel's, which tells of each end itself
	client     string         // Wolf's number of its client
	address    string         // its client's
	cameBack   bool           // its client left, and asked for something later
	lastEnd    time.Time      // of what ended it, the newest line
	port       string         // the first that its launch opened
	padFailed  time.Time      // when a game controller could not be made
	leftBefore time.Time      // when a client left whose session the log does not show
	fed        bool           // its video comes from the process, not from a display's own element
	removed    time.Time      // when its sink was removed, where that is the last that is known of it
	judged     *judgement     // before the end of the log, see fold.go
	aside      []Finding      // that do not count, with the reason
	unsure     []Finding      // that the log's end leaves open
	eos        bool           // its pipeline's end is what ended it first
	appStopped bool           // its app was stopped, or ended
}

// Life is one life of Wolf's process.
type Life struct {
	// Number is its place among all lives that were read, from 1.
	Number int `json:"number"`
	// Started is known where the log shows the start.
	Started  time.Time `json:"started,omitzero"`
	Whole    bool      `json:"whole"` // the log shows its start
	Ready    bool      `json:"ready"`
	Findings []Finding `json:"findings"` // of no session
	Sessions []int     `json:"sessions"` // indices

	pairing, unknownCancel *Finding  // the newest PIN that was asked for and not entered; a /cancel without a session
	signal                 *Finding  // when the process was asked to stop
	paired                 bool      // a client paired
	gaveUp                 bool      // the client that asked for a PIN withdrew
	announced              time.Time // when it began to announce itself in the network
	faults                 map[string]int
	debug                  bool         // it shows lines of level DEBUG
	listens                listeners    // which of its ports it opened
	readyAt                time.Time    // when the last of them was open
	aside                  []Finding    // that do not count, with the reason
	own                    bool         // it is of Kennel
	last                   time.Time    // the newest time before the next life
	launched               int          // sessions that resumed no other
	api                    *StageRecord // the newest request to the API, until a session begins
	left                   time.Time    // when a client left whose session the log does not show
	gone                   gone         // sessions that are not listed
	judged                 *scope       // of a life whose sessions are all gone, see fold.go
}

// Log is what was read.
type Log struct {
	Files    []string      `json:"files"`
	Bytes    int64         `json:"bytes"`
	Lines    int64         `json:"lines"`
	From     time.Time     `json:"from,omitzero"`
	To       time.Time     `json:"to,omitzero"`
	Dated    bool          `json:"dated"`
	Debug    bool          `json:"debug"` // lines of level DEBUG were seen
	Lives    []Life        `json:"lives"`
	Sessions []Session     `json:"sessions"`
	Folded   Folded        `json:"folded"`
	Took     time.Duration `json:"took_ns"`

	stamps       stamps
	surroundings surroundings

	// Live says that the process was still running when its log was read: where
	// the log ends, nothing did. The caller knows.
	Live bool `json:"-"`
}
