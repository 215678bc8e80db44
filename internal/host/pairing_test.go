package host

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

func TestPINsReachTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPINs()
		if _, err := p.accept("1234", ""); evidence.KindOf(err) != evidence.NotFound {
			t.Errorf("nobody waits: %v", err)
		}
		type got struct {
			id, pin string
			err     error
		}
		answers := make(chan got, 3)
		wait := func(ctx context.Context, id string) {
			pin, err := p.wait(ctx, Pairing{ID: id, Since: time.Now()})
			answers <- got{id, pin, err}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go wait(ctx, "a")
		synctest.Wait()
		if _, err := p.wait(ctx, Pairing{ID: "a"}); evidence.KindOf(err) != evidence.Conflict {
			t.Errorf("same id twice: %v", err)
		}
		<-time.After(time.Second)
		go wait(ctx, "b")
		synctest.Wait()
		if all := p.pending(); len(all) != 2 || all[0].ID != "a" {
			t.Errorf("pending = %+v", all)
		}
		if _, err := p.accept("1234", ""); evidence.KindOf(err) != evidence.Conflict {
			t.Errorf("two wait: %v", err)
		}
		if _, err := p.accept("1234", "c"); evidence.KindOf(err) != evidence.NotFound {
			t.Errorf("unknown request: %v", err)
		}
		for _, pin := range []string{"", "123", "12345", "12a4", "１２３４"} {
			if _, err := p.accept(pin, "b"); evidence.KindOf(err) != evidence.Invalid {
				t.Errorf("PIN %q: %v", pin, err)
			}
		}
		if r, err := p.accept("0042", "b"); err != nil || r.ID != "b" {
			t.Errorf("accept = %+v, %v", r, err)
		}
		if g := <-answers; g.id != "b" || g.pin != "0042" || g.err != nil {
			t.Errorf("answer = %+v", g)
		}
		cancel()
		if g := <-answers; g.id != "a" || !errors.Is(g.err, context.Canceled) {
			t.Errorf("answer = %+v", g)
		}
		if all := p.pending(); len(all) != 0 {
			t.Errorf("left = %+v", all)
		}
	})
}
