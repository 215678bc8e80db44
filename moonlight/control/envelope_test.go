package control

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var testKey = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func pair(t rapid.TB, from Role, version Version) (*Sealer, *Opener) {
	t.Helper()
	sealer, err := NewSealer(testKey, from, version)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := NewOpener(testKey, from, version)
	if err != nil {
		t.Fatal(err)
	}
	return sealer, opener
}

// The bytes were made with AES-128-GCM of Python's cryptography package.
func TestGoldenEnvelopes(t *testing.T) {
	for _, test := range []struct {
		name     string
		from     Role
		version  Version
		messages []string
	}{
		{"client", Client, V2, goldenClient},
		{"host", Host, V2, goldenHost},
		{"legacy", Client, Legacy, goldenLegacy},
	} {
		t.Run(test.name, func(t *testing.T) {
			sealer, opener := pair(t, test.from, test.version)
			for _, want := range test.messages {
				sealed, err := sealer.Seal(nil, TypeRequestIDR, []byte{0, 0})
				if err != nil {
					t.Fatal(err)
				}
				if got := hex.EncodeToString(sealed); got != want {
					t.Errorf("sealed %s, want %s", got, want)
				}
				m, err := opener.Open(nil, sealed)
				if err != nil || m.Type != TypeRequestIDR || !bytes.Equal(m.Payload, []byte{0, 0}) {
					t.Errorf("opened %+v, %v", m, err)
				}
			}
		})
	}
}

func TestEnvelopesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		role := rapid.SampledFrom([]Role{Client, Host}).Draw(t, "role")
		version := rapid.SampledFrom([]Version{V2, Legacy}).Draw(t, "version")
		sealer, opener := pair(t, role, version)
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			typ := Type(rapid.Uint16().Draw(t, "type"))
			payload := rapid.SliceOfN(rapid.Byte(), 0, MaxPayload).Draw(t, "payload")
			sealed, err := sealer.Seal([]byte("before"), typ, payload)
			if err != nil {
				t.Fatal(err)
			}
			if len(sealed) != len("before")+Overhead+len(payload) {
				t.Fatalf("%d bytes make an envelope of %d", len(payload), len(sealed)-len("before"))
			}
			m, err := opener.Open(nil, bytes.TrimPrefix(sealed, []byte("before")))
			if err != nil || m.Type != typ || !bytes.Equal(m.Payload, payload) {
				t.Fatalf("opened %v, %v", m, err)
			}
		}
	})
}

func TestOpenRefusesWhatIsNotGenuine(t *testing.T) {
	sealer, _ := pair(t, Client, V2)
	sealed, err := sealer.Seal(nil, TypePing, AppendPing(nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		_, opener := pair(t, Client, V2)
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x40
		want := ErrAuthentication
		if i < 4 {
			want = ErrMalformed
		}
		if _, err := opener.Open(nil, changed); !errors.Is(err, want) {
			t.Errorf("byte %d changed: %v, want %v", i, err, want)
		}
		if _, err := opener.Open(nil, sealed); err != nil {
			t.Errorf("after a forgery the genuine message gives %v", err)
		}
	}
	_, fromHost := pair(t, Host, V2)
	if _, err := fromHost.Open(nil, sealed); !errors.Is(err, ErrAuthentication) {
		t.Errorf("a client's message taken for a host's: %v", err)
	}
	for n := range sealed {
		if _, err := fromHost.Open(nil, sealed[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestReplayWindowSlides(t *testing.T) {
	sealer, opener := pair(t, Client, V2)
	var sealed [][]byte
	for range windowSize + 10 {
		s, err := sealer.Seal(nil, TypePing, nil)
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, s)
	}
	open := func(i int, want error) {
		t.Helper()
		if _, err := opener.Open(nil, sealed[i]); !errors.Is(err, want) {
			t.Errorf("message %d: %v, want %v", i, err, want)
		}
	}
	open(9, nil)
	open(0, nil)
	open(0, ErrReplayed)
	open(windowSize+8, nil)
	open(8, ErrTooOld)
	open(9, ErrReplayed)
	open(10, nil)
	open(windowSize+9, nil)
	open(10, ErrReplayed)
	open(9, ErrTooOld)
	open(11, nil)
	want := OpenerStats{Opened: 6, Replayed: 3, TooOld: 2}
	if diff := cmp.Diff(want, opener.Stats()); diff != "" {
		t.Error(diff)
	}
}

// The window must answer as a set of all numbers ever seen would.
func TestWindowIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint32]bool{}
		highest := uint32(0)
		at := rapid.Uint32Range(0, 1<<20).Draw(t, "start")
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			at = uint32(max(0, int64(at)+int64(rapid.IntRange(-1100, 1100).Draw(t, "step"))))
			err := w.check(at)
			switch {
			case len(seen) > 0 && at < highest && highest-at >= windowSize:
				if err != ErrTooOld {
					t.Fatalf("%d after %d: %v", at, highest, err)
				}
				continue
			case seen[at]:
				if err != ErrReplayed {
					t.Fatalf("%d a second time: %v", at, err)
				}
				continue
			case err != nil:
				t.Fatalf("%d after %d: %v", at, highest, err)
			}
			w.add(at)
			seen[at] = true
			highest = max(highest, at)
		}
	})
}

func TestEnvelopesAllocateNothing(t *testing.T) {
	for _, version := range []Version{V2, Legacy} {
		sealer, opener := pair(t, Client, version)
		payload := make([]byte, 200)
		sealed, opened := make([]byte, 0, 512), make([]byte, 0, 512)
		allocs := testing.AllocsPerRun(200, func() {
			s, err := sealer.Seal(sealed, TypeInput, payload)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := opener.Open(opened, s); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("version %d: %v allocations per message", version, allocs)
		}
	}
}

func TestSealerLimits(t *testing.T) {
	sealer, _ := pair(t, Host, V2)
	if _, err := sealer.Seal(nil, TypeInput, make([]byte, MaxPayload+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long a payload: %v", err)
	}
	sealer.next = 1 << 32
	if _, err := sealer.Seal(nil, TypeInput, nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last sequence number: %v", err)
	}
	if _, err := NewSealer(testKey, 0, V2); err == nil {
		t.Error("a sealer was made for no role")
	}
	if _, err := NewOpener(testKey, Host, 7); err == nil {
		t.Error("an opener was made for no version")
	}
}

func FuzzOpen(f *testing.F) {
	sealer, _ := pair(f, Client, V2)
	for _, payload := range [][]byte{nil, {0, 0}, make([]byte, MaxPayload)} {
		sealed, err := sealer.Seal(nil, TypeInput, payload)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
	}
	f.Add([]byte{1, 0, 24, 0})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		_, opener := pair(t, Client, V2)
		m, err := opener.Open(nil, datagram)
		if err != nil {
			return
		}
		if len(m.Payload) != len(datagram)-Overhead {
			t.Errorf("%d bytes opened to %d", len(datagram), len(m.Payload))
		}
		if _, err := opener.Open(nil, datagram); !errors.Is(err, ErrReplayed) {
			t.Errorf("opened twice: %v", err)
		}
	})
}

// TestAuthentic: a proof is newer than all before it, and stays to be opened.
func TestAuthentic(t *testing.T) {
	sealer, opener := pair(t, Client, V2)
	var sealed [3][]byte
	for i := range sealed {
		var err error
		if sealed[i], err = sealer.Seal(nil, TypeRequestIDR, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	other, _ := NewSealer([16]byte{9}, Client, V2)
	forged, _ := other.Seal(nil, TypeRequestIDR, nil)
	changed := bytes.Clone(sealed[2])
	changed[len(changed)-1] ^= 1
	for name, datagram := range map[string][]byte{"forged": forged, "changed": changed, "empty": nil, "cut": sealed[2][:9]} {
		if opener.Authentic(nil, datagram) {
			t.Errorf("%s is authentic", name)
		}
	}
	for range 2 {
		if !opener.Authentic(nil, sealed[1]) {
			t.Error("a new message is not authentic")
		}
	}
	if m, err := opener.Open(nil, sealed[1]); err != nil || m.Payload[0] != 1 {
		t.Errorf("opened %+v, %v", m, err)
	}
	for i, want := range []bool{false, false, true} {
		if opener.Authentic(nil, sealed[i]) != want {
			t.Errorf("message %d is authentic: %t", i, !want)
		}
	}
	if s := opener.Stats(); s.Opened != 1 || s.Forged+s.Malformed+s.Replayed != 0 {
		t.Errorf("stats %+v", s)
	}
	buffer := make([]byte, 0, len(sealed[2]))
	if n := testing.AllocsPerRun(100, func() { opener.Authentic(buffer, sealed[2]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzMessages seals what it is given, so that it reaches what lies behind the
// cipher: a payload comes back as it was, and with one bit changed never. What a
// client may send is then parsed as the host does.
func FuzzMessages(f *testing.F) {
	for _, golden := range goldenInputs {
		f.Add(uint16(TypeInput), AppendInput(nil, golden.input), false, uint16(9))
	}
	f.Add(uint16(TypeInvalidateFrames), FrameRange{1, 2}.Append(nil), true, uint16(0))
	f.Add(uint16(TypeRequestIDR), []byte{0, 0}, false, uint16(33))
	f.Fuzz(func(t *testing.T, typ uint16, payload []byte, legacy bool, at uint16) {
		version := V2
		if legacy {
			version = Legacy
		}
		sealer, opener := pair(t, Client, version)
		sealed, err := sealer.Seal(nil, Type(typ), payload)
		if err != nil {
			if len(payload) <= MaxPayload {
				t.Errorf("%d bytes are not sealed: %v", len(payload), err)
			}
			return
		}
		changed := bytes.Clone(sealed)
		changed[int(at)%len(changed)] ^= 1 << (at % 8)
		if m, err := opener.Open(nil, changed); err == nil {
			// A legacy nonce holds only the low byte of the sequence number.
			if at := int(at) % len(changed); !legacy || at < 5 || at >= headerSize {
				t.Errorf("opened with byte %d changed: %+v", at, m)
			}
			return
		}
		m, err := opener.Open(nil, sealed)
		if err != nil || m.Type != Type(typ) || !bytes.Equal(m.Payload, payload) {
			t.Fatalf("type %#x with %x became %+v, %v", typ, payload, m, err)
		}
		_, _ = ParseInput(m.Payload)
		_, _ = ParseFECStatus(m.Payload)
		_, _ = ParseLTRAck(m.Payload)
		_, _ = ParseFrameRange(m.Payload)
	})
}
