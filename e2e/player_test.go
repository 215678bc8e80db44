package e2e

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
)

// player is a client that streams the demo app until it is stopped.
type player struct {
	t      testing.TB
	pilot  *probe.Pilot
	typed  int // keys so far
	stop   func()
	done   chan struct{}
	report *probe.Report
	err    error

	mu   sync.Mutex // covers sent
	sent [][]byte   // the first datagrams of the control link, and the newest
}

// maxSent is how many datagrams of a control link are kept. The first one asks
// for the connection.
const maxSent = 32

// watch keeps what the client sends.
func (p *player) watch(datagram []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	copied := append([]byte(nil), datagram...)
	if len(p.sent) < maxSent {
		p.sent = append(p.sent, copied)
		return
	}
	copy(p.sent[1:], p.sent[2:])
	p.sent[maxSent-1] = copied
}

// captured are datagrams of the control link as somebody on its path sees them.
func (p *player) captured() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([][]byte(nil), p.sent...)
}

// clientOptions are what all clients of these tests have in common.
func (s *server) clientOptions(identity string) probe.Options {
	return probe.Options{
		Host: "127.0.0.1", Port: s.port, IdentityDir: identity, Width: 640, Height: 360, FPS: 30,
		Duration: 20 * time.Minute, MediaExecutable: filepath.Join(filepath.Dir(kennel(s.t)), "kennel-media"),
	}
}

// play begins a stream and returns when its first picture is there.
func (s *server) play(t *testing.T, o probe.Options) *player {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &player{t: t, stop: stop, done: make(chan struct{})}
	o.Sent = p.watch
	begun := make(chan *probe.Pilot, 1)
	o.Script = func(ctx context.Context, pilot *probe.Pilot) error {
		begun <- pilot
		<-ctx.Done()
		return nil
	}
	go func() {
		defer close(p.done)
		p.report, p.err = probe.Run(ctx, o)
	}()
	t.Cleanup(p.leave)
	select {
	case p.pilot = <-begun:
	case <-p.done:
		t.Fatalf("the stream did not begin: %v", p.err)
	}
	return p
}

// leave ends the stream.
func (p *player) leave() {
	p.stop()
	<-p.done
}

// gone reports whether the stream has ended.
func (p *player) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// typing presses a key every 50 ms until ctx ends.
func (p *player) typing(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if p.pilot.Keys(uint8('A'+p.typed%26)) == nil {
				p.typed++
			}
		}
	}
}

// settleTime bounds a wait for a stream. A machine that is overloaded decodes
// the pictures of an app that has all keys long after they were typed.
const settleTime = 30 * time.Second

// settle waits until frames and sound go on and every typed key has arrived.
func (p *player) settle() {
	p.t.Helper()
	now := p.pilot.Counts()
	last, deadline := now, time.Now().Add(settleTime)
	for !(last.Frames >= now.Frames+5 && last.Sound >= now.Sound+20 && last.Keys >= p.typed) {
		if p.gone() {
			p.t.Fatalf("the stream is over: %v", p.err)
		}
		if time.Now().After(deadline) {
			p.t.Errorf("the stream does not go on: %+v, then %+v, with %d keys typed", now, last, p.typed)
			return
		}
		<-time.After(20 * time.Millisecond)
		last = p.pilot.Counts()
	}
}
