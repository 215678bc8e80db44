package session

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/sound"
)

// Bounds of the sound servers of one session.
const (
	maxSoundRestarts   = 4
	soundRestartWindow = 30 * time.Second
	soundStart         = 5 * time.Second
)

// startSound gives the session a sound server, as far as the machine has one: a
// session without sound goes on. It waits for nothing, since apps may connect to
// the socket before anybody serves it.
func (s *Session) startSound() {
	if s.house.o.Silent {
		return
	}
	s.trace.Began(evidence.StageAudioSink)
	channels := cmp.Or(s.request.Channels, 2)
	server, err := sound.Open(sound.Options{
		Executable: s.house.o.SoundServer, Dir: s.dir, Channels: channels, Credential: s.credential, Group: s.group, Env: s.markers(),
	})
	if err != nil {
		fault := evidence.FaultSoundStart
		if errors.Is(err, sound.ErrMissing) {
			fault = evidence.FaultSoundMissing
		}
		s.trace.Failed(evidence.StageAudioSink, fault, "error", err.Error())
		return
	}
	s.sound = server
	s.watchers.Go(func() { s.keepSound(server, channels) })
}

// soundEnv tells an app where the session's sound is; nothing else that it may
// find is the session's.
func (s *Session) soundEnv() []string {
	if s.sound == nil {
		return nil
	}
	return s.sound.Env()
}

// clientEnv tells an app who plays.
func (s *Session) clientEnv() []string {
	if s.house.o.ClientEnv == nil {
		return nil
	}
	return s.house.o.ClientEnv(s.request.Client)
}

func (s *Session) soundSocket() string {
	if s.sound == nil {
		return ""
	}
	return s.sound.Socket()
}

// keepSound runs sound servers, one after the other, until the session ends.
func (s *Session) keepSound(server *sound.Server, channels int) {
	restarts := newBreaker(maxSoundRestarts, soundRestartWindow)
	for first := true; ; first = false {
		p, err := s.serveSound(server)
		if err != nil {
			s.trace.Failed(evidence.StageAudioSink, evidence.FaultSoundStart, "error", err.Error())
			return
		}
		if first {
			s.trace.Done(evidence.StageAudioSink, "channels", strconv.Itoa(channels), "pid", strconv.Itoa(p.PID()))
		} else {
			s.mu.Lock()
			s.replaced = true
			s.mu.Unlock()
			s.trace.Note(evidence.StageAudioSink, "restarted", "the app may stay silent unless it connects again", "pid", strconv.Itoa(p.PID()))
		}
		select {
		case <-p.Done():
		case <-s.ending:
			// Not left to the teardown: it may be past its kill when this one is
			// born.
		}
		exit := p.End()
		if s.isEnding() {
			s.trace.Exited(evidence.StageAudioSink, "", "process", "sound", "how", exit.String())
			return
		}
		s.trace.Exited(evidence.StageAudioSink, evidence.FaultSoundDied, "process", "sound", "how", s.howExited(exit), "last", s.lastLine("sound"))
		if !restarts.allow(time.Now()) {
			s.trace.Failed(evidence.StageAudioSink, evidence.FaultSoundStart, "error", "the sound server ends again and again: the session goes on without sound")
			return
		}
	}
}

func (s *Session) serveSound(server *sound.Server) (*process.Process, error) {
	out, err := s.output.Source("sound")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), soundStart)
	defer cancel()
	p, err := server.Start(ctx, s.house.spawner, out)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.player = p
	s.mu.Unlock()
	return p, nil
}

// preferSound prefers the sound server, once it serves: it begins by giving up
// every preference.
func (s *Session) preferSound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.player != nil {
		prefer(s.player)
	}
}

// preference is the nice value of the processes of sound, that which PulseAudio
// gives itself where it may.
const preference = -11

// prefer lets a process of sound run before pictures are encoded: it needs little,
// but a few milliseconds late are heard. Only a host that runs as root may.
func prefer(p *process.Process) {
	if !p.Alive() {
		return
	}
	// All threads: a process leads the group of its own.
	_ = unix.Setpriority(unix.PRIO_PGRP, p.PID(), preference)
}
