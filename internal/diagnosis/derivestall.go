package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// rtspPatience is how long after a launch a client may take to negotiate:
	// Moonlight itself gives up after ten seconds.
	rtspPatience = 15 * time.Second
	// startPatience is how long a display or a container may take to start.
	startPatience = 20 * time.Second
	// announceWithin is how soon after the start of the name service an exception
	// is its own.
	announceWithin = time.Second
	// loopWithin is how soon after a start the next one shows that the process did
	// not live, and loopOf how many of them in a row make a loop.
	loopWithin = time.Minute
	loopOf     = 3
)

// deriveStall tells a session whose start stands still, without a line that says
// why, while its log goes on.
func (c *Catalogue) deriveStall(l *Log, i int) {
	s := &l.Sessions[i]
	if hasGrave(c, s.Findings) {
		return
	}
	until := l.seenUntil(i)
	display, app, rtsp := s.record(evidence.StageDisplay), s.record(evidence.StageApp), s.record(evidence.StageRTSP)
	waits := func(r *StageRecord, patience time.Duration) bool {
		return r != nil && r.State == Began && !r.At.IsZero() && until.Sub(r.At) >= patience
	}
	ready := display != nil && display.State == Done
	switch launch := s.record(evidence.StageLaunch); {
	case s.fed && waits(display, startPatience):
		c.derived(&s.Findings, "no-compositor", display.At, display.Place, fmt.Sprintf("a display was asked for, none was ready within %s, and the process feeds the video itself", startPatience))
	case ready && waits(app, startPatience) && !s.has("image-pull"):
		c.derived(&s.Findings, "no-container", app.At, app.Place, fmt.Sprintf("the display was ready and the runner began, and no container started within %s", startPatience))
	case l.Debug && launch != nil && launch.State == Done && !launch.At.IsZero() && until.Sub(launch.At) >= rtspPatience && !s.done(evidence.StageRTSP) && !s.streamed():
		at := *launch
		if rtsp != nil && rtsp.State == Began {
			at = *rtsp
		}
		c.derived(&s.Findings, "rtsp-incomplete", at.At, at.Place, fmt.Sprintf("no PLAY came within %s of the launch, and the log goes on", rtspPatience))
	}
}

// seenUntil is how far the log shows a session: to its end, the next session or
// the last line of its process.
func (l *Log) seenUntil(i int) time.Time {
	s := &l.Sessions[i]
	until := l.To
	if s.Life+1 < len(l.Lives) {
		until = l.Lives[s.Life+1].Started
	}
	if !s.Ended.IsZero() {
		until = s.Ended
	}
	if i+1 < len(l.Sessions) && l.Sessions[i+1].Life == s.Life && l.Sessions[i+1].Began.Before(until) {
		until = l.Sessions[i+1].Began
	}
	return until
}

// ofNetwork are words of an exception that the name service can throw.
var ofNetwork = regexp.MustCompile(`(?i)socket|mdns|interface|getifaddrs|network|address`)

// deriveCrash tells why a process ended at its start, and that it did so again
// and again.
func (c *Catalogue) deriveCrash(l *Log, i int) {
	life := &l.Lives[i]
	for _, f := range life.Findings {
		since := f.At.Sub(life.announced)
		if f.Fault != "unhandled" || life.announced.IsZero() || since < 0 || since > announceWithin || !ofNetwork.MatchString(f.Text) {
			continue
		}
		if !slices.ContainsFunc(life.Findings, func(o Finding) bool { return c.explains(o.Fault, "unhandled") }) {
			c.derived(&life.Findings, "mdns-crash", f.At, f.Place, "the exception speaks of the network and came "+since.Round(time.Millisecond).String()+" after the name service was started")
		}
		break
	}
	if i+1 < loopOf {
		return
	}
	for n := i + 1 - loopOf; n <= i; n++ {
		one := &l.Lives[n]
		failed := !one.served() && !one.Started.IsZero() && (!one.Ready || hasGrave(c, one.Findings))
		if !failed || n < i && l.Lives[n+1].Started.Sub(one.Started) >= loopWithin {
			return
		}
	}
	at, place := life.Started, Place{}
	for _, f := range life.Findings {
		if f.At.After(at) {
			at, place = f.At, f.Place
		}
	}
	c.derived(&life.Findings, "crash-loop", at, place, fmt.Sprintf("%d starts in a row, each within %s of the one before, and none of them came to serve a client", loopOf, loopWithin))
}
