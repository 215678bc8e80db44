package enet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// joined is a host and a client on a network whose clock is virtual.
type joined struct {
	*network
	clientSocket   *socket
	host           *Host
	client         *Client
	peer           *Peer // the client at the host
	server, caller recorder
}

// inVirtualTime runs a test on a host and a client that are connected, and waits
// for the end of everything they started.
func inVirtualTime(t *testing.T, n *network, o DialOptions, test func(t *testing.T, j *joined)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		j := &joined{network: n, server: make(recorder, 1<<14), caller: make(recorder, 1<<14)}
		j.host = NewHost(n.listen("192.0.2.1:47999"), HostOptions{Accept: acceptAll(proving{j.server}), SendQueue: o.SendQueue})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- j.host.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		j.clientSocket = n.listen("198.51.100.7:5000")
		var err error
		j.client, err = Dial(t.Context(), j.clientSocket, addrOf(j.host.conn), o, j.caller)
		if err != nil {
			t.Fatal(err)
		}
		defer j.client.Close()
		if e := j.caller.next(t); e.kind != "connected" {
			t.Fatalf("client heard %+v", e)
		}
		j.peer = j.server.next(t).peer
		test(t, j)
	})
}

// Everything reliable arrives once and in order, both ways, over a link that
// loses every fifth datagram and doubles and reorders others.
func TestReliableOverABadLink(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			n := newNetwork(seed)
			n.loss, n.double, n.reorder = 0.2, 0.1, 0.1
			inVirtualTime(t, n, DialOptions{SendQueue: 4096}, func(t *testing.T, j *joined) {
				const messages, channels = 1200, 3
				start := time.Now()
				for i := range messages {
					text := []byte(fmt.Sprint(i))
					if err := errors.Join(j.client.Send(uint8(i%channels), Reliable, text), j.peer.Send(uint8(i%channels), Reliable, text)); err != nil {
						t.Fatal(err)
					}
				}
				if err := errors.Join(j.client.Flushed(t.Context()), j.peer.Flushed(t.Context())); err != nil {
					t.Fatal(err)
				}
				lost, sent := n.counts()
				t.Logf("%v for %d messages each way, %d of %d datagrams lost, RTT %v, %+v",
					time.Since(start), messages, lost, sent, j.peer.RTT(), j.host.Stats())
				for _, r := range []recorder{j.server, j.caller} {
					var got [channels][]string
					for range messages {
						e := <-r
						got[e.channel] = append(got[e.channel], e.payload)
					}
					for c := range got {
						for i, text := range got[c] {
							if want := fmt.Sprint(i*channels + c); text != want {
								t.Fatalf("message %d of channel %d is %s, want %s", i, c, text, want)
							}
						}
					}
				}
				synctest.Wait()
				if len(j.server)+len(j.caller) != 0 {
					t.Errorf("%d and %d calls too many", len(j.server), len(j.caller))
				}
				if s := j.host.Stats(); s.Retransmits == 0 || s.Duplicates == 0 || s.Malformed != 0 {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

// Unreliable messages never run backwards, unsequenced ones never repeat.
func TestUnreliableOverABadLink(t *testing.T) {
	n := newNetwork(42)
	n.loss, n.double, n.reorder = 0.1, 0.3, 0.3
	inVirtualTime(t, n, DialOptions{}, func(t *testing.T, j *joined) {
		const messages = 500
		for i := range messages {
			text := []byte(fmt.Sprintf("%04d", i))
			if err := errors.Join(j.client.Send(0, Unreliable, text), j.client.Send(1, Unsequenced, text)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // one datagram each, so that they can overtake one another
		}
		if err := j.client.Send(0, Reliable, []byte("end")); err != nil {
			t.Fatal(err)
		}
		var ordered, unordered []string
		for {
			e := j.server.next(t)
			if e.payload == "end" {
				break
			}
			if e.channel == 0 {
				ordered = append(ordered, e.payload)
			} else {
				unordered = append(unordered, e.payload)
			}
		}
		if !slices.IsSorted(ordered) || len(slices.Compact(slices.Clone(ordered))) != len(ordered) {
			t.Errorf("unreliable messages ran backwards: %v", ordered)
		}
		if slices.IsSorted(unordered) {
			t.Error("the link reordered nothing, so this test proves nothing")
		}
		slices.Sort(unordered)
		if len(slices.Compact(slices.Clone(unordered))) != len(unordered) {
			t.Error("an unsequenced message came twice")
		}
		if len(ordered) < messages/4 || len(unordered) < messages/2 {
			t.Errorf("only %d unreliable and %d unsequenced messages of %d came", len(ordered), len(unordered), messages)
		}
	})
}

func TestSilentPeerIsLostAfterTheTimeout(t *testing.T) {
	n := newNetwork(1)
	inVirtualTime(t, n, DialOptions{}, func(t *testing.T, j *joined) {
		<-time.After(3 * time.Second) // of virtual time: pings keep the peer
		if len(j.server) != 0 {
			t.Fatalf("an idle peer heard %+v", <-j.server)
		}
		n.setDark(true)
		start := time.Now()
		// synctest's clock stands still while anything runs, so these are exact.
		if e := <-j.server; e.reason != ReasonTimeout {
			t.Fatalf("host heard %+v", e)
		}
		if d := time.Since(start); d < 10*time.Second || d > 10500*time.Millisecond {
			t.Errorf("the host took %v to notice", d)
		}
		if e := <-j.caller; e.reason != ReasonTimeout {
			t.Errorf("client heard %+v", e)
		}
		if s := j.host.Stats(); s.Timeouts != 1 || s.Peers != 0 {
			t.Errorf("stats %+v", s)
		}
		if err := j.peer.Send(0, Reliable, nil); !errors.Is(err, ErrPeerGone) {
			t.Errorf("sending gives %v", err)
		}
	})
}

// A retransmission comes soon: a lost datagram must not be felt.
func TestRetransmitIsFast(t *testing.T) {
	n := newNetwork(1)
	inVirtualTime(t, n, DialOptions{}, func(t *testing.T, j *joined) {
		n.setDark(true)
		start := time.Now()
		if err := j.client.Send(0, Reliable, []byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.setDark(false)
		if e := <-j.server; e.payload != "x" || time.Since(start) > 25*time.Millisecond {
			t.Errorf("%q came after %v", e.payload, time.Since(start))
		}
	})
}

func TestRoamingPeerKeepsItsConnection(t *testing.T) {
	n := newNetwork(1)
	inVirtualTime(t, n, DialOptions{}, func(t *testing.T, j *joined) {
		j.clientSocket.move("203.0.113.9:6000")
		if err := j.client.Send(0, Reliable, []byte("!from elsewhere")); err != nil {
			t.Fatal(err)
		}
		if e := j.server.next(t); e.kind != "moved" {
			t.Fatalf("host heard %+v", e)
		}
		if e := j.server.next(t); e.payload != "!from elsewhere" || e.peer != j.peer {
			t.Fatalf("host heard %+v", e)
		}
		if j.peer.Addr() != j.clientSocket.addr {
			t.Errorf("the peer is at %v", j.peer.Addr())
		}
		if err := j.peer.Send(0, Reliable, []byte("back")); err != nil {
			t.Fatal(err)
		}
		if e := j.caller.next(t); e.payload != "back" {
			t.Errorf("client heard %+v", e)
		}
		if s := j.host.Stats(); s.Roams != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestDisconnectWaitsForTheQueue(t *testing.T) {
	n := newNetwork(3)
	n.loss = 0.2
	inVirtualTime(t, n, DialOptions{}, func(t *testing.T, j *joined) {
		const messages = 600
		for i := range messages {
			if err := j.peer.Send(0, Reliable, []byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		j.peer.Disconnect(5)
		if err := j.peer.Send(0, Reliable, nil); !errors.Is(err, ErrPeerGone) {
			t.Errorf("sending after Disconnect gives %v", err)
		}
		for i := range messages {
			if e := j.caller.next(t); e.payload != fmt.Sprint(i) {
				t.Fatalf("client heard %+v as number %d", e, i)
			}
		}
		if e := j.caller.next(t); e.reason != ReasonRemote || j.client.RemoteData() != 5 {
			t.Errorf("client heard %+v, number %d", e, j.client.RemoteData())
		}
		if e := j.server.next(t); e.reason != ReasonLocal {
			t.Errorf("host heard %+v", e)
		}
	})
}

func TestWaysToLeave(t *testing.T) {
	for _, test := range []struct {
		name       string
		leave      func(j *joined)
		host       Reason
		client     Reason
		within     time.Duration
		remoteData uint32
	}{
		{"at once", func(j *joined) { j.client.DisconnectNow(9) }, ReasonRemote, ReasonLocal, time.Second, 9},
		{"by Close", func(j *joined) { j.client.Close() }, ReasonRemote, ReasonLocal, time.Second, 0},
		{"by Reset", func(j *joined) { j.client.Reset() }, ReasonTimeout, ReasonReset, 11 * time.Second, 0},
		{"gracefully", func(j *joined) { j.client.Disconnect(3) }, ReasonRemote, ReasonLocal, time.Second, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			inVirtualTime(t, newNetwork(1), DialOptions{}, func(t *testing.T, j *joined) {
				start := time.Now()
				test.leave(j)
				if e := <-j.caller; e.kind != "disconnected" || e.reason != test.client {
					t.Errorf("client heard %+v", e)
				}
				if e := <-j.server; e.kind != "disconnected" || e.reason != test.host || time.Since(start) > test.within {
					t.Errorf("host heard %+v after %v", e, time.Since(start))
				}
				if j.peer.RemoteData() != test.remoteData {
					t.Errorf("number %d", j.peer.RemoteData())
				}
				<-j.client.Done()
			})
		})
	}
}

func TestFullQueueAndFlushed(t *testing.T) {
	n := newNetwork(1)
	inVirtualTime(t, n, DialOptions{SendQueue: 10}, func(t *testing.T, j *joined) {
		n.setDark(true)
		for range 10 {
			if err := j.peer.Send(0, Reliable, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.peer.Send(0, Reliable, nil); !errors.Is(err, ErrQueueFull) {
			t.Errorf("an eleventh message: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := j.peer.Flushed(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing is acknowledged, but Flushed gives %v", err)
		}
		n.setDark(false)
		if err := j.peer.Flushed(t.Context()); err != nil {
			t.Error(err)
		}
		if err := j.peer.Send(0, Reliable, nil); err != nil {
			t.Errorf("after the queue was sent: %v", err)
		}
		if err := j.peer.Send(48, Reliable, nil); !errors.Is(err, ErrNoChannel) {
			t.Errorf("channel 48 of 48: %v", err)
		}
		if err := j.peer.Send(0, Reliable, make([]byte, 900)); !errors.Is(err, ErrTooLong) {
			t.Errorf("900 bytes: %v", err)
		}
		n.setDark(true)
		lost := make(chan error, 1)
		j.peer.Send(0, Reliable, nil)
		go func() { lost <- j.peer.Flushed(t.Context()) }()
		if err := <-lost; !errors.Is(err, ErrPeerGone) {
			t.Errorf("the peer is lost, but Flushed gives %v", err)
		}
	})
}

func TestDialWithoutAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(1)
		start := time.Now()
		_, err := Dial(t.Context(), n.listen("198.51.100.7:1"), n.listen("192.0.2.1:2").addr, DialOptions{ConnectTimeout: 3 * time.Second}, make(recorder))
		if !errors.Is(err, ErrConnect) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Dial(ctx, n.listen("198.51.100.7:3"), n.listen("192.0.2.1:2").addr, DialOptions{}, make(recorder)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
