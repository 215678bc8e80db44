package session

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

const (
	goodbyeTimeout = time.Second
	displayTimeout = time.Second
	// killTimeout bounds the wait for what SIGKILL ends, and for what waits for
	// it: a process that waits in a driver is ended by nothing.
	killTimeout = 5 * time.Second
)

// End decides that the session ends, and why, and begins the teardown. Only
// the first call counts. Done is closed when nothing is left.
func (s *Session) End(end evidence.End, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != "" {
		return
	}
	s.end, s.detail, s.state = end, detail, Ending
	s.setTimer(0, nil)
	close(s.ending)
	go s.teardown(end, detail)
}

// teardown gives everything back in reverse order. It trusts no step: what
// does not end by itself is killed with the group.
func (s *Session) teardown(end evidence.End, detail string) {
	defer close(s.done)
	defer s.house.unregister(s)
	if s.request.Client != canaryClient {
		s.house.countEnd(end)
	}
	s.trace.Began(evidence.StageStop, "end", string(end))
	if s.request.Goodbye != nil {
		ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
		s.request.Goodbye(ctx, end)
		cancel()
	}
	took := s.take()
	s.stopMedia()
	s.stopProcesses()
	if !within(s.house.killTimeout, s.watchers.Wait) {
		s.trace.Note(evidence.StageStop, "warning", "a process does not end: what waits for it is left behind")
	}
	if s.house.plant != nil {
		s.house.plant(s)
	}
	left, residue := s.giveBack()
	s.receipt(took, left, end)
	s.house.spares.replenish()
	if len(residue) > 0 {
		// It is a leak when it is still there at the later look, which the receipt is
		// written after.
		s.trace.Note(evidence.StageStop, "left", strings.Join(residue, "; "), "looked_at_again_in", s.house.receiptDelay.String())
		s.trace.Done(evidence.StageStop)
	} else {
		s.trace.Done(evidence.StageStop, "residue", "0")
	}
	s.trace.Ended(end, "detail", detail, "lasted", time.Since(s.started).Round(time.Millisecond).String())
}

// stopMedia ends the encoders and a worker that was claimed but not used.
func (s *Session) stopMedia() {
	s.mu.Lock()
	r, heard, w := s.rendition, s.hearing, s.worker
	s.rendition, s.hearing, s.worker = nil, nil, nil
	s.mu.Unlock()
	within(s.house.killTimeout, func() {
		if r != nil {
			r.close()
		}
		heard.close()
		if w != nil {
			s.house.spares.retire(w)
		}
	})
}

func (s *Session) stopProcesses() {
	s.stopApps()
	if s.display != nil {
		ctx, cancel := context.WithTimeout(context.Background(), displayTimeout)
		if _, err := s.display.Stop(ctx); err != nil {
			s.trace.Note(evidence.StageStop, "warning", err.Error())
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.house.killTimeout)
	defer cancel()
	if err := s.group.Kill(ctx); err != nil {
		s.trace.Failed(evidence.StageStop, evidence.FaultStopTimeout, "error", err.Error())
	}
}

// within waits for a wait that may never end, no longer than d.
func within(d time.Duration, wait func()) bool {
	over := make(chan struct{})
	go func() {
		defer close(over)
		wait()
	}()
	select {
	case <-over:
		return true
	case <-time.After(d):
		return false
	}
}

// strays lists the session's processes that are still there: by their marker,
// in its group, and among those that it had, of which a spare worker has the
// marker of none.
func (s *Session) strays() ([]int, error) {
	pids, err := s.house.groups.Strays(s.id)
	if len(s.group.Dirs()) > 0 {
		members, _ := s.group.PIDs() // none once the group is removed
		pids = append(pids, members...)
	}
	for _, pid := range s.held.all() {
		if p, gone := meter.Live.Process(pid); gone == nil && p.State != "Z" {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// giveBack removes what is not a process, and tells what is still there when
// looked at from outside.
func (s *Session) giveBack() (left meter.Usage, residue []string) {
	if s.output != nil {
		_ = s.output.Close()
	}
	if s.sound != nil {
		s.sound.Close()
	}
	if err := s.group.Remove(); err != nil {
		residue = append(residue, strings.Split(err.Error(), "\n")...) // one of each directory
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			residue = append(residue, err.Error())
		}
	}
	left, still := s.left(false)
	residue = append(residue, still...)
	if s.pooled {
		s.house.ids.giveBack(s.credential)
	}
	return left, residue
}
