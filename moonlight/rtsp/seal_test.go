package rtsp

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"
)

func countingKey() (key [16]byte) {
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// The bytes come from another implementation of AES-GCM.
func TestSealGolden(t *testing.T) {
	for _, c := range []struct {
		side     Side
		sequence uint32
		want     string
	}{
		{FromClient, 1, "8000000700000001b230587a784f3f8c0a5a6faf6ace206c9fe452003a4212"},
		{FromHost, 0x01020304, "8000000701020304b3de7056b29a40e79a346125198653b21198ddbf6f1d51"},
	} {
		got, err := Seal([]byte("head"), countingKey(), c.side, c.sequence, []byte("OPTIONS"))
		if err != nil || hex.EncodeToString(got[4:]) != c.want {
			t.Errorf("%c %d: got %x, %v", c.side, c.sequence, got[4:], err)
		}
		frame, err := ParseFrame(got[4:])
		if err != nil || frame.Length != 7 || frame.Sequence != c.sequence {
			t.Fatalf("got %+v, %v", frame, err)
		}
		text := got[4+frameHeaderSize:]
		if message, err := frame.Open(countingKey(), c.side, text); string(message) != "OPTIONS" || err != nil {
			t.Errorf("got %q, %v", message, err)
		}
		other := FromClient + FromHost - c.side
		if _, err := frame.Open(countingKey(), other, text); !errors.Is(err, ErrNotDecrypted) {
			t.Errorf("the other side's message: got %v", err)
		}
		if _, err := frame.Open([16]byte{}, c.side, text); !errors.Is(err, ErrNotDecrypted) {
			t.Errorf("another key: got %v", err)
		}
		text[0] ^= 1
		if _, err := frame.Open(countingKey(), c.side, text); !errors.Is(err, ErrNotDecrypted) {
			t.Errorf("a changed bit: got %v", err)
		}
	}
}

func TestParseFrameRefuses(t *testing.T) {
	for _, head := range [][]byte{nil, make([]byte, frameHeaderSize), append([]byte{0x80}, make([]byte, frameHeaderSize-2)...)} {
		if _, err := ParseFrame(head); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: got %v", head, err)
		}
	}
}

func TestKeyringWantsRisingSequences(t *testing.T) {
	var k keyring
	key, other := [16]byte{1}, [16]byte{2}
	for _, c := range []struct {
		key      [16]byte
		sequence uint32
		want     bool
	}{
		{key, 0, false},
		{key, 1, true},
		{key, 1, false},
		{key, 5, true},
		{key, 4, false},
		{other, 1, true},
		{key, math.MaxUint32, true},
		{key, math.MaxUint32, false},
	} {
		if got := k.advance(c.key, c.sequence); got != c.want {
			t.Errorf("key %d, sequence %d: got %t", c.key[0], c.sequence, got)
		}
	}
}

func TestKeyringNeverRepeatsAnswers(t *testing.T) {
	var k keyring
	key := [16]byte{1}
	for want := uint32(1); want <= 3; want++ {
		if got, err := k.next(key); got != want || err != nil {
			t.Fatalf("got %d, %v", got, err)
		}
	}
	k.counter(key).host = math.MaxUint32
	if _, err := k.next(key); !errors.Is(err, errExhausted) {
		t.Errorf("after the last one: got %v", err)
	}
}

func TestKeyringForgetsTheOldest(t *testing.T) {
	var k keyring
	for i := range maxRemembered {
		k.advance([16]byte{byte(i), byte(i >> 8)}, 7)
	}
	k.advance([16]byte{}, 8) // the first one is in use again
	k.advance([16]byte{0xff, 0xff}, 1)
	if len(k.counters) != maxRemembered {
		t.Errorf("%d counters are kept", len(k.counters))
	}
	if k.advance([16]byte{}, 8) {
		t.Error("a key in use was forgotten")
	}
	if !k.advance([16]byte{1}, 1) {
		t.Error("the oldest key was not the one forgotten")
	}
}

func TestKeyringTellsCandidatesApart(t *testing.T) {
	var k keyring
	candidates := []Candidate{{ID: "one", Key: [16]byte{1}}, {ID: "two", Key: [16]byte{2}}}
	sealed, err := Seal(nil, candidates[1].Key, FromClient, 1, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := ParseFrame(sealed)
	if err != nil {
		t.Fatal(err)
	}
	message, who, err := k.open(candidates, frame, sealed[frameHeaderSize:])
	if string(message) != "hello" || who.ID != "two" || err != nil {
		t.Errorf("got %q of %q, %v", message, who.ID, err)
	}
	if _, _, err := k.open(candidates, frame, sealed[frameHeaderSize:]); !errors.Is(err, ErrReplay) {
		t.Errorf("sent again: got %v", err)
	}
	if _, _, err := k.open(candidates[:1], frame, sealed[frameHeaderSize:]); !errors.Is(err, ErrNotDecrypted) {
		t.Errorf("no key: got %v", err)
	}
}
