package session

import (
	"path/filepath"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/pad"
)

// startPads readies the gamepads of the client, where the app is to have them.
// None is made before the client has one.
func (s *Session) startPads() error {
	if !s.request.App.Runner.Gamepads {
		return nil
	}
	o := pad.Options{
		Machine: s.house.o.Pads,
		Note:    func(pairs ...string) { s.trace.Note(evidence.StageControl, pairs...) },
	}
	if c := s.credential; c != nil {
		o.Owner = &pad.Owner{UID: c.UID, GID: c.GID}
	}
	if s.request.App.Runner.Type == app.TypeDocker {
		o.Directory = filepath.Join(s.dir, "udev")
	}
	pads, err := pad.Open(o)
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "start session: %w", err).WithFault(evidence.FaultRuntimeDir)
	}
	s.pads = pads
	s.watchers.Go(func() { pads.Run(s.ending) })
	return nil
}

// Pad hands on what the client tells of one of its gamepads; it does not wait. The
// error says why the app does not get it.
func (s *Session) Pad(state pad.State) error {
	if s.pads != nil {
		return s.pads.Apply(state)
	}
	const why = "the client uses a gamepad, which this app is not given: set gamepads = true in its [apps.runner]"
	s.padless.Do(func() { s.trace.Note(evidence.StageControl, "warning", why) })
	return evidence.Errorf(evidence.Invalid, why)
}
