package worker

import (
	"bytes"
	"testing"
	"time"
)

const (
	testPacket   = 8
	testDuration = 5 * time.Millisecond
)

// sounds are n bytes of something that is not silence.
func sounds(n int) []byte { return bytes.Repeat([]byte{7}, n) }

// drain takes what is due at now: s for a packet of sound, . for silence.
func drain(i *intake, now time.Duration) string {
	var got []byte
	dst := make([]byte, i.packet)
	for i.next(now, dst) {
		switch {
		case bytes.Equal(dst, sounds(len(dst))):
			got = append(got, 's')
		case bytes.Equal(dst, make([]byte, len(dst))):
			got = append(got, '.')
		default:
			got = append(got, '?')
		}
	}
	return string(got)
}

// TestIntakeKeepsTheRate: a packet every 5 ms, of sound while there is some, of
// silence when it has not come for longer than a jitter.
func TestIntakeKeepsTheRate(t *testing.T) {
	i := newIntake(testPacket, testDuration)
	begin := time.Hour
	i.start(begin)
	at := func(ms int) string { return drain(i, begin+time.Duration(ms)*time.Millisecond) }
	expect := func(ms int, want string) {
		t.Helper()
		if got := at(ms); got != want {
			t.Errorf("at %d ms %q, want %q", ms, got, want)
		}
	}
	expect(4, "")
	expect(5, ".") // nobody plays yet
	expect(10, ".")
	i.put(sounds(testPacket))
	i.put(sounds(testPacket))
	expect(12, "")
	expect(15, "s")
	expect(20, "s")
	expect(25, "") // late, but not missed yet
	expect(30, "")
	i.put(sounds(3 * testPacket))
	expect(30, "ss") // made up for
	expect(35, "s")
	expect(64, "")
	expect(65, "......") // 30 ms without sound
	expect(70, ".")
	i.put(sounds(testPacket / 2))
	expect(75, ".")
	i.put(sounds(testPacket / 2))
	expect(80, "s") // pieces are put together
}

// TestIntakeForgetsABacklog: what is left over from a pause does not delay all
// that follows, and is cut between packets.
func TestIntakeForgetsABacklog(t *testing.T) {
	i := newIntake(testPacket, testDuration)
	i.start(0)
	for range 100 {
		i.put(sounds(testPacket / 4))
		if len(i.queue) > int(backlog/testDuration)*testPacket {
			t.Fatalf("%d bytes wait", len(i.queue))
		}
	}
	i.start(0)
	if len(i.queue) != 0 {
		t.Error("the past is kept at a start")
	}
	kept := int(cushion / testDuration)
	i.put(append(make([]byte, 6*testPacket), sounds(kept*testPacket)...))
	if n := len(i.queue); n != kept*testPacket {
		t.Errorf("%d bytes are kept, want those of %s", n, cushion)
	}
	if got := drain(i, testDuration); got != "s" {
		t.Errorf("of a backlog %q is sent, want the newest", got)
	}
}

// TestIntakeAfterAStop: a process that was stopped does not send the packets of
// that time all at once.
func TestIntakeAfterAStop(t *testing.T) {
	i := newIntake(testPacket, testDuration)
	i.start(0)
	if got := drain(i, time.Minute); got != "." {
		t.Errorf("after a minute %d packets are sent", len(got))
	}
	if got := drain(i, time.Minute+2*testDuration); got != ".." {
		t.Errorf("and then %d", len(got))
	}
}
