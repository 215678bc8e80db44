package session

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// sameDeath is how long after an app's end the end of its display is still
	// taken for the cause: an app ends because its display did, never the reverse.
	sameDeath = 100 * time.Millisecond
	// firstRestart is how long the first restart of an app waits; each that
	// follows waits twice as long, up to lastRestart.
	firstRestart = time.Second
	lastRestart  = 30 * time.Second
	// steadyApp is how long an app must have run for its end not to count as
	// one of a row; after restartsInRow of those it is not started again.
	steadyApp     = time.Minute
	restartsInRow = 6
	// soonEnded is how soon after its start an app's failure is told as one of the
	// start.
	soonEnded = 5 * time.Second
	// inUse is how long an app must have run for its end with a status to be the
	// player's own doing.
	inUse = 10 * time.Second
	// mostLast bounds the last lines that an event keeps, longestLast each in bytes.
	mostLast    = 10
	longestLast = 200
	// startingAfter is when a player is told that an app is still starting, and
	// startingAgain how often that is brought up to date.
	startingAfter = 700 * time.Millisecond
	// farewellTime is how long the card of an app that crashed is shown before its
	// session ends: clients themselves have but a code for it.
	farewellTime  = 4 * time.Second
	startingAgain = 5 * time.Second
)

// tendApp waits for the app's end and does what its configuration says then,
// until the session ends.
func (s *Session) tendApp() {
	for inRow := 0; ; {
		began := time.Now()
		result := s.explained(s.app().Result())
		policy, over := s.appEnded(result)
		if over {
			return
		}
		if time.Since(began) >= steadyApp {
			inRow = 0
		}
		inRow++
		if policy == app.Card || inRow > restartsInRow {
			s.say(s.goneCard(result, inRow))
			<-s.ending
			return
		}
		if !s.restart(result, inRow) {
			return
		}
	}
}

// appEnded records the app's end, and returns what is to be done; over is true
// when the session ends or its display is the cause.
func (s *Session) appEnded(result app.Result) (policy app.Policy, over bool) {
	if s.isEnding() {
		s.trace.Exited(evidence.StageApp, "", "process", "app", "how", result.String())
		return "", true
	}
	select {
	case <-s.display.Process().Done():
		s.trace.Exited(evidence.StageApp, "", "process", "app", "how", result.String(), "because", "its display is gone")
		s.End(evidence.EndDisplayDied, "")
		return "", true
	case <-time.After(sameDeath):
	}
	fault, end := consequence(result)
	policy, last, lines := s.request.App.Runner.OnExit, "", ""
	if !result.Clean() {
		policy, last, lines = s.request.App.Runner.OnCrash, s.lastLine("app"), s.lastLines("app")
	}
	switch result.Fault {
	case evidence.FaultImageMissing, evidence.FaultAppStart, evidence.FaultAppNotFound:
		if s.busyWith() != "" {
			end = evidence.EndLaunchFailed
		}
	}
	attrs := []string{"process", "app", "how", result.String(), "last", last, "policy", string(policy)}
	if result.Ran > 0 {
		attrs = append(attrs, "after", result.Ran.Round(time.Millisecond).String())
	}
	if lines != "" {
		attrs = append(attrs, "lines", lines)
	}
	s.trace.Exited(evidence.StageApp, fault, attrs...)
	if policy == app.Restart || policy == app.Card {
		return policy, false
	}
	if end == evidence.EndAppCrashed {
		s.showFarewell(result)
	}
	s.End(end, result.String())
	return policy, true
}

// showFarewell tells a player who looks what happened, until it can be read or
// the session ends.
func (s *Session) showFarewell(result app.Result) {
	if s.State() != Streaming {
		return
	}
	s.say(card.Card{
		Title: s.request.App.Title, Small: s.lastWords(result),
		Lines: []string{s.howEnded(result), "The session ends in a moment."},
	})
	select {
	case <-time.After(s.house.farewellTime):
	case <-s.ending:
	}
}

// leftQuietly reports whether an app ended with a status of its own after it was
// in use: a terminal returns the status of its shell's last command, and a player
// who closes it has seen no failure. Shells return 128 and more for a program
// that a signal ended.
func leftQuietly(result app.Result) bool {
	const bySignal = 128
	return result.Fault == "" && result.Exit.Signal == 0 && result.Exit.Code > 0 && result.Exit.Code < bySignal &&
		result.Ran >= inUse
}

// consequence is what an app's end is called, and why its session ends by it.
func consequence(result app.Result) (evidence.FaultID, evidence.End) {
	switch {
	case result.Clean(), leftQuietly(result):
		return evidence.FaultAppExited, evidence.EndAppExited
	case result.Fault == evidence.FaultContainerStopped:
		return result.Fault, evidence.EndStopped
	}
	return cmp.Or(result.Fault, evidence.FaultAppCrashed), evidence.EndAppCrashed
}

// restart starts the app again after a while, in which the player is told. It
// is false when the session ends meanwhile, or the app cannot be started.
func (s *Session) restart(result app.Result, inRow int) bool {
	wait := min(s.house.restartDelay<<(inRow-1), lastRestart)
	s.say(card.Card{
		Title: s.request.App.Title,
		Lines: []string{s.howEnded(result), fmt.Sprintf("It is being started again in %s.", inWords(wait))},
		Small: s.lastWords(result),
	})
	s.trace.Note(evidence.StageApp, "restart", fmt.Sprint(inRow), "after", wait.String())
	select {
	case <-time.After(wait):
	case <-s.ending:
		return false
	}
	// What it left of its own must not meet its successor.
	stop, cancel := context.WithTimeout(context.Background(), s.house.limits().Stop+killTimeout)
	s.app().Stop(stop, s.house.limits().Stop)
	cancel()
	s.appStart.Lock()
	defer s.appStart.Unlock()
	if s.isEnding() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.house.limits().Launch)
	defer cancel()
	s.mu.Lock()
	s.mapped = false
	s.mu.Unlock()
	if err := s.startApp(ctx); err != nil {
		s.End(evidence.EndAppCrashed, "it could not be started again: "+err.Error())
		return false
	}
	return true
}

func (s *Session) app() app.Running {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// howEnded is a sentence for the player.
func (s *Session) howEnded(result app.Result) string {
	if result.Clean() {
		return s.request.App.Title + " has ended."
	}
	if result.Ran > 0 && result.Ran < soonEnded {
		return fmt.Sprintf("%s ended %.1f s after its start: %s.", s.request.App.Title, result.Ran.Seconds(), result)
	}
	return fmt.Sprintf("%s ended: %s.", s.request.App.Title, result)
}

// lastWords are what an app that failed said last.
func (s *Session) lastWords(result app.Result) []string {
	if last := s.lastLine("app"); last != "" && !result.Clean() {
		return []string{"It said last: " + last}
	}
	return nil
}

// goneCard is for an app that is not started again.
func (s *Session) goneCard(result app.Result, inRow int) card.Card {
	c := card.Card{Title: s.request.App.Title, Lines: []string{s.howEnded(result)}, Small: s.lastWords(result)}
	if inRow > restartsInRow {
		c.Lines = append(c.Lines, fmt.Sprintf("It ended %d times in a row and is not started again.", inRow))
	}
	c.Lines = append(c.Lines, "Quit the session in your client to choose another app.")
	return c
}

// tellStart tells the player that the app is still starting, until it has a
// window or is gone. A quick one is not talked about.
func (s *Session) tellStart(running app.Running) {
	began := time.Now()
	for wait := startingAfter; ; wait = startingAgain {
		select {
		case <-time.After(wait):
		case <-running.Done():
			return
		case <-s.ending:
			return
		}
		if s.hasPicture() {
			s.say(card.Card{Title: s.request.App.Title, Lines: []string{s.request.App.Title + " runs, but has no window open."}})
			return
		}
		if s.busyWith() != "" {
			continue // tellDoing keeps the card
		}
		c := card.Card{Title: s.request.App.Title, Lines: []string{s.request.App.Title + " is being started."}}
		if since := time.Since(began); since > startingAgain {
			c.Lines = []string{fmt.Sprintf("%s has been starting for %s.", s.request.App.Title, inWords(since))}
			if last := s.lastLine("app"); last != "" {
				c.Small = []string{"It said last: " + last}
			}
		}
		s.say(c)
	}
}

// tellDoing tells the player what the start of the app waits for.
func (s *Session) tellDoing(text string) {
	s.mu.Lock()
	s.doing = text
	s.mu.Unlock()
	if text != "" {
		s.say(card.Card{Title: s.request.App.Title, Lines: []string{text}})
	}
}

func (s *Session) busyWith() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doing
}

// say changes the card. A display that does not hear is about to be found dead.
func (s *Session) say(c card.Card) { _ = s.display.SetCard(c) }

// notify lays a notice over the picture.
func (s *Session) notify(text string, lasting time.Duration) {
	_ = s.display.Notify(display.Notice{Text: text, Millis: int(lasting.Milliseconds())})
}

func (s *Session) lastLine(process string) string {
	tail := s.output.Tail(process)
	for i := len(tail) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(tail[i]); line != "" {
			return line
		}
	}
	return ""
}

// lastLines are the last that a process printed, for the event of its end.
func (s *Session) lastLines(process string) string {
	tail := s.output.Tail(process)
	var lines []string
	for _, line := range tail[max(0, len(tail)-mostLast):] {
		if len(line) > longestLast {
			line = strings.ToValidUTF8(line[:longestLast], "") + "…"
		}
		lines = append(lines, line)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
