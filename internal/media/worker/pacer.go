package worker

import "time"

const (
	// keepAlive is the longest gap between frames: a Moonlight client notices a
	// lost packet only from a later one.
	keepAlive = 200 * time.Millisecond
	never     = time.Duration(1<<63 - 1)
)

// settleSteps are the frame intervals after the last change at which an
// unchanged picture is sent again, so that what the rate control left coarse
// gets its bits. The half keeps them out of the way of an app that draws at the
// full rate with some jitter.
var settleSteps = [...]float64{1.5, 2.5, 4.5, 8.5}

// pacer decides what to encode when. Times are monotonic, from any origin. It
// is not safe for concurrent use.
type pacer struct {
	interval time.Duration

	running bool
	have    bool // there is a picture
	fresh   bool // which has not been encoded yet
	wantKey bool

	// credit is how many new pictures the frame rate allows, as of refilled. It
	// grows with time up to maxCredit. Waiting for a schedule instead would keep
	// every picture waiting by the schedule's phase, for ever.
	credit   float64
	refilled time.Duration

	changed time.Duration // when the newest picture was encoded first
	step    int           // next of settleSteps, then keep-alives
	last    time.Duration // when anything was encoded
	lastKey time.Duration // when a key frame was encoded
}

// action is what a pacer wants done.
type action int

const (
	idle action = iota
	encodeNew
	encodeRepeat
	encodeKey
)

func newPacer(fpsNum, fpsDen int) *pacer {
	return &pacer{interval: time.Duration(fpsDen) * time.Second / time.Duration(fpsNum), lastKey: -never / 2}
}

// start lets frames flow, beginning with a key frame.
func (p *pacer) start() { p.running, p.wantKey, p.lastKey = true, true, -never/2 }

// pause stops the flow.
func (p *pacer) pause() { p.running = false }

// scene takes note of a new picture; changed is false when it shows the same.
func (p *pacer) scene(changed bool) {
	p.have = true
	p.fresh = p.fresh || changed
}

// key asks for a key frame.
func (p *pacer) key() { p.wantKey = true }

// next returns what to do now, or else when to ask again.
func (p *pacer) next(now time.Duration) (action, time.Duration) {
	if !p.running || !p.have {
		return idle, never
	}
	at := never
	if p.wantKey {
		if at = p.lastKey + p.interval; now >= at {
			return encodeKey, 0
		}
	}
	if p.fresh {
		p.refill(now)
		if p.credit >= 1 {
			return encodeNew, 0
		}
		due := now + time.Duration((1-p.credit)*float64(p.interval)) + 1
		return idle, min(at, due)
	}
	due := p.repeatDue()
	if now >= due {
		return encodeRepeat, 0
	}
	return idle, min(at, due)
}

// maxCredit lets a picture come early by as much as clocks and commits jitter.
const maxCredit = 2

func (p *pacer) refill(now time.Duration) {
	p.credit = min(p.credit+float64(now-p.refilled)/float64(p.interval), maxCredit)
	p.refilled = now
}

// repeatDue is when to send the same picture again. Settle frames that were
// missed, as in a pause, are made up for one by one.
func (p *pacer) repeatDue() time.Duration {
	due := p.last + keepAlive
	if p.step < len(settleSteps) {
		due = min(due, p.changed+time.Duration(settleSteps[p.step]*float64(p.interval)))
	}
	return max(due, p.last+p.interval)
}

// encoded takes note of a frame that was begun at now.
func (p *pacer) encoded(a action, now time.Duration) {
	if p.fresh {
		p.refill(now)
		p.credit = max(p.credit-1, 0) // a key frame may be had on credit
		p.changed, p.step, p.fresh = now, 0, false
	} else if a == encodeRepeat && p.step < len(settleSteps) {
		p.step++
	}
	if a == encodeKey {
		p.wantKey, p.lastKey = false, now
	}
	p.last = now
}

// keyDone takes note that a key frame is ready: whoever asked for one since it
// was begun gets this one.
func (p *pacer) keyDone() { p.wantKey = false }
