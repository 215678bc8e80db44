package meter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait of these tests, on a machine that is busy.
const patience = 20 * time.Second

// TestBoardWithAGaugeThatDoesNotReturn: it goes dark by the board's own clock,
// nobody is sent after it, other gauges are read on, and it comes back.
func TestBoardWithAGaugeThatDoesNotReturn(t *testing.T) {
	const every, limit = 5 * time.Millisecond, 40 * time.Millisecond
	release, inside := make(chan struct{}), atomic.Int64{}
	var most, healthy atomic.Int64
	changes, beat := make(chan Reading, 16), make(chan struct{}, 1)
	hang := atomic.Bool{}
	b := NewBoard(t.Context(), []Gauge{
		{Name: "hangs", Every: every, Deadline: limit, Read: func(context.Context) error {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			if hang.Load() {
				<-release
			}
			return nil
		}},
		{Name: "healthy", Every: every, Deadline: limit, Read: func(context.Context) error {
			healthy.Add(1)
			select {
			case beat <- struct{}{}:
			default:
			}
			return nil
		}},
	}, func(r Reading) {
		if r.Name == "hangs" {
			changes <- r
		}
	})
	defer b.Close()
	change := func() Reading {
		t.Helper()
		select {
		case r := <-changes:
			return r
		case <-time.After(patience):
			t.Fatal("no change is told")
			return Reading{}
		}
	}
	hang.Store(true)
	if r := change(); !r.Dark || r.Error != ErrLost.Error() || !b.Dark("hangs") {
		t.Errorf("a gauge that does not return: %+v", r)
	}
	n := healthy.Load()
	for deadline := time.Now().Add(patience); ; <-beat {
		all := b.Readings()
		i := 0
		if all[i].Name != "hangs" {
			i = 1
		}
		if all[i].Failures >= 5 && healthy.Load() > n+5 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", all)
		}
	}
	hang.Store(false)
	close(release)
	if r := change(); r.Dark || r.Error != "" {
		t.Errorf("when it returned: %+v", r)
	}
	if most.Load() != 1 {
		t.Errorf("%d readings at a time", most.Load())
	}
}

// TestBoardEndsWithAReadingThatDoesNot: closing waits as long as a reading may
// take, and no longer.
func TestBoardEndsWithAReadingThatDoesNot(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{})
	b := NewBoard(t.Context(), []Gauge{{Name: "hangs", Every: time.Hour, Deadline: 50 * time.Millisecond, Read: func(context.Context) error {
		close(begun)
		<-release
		return nil
	}}}, func(Reading) {})
	defer close(release)
	<-begun
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		b.Close()
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// TestBoardTellsChanges: once each, with why.
func TestBoardTellsChanges(t *testing.T) {
	fails := atomic.Bool{}
	changes := make(chan Reading, 16)
	b := NewBoard(t.Context(), []Gauge{{Name: "gpu", Every: time.Millisecond, Deadline: patience, Read: func(context.Context) error {
		if fails.Load() {
			return errors.New("zeros")
		}
		return nil
	}}}, func(r Reading) { changes <- r })
	defer b.Close()
	fails.Store(true)
	if r := <-changes; !r.Dark || !strings.Contains(r.Error, "zeros") {
		t.Errorf("%+v", r)
	}
	fails.Store(false)
	if r := <-changes; r.Dark || r.Failures == 0 {
		t.Errorf("%+v", r)
	}
	if b.Dark("another") {
		t.Error("a gauge that is not there is dark")
	}
}

// TestAsk: readings out of turn are counted and timed; they do not decide
// whether a gauge is dark.
func TestAsk(t *testing.T) {
	b := NewBoard(t.Context(), []Gauge{{Name: "a", Every: time.Hour, Deadline: time.Second, Read: func(context.Context) error { return nil }}}, func(Reading) {})
	defer b.Close()
	if v, err := Ask(t.Context(), b, "a", func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	failed := errors.New("no")
	if v, err := Ask(t.Context(), b, "a", func(context.Context) (int, error) { return 3, failed }); v != 3 || !errors.Is(err, failed) {
		t.Errorf("%d, %v", v, err)
	}
	if _, err := Ask(t.Context(), b, "b", func(context.Context) (int, error) { return 1, nil }); err == nil {
		t.Error("a gauge that does not exist was asked")
	}
	if all := b.Readings(); len(all) != 1 || all[0].Reads < 2 || all[0].Failures != 1 || all[0].Dark || all[0].Slowest <= 0 {
		t.Errorf("readings %+v", all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Watch(ctx, Gauge{Name: "c", Every: time.Hour, Deadline: time.Second, Read: func(context.Context) error { read <- struct{}{}; return nil }})
	}()
	<-read
	if !b.Watched("c") {
		t.Error("a gauge that was added is not watched")
	}
	cancel()
	<-done
	if b.Watched("c") {
		t.Error("a gauge that ended is watched")
	}
}
