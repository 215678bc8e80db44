package host

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

func TestPINsReachTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPINs()
		if _, _, err := p.accept("1234", ""); evidence.KindOf(err) != evidence.NotFound {
			t.Errorf("nobody waits: %v", err)
		}
		type got struct {
			id, pin string
			err     error
		}
		answers := make(chan got, 3)
		wait := func(ctx context.Context, id string) {
			a, err := p.wait(ctx, Pairing{ID: id, Fingerprint: id, Since: time.Now()}, func() {})
			answers <- got{id, a.pin, err}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go wait(ctx, "a")
		synctest.Wait()
		if _, err := p.wait(ctx, Pairing{ID: "a"}, func() {}); evidence.KindOf(err) != evidence.Conflict {
			t.Errorf("same id twice: %v", err)
		}
		<-time.After(time.Second)
		go wait(ctx, "b")
		synctest.Wait()
		if all := p.pending(); len(all) != 2 || all[0].ID != "a" {
			t.Errorf("pending = %+v", all)
		}
		if _, _, err := p.accept("1234", ""); evidence.KindOf(err) != evidence.Conflict {
			t.Errorf("two wait: %v", err)
		}
		if _, _, err := p.accept("1234", "c"); evidence.KindOf(err) != evidence.NotFound {
			t.Errorf("unknown request: %v", err)
		}
		for _, pin := range []string{"", "123", "12345", "12a4", "１２３４"} {
			if _, _, err := p.accept(pin, "b"); evidence.KindOf(err) != evidence.Invalid {
				t.Errorf("PIN %q: %v", pin, err)
			}
		}
		if r, _, err := p.accept("0042", "b"); err != nil || r.ID != "b" {
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

// pairingHost is a host with one client that waits, whose answer comes out of the
// first channel. What it is called with reports the end of the pairing.
func pairingHost(t *testing.T) (*Host, chan error, func(gamestream.PairResult)) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h := &Host{log: log, pins: newPINs(), floods: newFloods(log)}
	approvals, refused := make(chan gamestream.PairApproval, 1), make(chan error, 1)
	go func() {
		a, err := pinSource{h}.WaitPIN(t.Context(), gamestream.PairRequest{ID: "0123456789abcdef", Addr: at(home), At: time.Now()})
		if err == nil {
			approvals <- a
		}
		refused <- err
	}()
	synctest.Wait()
	return h, refused, func(r gamestream.PairResult) { (<-approvals).Done(r) }
}

// TestWhatBecameOfAPIN: kennel pair says whether the client has paired.
func TestWhatBecameOfAPIN(t *testing.T) {
	for _, test := range []struct {
		outcome gamestream.PairOutcome
		kind    evidence.ErrorKind
		says    string
	}{
		{gamestream.PairPaired, 0, ""},
		{gamestream.PairWrongPIN, evidence.Unauthorized, "the PIN is not the one"},
		{gamestream.PairGone, evidence.Unavailable, "went away"},
		{gamestream.PairLapsed, evidence.Deadline, "lapsed"},
		{gamestream.PairFailed, evidence.Unavailable, "could not be paired"},
	} {
		t.Run(string(test.outcome), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, refused, report := pairingHost(t)
				go report(gamestream.PairResult{Outcome: test.outcome})
				p, err := h.AcceptPairing(t.Context(), "1234", "")
				if (err == nil) != (test.says == "") || err != nil && (evidence.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says)) ||
					p.Fingerprint != "0123456789abcdef" || p.Outcome != string(test.outcome) || (p.Client == "client 01234567") != (err == nil) {
					t.Errorf("%+v, %v", p, err)
				}
				if err := <-refused; err != nil {
					t.Errorf("the PIN did not reach the client: %v", err)
				}
			})
		})
	}
}

// TestOutcomeHasADeadline: a pairing whose end nobody tells keeps no caller.
func TestOutcomeHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := pairingHost(t)
		start := time.Now()
		if _, err := h.AcceptPairing(t.Context(), "1234", ""); evidence.KindOf(err) != evidence.Deadline || time.Since(start) != outcomeTimeout {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if outcomeTimeout <= 3*pairingPhase {
			t.Errorf("the phases may take %s, their caller waits %s", 3*pairingPhase, outcomeTimeout)
		}
	})
}

// TestPINAsTheRequestEnds: a PIN is not lost where its request ends meanwhile.
func TestPINAsTheRequestEnds(t *testing.T) {
	for range 100 {
		p := newPINs()
		ctx, cancel := context.WithCancel(t.Context())
		a, err := p.wait(ctx, Pairing{ID: "a"}, func() {
			if _, _, err := p.accept("1234", "a"); err != nil {
				t.Error(err)
			}
			cancel()
		})
		if err != nil || a.pin != "1234" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}

// TestNewestRequestOfOneClient: who begins anew shows the PIN of the newest
// request, and nobody need choose. A copy of the certificate elsewhere is another
// client's.
func TestNewestRequestOfOneClient(t *testing.T) {
	p, now := newPINs(), time.Now()
	for i, r := range []Pairing{
		{ID: "aa", Fingerprint: "f", Address: "192.0.2.1"}, {ID: "bb", Fingerprint: "f", Address: "192.0.2.1"},
	} {
		r.Since = now.Add(time.Duration(i))
		p.waiting[r.ID] = waitingPIN{r, make(chan pinAnswer, 1)}
	}
	if r, _, err := p.accept("1234", ""); err != nil || r.ID != "bb" {
		t.Errorf("%+v, %v", r, err)
	}
	p.waiting["cc"] = waitingPIN{Pairing{ID: "cc", Fingerprint: "f", Address: "192.0.2.2"}, make(chan pinAnswer, 1)}
	if _, _, err := p.accept("1234", ""); evidence.KindOf(err) != evidence.Conflict {
		t.Errorf("one certificate at two addresses: %v", err)
	}
}

func TestDeny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, refused, _ := pairingHost(t)
		id := h.Pairings()[0].ID
		if id == "01234567" || len(id) != requestIDLength {
			t.Errorf("the request is called %q, as anybody could know", id)
		}
		for _, wrong := range []string{"", "x", id + "0"} {
			if _, err := h.DenyPairing(wrong); err == nil {
				t.Errorf("%q was denied", wrong)
			}
		}
		if p, err := h.DenyPairing(id[:3]); err != nil || p.ID != id {
			t.Errorf("denied %+v, %v", p, err)
		}
		if err := <-refused; !errors.Is(err, errDenied) {
			t.Errorf("the client got %v", err)
		}
		if len(h.Pairings()) != 0 {
			t.Error("the request still waits")
		}
	})
}

// TestPrefixesOfRequests: what fits two requests is for neither.
func TestPrefixesOfRequests(t *testing.T) {
	p := newPINs()
	for _, id := range []string{"aa11", "aa22"} {
		p.waiting[id] = waitingPIN{Pairing{ID: id}, make(chan pinAnswer, 1)}
	}
	if _, _, err := p.accept("1234", "aa"); evidence.KindOf(err) != evidence.Conflict {
		t.Errorf("an ambiguous id: %v", err)
	}
	if r, _, err := p.accept("1234", "AA2"); err != nil || r.ID != "aa22" {
		t.Errorf("a unique prefix: %+v, %v", r, err)
	}
}

// TestFloodsOfPairings: the terminal shows the first few requests of a second.
func TestFloodsOfPairings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		waits := 0
		h := &Host{log: log, pins: newPINs(), floods: newFloods(log), o: Options{Waits: func(Pairing) { waits++ }}}
		for range 100 {
			h.announcePairing(Pairing{ID: "a"})
		}
		if waits != pairingBurst {
			t.Errorf("%d requests were told of", waits)
		}
		h.floods.flush()
		if n := strings.Count(out.String(), "\n"); n != pairingBurst+1 || !strings.Contains(out.String(), "times=97") {
			t.Errorf("%d lines:\n%s", n, out.String())
		}
		<-time.After(time.Second)
		out.Reset()
		h.announcePairing(Pairing{ID: "b"})
		if !strings.Contains(out.String(), "request=b") {
			t.Error("the next second's request is not shown")
		}
	})
}
