package diagnosis

import (
	"regexp"
	"strings"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// ownLine is a line of Kennel's own about a session: what happened to which
// stage, where it is an event.
var ownLine = regexp.MustCompile(`^msg=(?:"(?:(\w+) (began|done|failed|exited|ended|note)|(?:[^"\\]|\\.)*)"|\S+) session=(?:""|(\w[\w.:-]{0,63}))(?: stage=(\w+))?(?:\s|$)`)

// ownAttribute are the attributes that say how a stage went.
var ownAttribute = regexp.MustCompile(` (fault|end|socket|app|encoder)=("(?:[^"\\]|\\.)*"|\S+)`)

// own follows a session by Kennel's events. Each names its session, so that the
// sessions of one time are told apart, and all stages are visible at level INFO.
func (r *reader) own(rec *record) {
	m := ownLine.FindStringSubmatch(rec.line.Message)
	if rec.line.Shape != wolflog.Kennel || m == nil {
		return
	}
	kind, id, stage := evidence.Kind(m[2]), m[3], evidence.Stage(m[4])
	r.session = -1 // what names none is of the host itself
	if id == "" {
		r.meterAnswers(rec)
		return
	}
	r.log.Debug, r.life().debug = true, true
	key := "kennel " + id
	if i, ok := r.route.keys[key]; ok {
		r.session = i
	} else if stage.Index() < 0 || kind == evidence.Ended {
		return // of one that the log does not show
	} else {
		r.begin(rec.at, false)
		r.live().own = true
		r.learn(key)
	}
	r.event(stage, kind, rec)
}

// meterDark is the fault of a meter of Kennel's that does not answer.
const meterDark = "meter-dark"

// gpuMeter is in what Kennel says of a meter of a GPU.
var gpuMeter = regexp.MustCompile(`(?:^|\s)meter=(?:gpu|drm)\b`)

// meterAnswers notes that a GPU's meter that was dark answers again: from then on
// it explains nothing.
func (r *reader) meterAnswers(rec *record) {
	if !strings.Contains(rec.line.Message, `state="answers again"`) || !gpuMeter.MatchString(rec.line.Message) {
		return
	}
	life := r.life()
	if i, ok := life.faults[meterDark]; ok {
		life.Findings[i].over = rec.at
	}
}

// event books what happened to a stage.
func (r *reader) event(stage evidence.Stage, kind evidence.Kind, rec *record) {
	s, attributes := r.live(), map[string]string{}
	for _, a := range ownAttribute.FindAllStringSubmatch(rec.line.Message, -1) {
		attributes[a[1]] = strings.Trim(a[2], `"`)
	}
	if e := attributes["encoder"]; e != "" && encoderName.MatchString(e) {
		s.Encoder = strings.Clone(e)
	}
	switch kind {
	case evidence.Began:
		r.stage(stage, Began, attributes["app"], rec.at, rec.place)
	case evidence.Done:
		r.stage(stage, Done, attributes["socket"], rec.at, rec.place)
	case evidence.Failed:
		s.records.put(StageRecord{Stage: stage, State: Failed, At: rec.at, Detail: r.redacted(attributes["fault"]), Place: rec.place})
	case evidence.Ended:
		s.End, s.Ended, s.lastEnd, r.route.ended = ownEnd(evidence.End(attributes["end"])), rec.at, rec.at, r.session
		r.stage(evidence.StageStop, Done, attributes["end"], rec.at, rec.place)
	}
}

// ownEnd is what Kennel's word for an end means here.
func ownEnd(end evidence.End) string {
	switch end {
	case evidence.EndClientGone, evidence.EndNeverConnected, evidence.EndIdle:
		return EndLeft
	case evidence.EndAppExited, evidence.EndAppCrashed, evidence.EndDisplayDied, evidence.EndEncoderDied, evidence.EndLaunchFailed:
		return EndApp
	case evidence.EndShutdown, evidence.EndServeDied:
		return EndRestart
	}
	return EndQuit
}
