package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// words is a message body of 32-bit words.
func words(list ...uint32) []byte {
	var b []byte
	for _, w := range list {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

func TestEncoderGolden(t *testing.T) {
	var e Encoder
	text := "xy"
	e.Begin(3, 7)
	e.Int(-2)
	e.Fixed(FixedFromFloat(1.5))
	e.String("abc")
	e.NullableString(nil)
	e.NullableString(&text)
	e.Array([]byte{1, 2, 3, 4, 5})
	if err := e.End(); err != nil {
		t.Fatal(err)
	}
	want := words(3, 48<<16|7, 0xfffffffe, 0x180, 4)
	want = append(want, "abc\x00"...)
	want = append(want, words(0, 3)...)
	want = append(want, "xy\x00\x00"...)
	want = append(want, words(5)...)
	want = append(want, 1, 2, 3, 4, 5, 0, 0, 0)
	if diff := cmp.Diff(want, e.buf); diff != "" {
		t.Errorf("message differs (-want +got):\n%s", diff)
	}
}

func TestStringEndsAtZeroByte(t *testing.T) {
	var e Encoder
	e.Begin(1, 0)
	e.String("ab\x00cd")
	if err := e.End(); err != nil {
		t.Fatal(err)
	}
	var d Decoder
	d.Reset(e.buf[HeaderSize:], nil)
	if got := d.String(); got != "ab" || d.Finish() != nil {
		t.Errorf("got %q, %v", got, d.Err())
	}
}

func TestDecoderRejects(t *testing.T) {
	text := func(size uint32, s string) []byte { return append(words(size), s...) }
	cases := []struct {
		name string
		body []byte
		read func(d *Decoder)
		want error
	}{
		{"integer of no bytes", nil, func(d *Decoder) { d.Uint() }, ErrTruncated},
		{"array beyond the message", words(5, 0), func(d *Decoder) { d.Array() }, ErrTruncated},
		{"array whose padding overflows", words(math.MaxUint32, 0), func(d *Decoder) { d.Array() }, ErrTruncated},
		{"string without terminator", text(4, "abcd"), func(d *Decoder) { _ = d.String() }, ErrString},
		{"string with a zero byte inside", text(4, "a\x00b\x00"), func(d *Decoder) { _ = d.String() }, ErrString},
		{"nullable string without terminator", text(4, "abcd"), func(d *Decoder) { d.NullableString() }, ErrString},
		{"null string", words(0), func(d *Decoder) { _ = d.String() }, ErrNull},
		{"trailing bytes", words(1, 2), func(d *Decoder) { d.Uint() }, ErrTrailing},
		{"descriptor that never came", nil, func(d *Decoder) { d.FD() }, ErrNoFD},
		{"the first error stays", words(0), func(d *Decoder) { _ = d.String(); d.Uint() }, ErrNull},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var d Decoder
			d.Reset(c.body, new(FDQueue))
			c.read(&d)
			if err := d.Finish(); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestWhatIsEncodedDecodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, f := rapid.Int32().Draw(t, "int"), Fixed(rapid.Int32().Draw(t, "fixed"))
		s := rapid.StringMatching(`[a-zé]{0,300}`).Draw(t, "string")
		a := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "array")
		var e Encoder
		e.Begin(9, 2)
		e.Int(n)
		e.String(s)
		e.Array(a)
		e.Fixed(f)
		if err := e.End(); err != nil {
			t.Fatal(err)
		}
		var d Decoder
		d.Reset(e.buf[HeaderSize:], nil)
		gotN, gotS, gotA, gotF := d.Int(), d.String(), d.Array(), d.Fixed()
		if err := d.Finish(); err != nil || gotN != n || gotS != s || string(gotA) != string(a) || gotF != f {
			t.Fatalf("got %d %q %v %v (%v)", gotN, gotS, gotA, gotF, err)
		}
	})
}

func TestEncoderRefusesLargeMessages(t *testing.T) {
	for name, fill := range map[string]func(e *Encoder){
		"string":      func(e *Encoder) { e.String(strings.Repeat("x", MaxMessageSize)) },
		"array":       func(e *Encoder) { e.Array(make([]byte, MaxMessageSize)) },
		"two arrays":  func(e *Encoder) { e.Array(make([]byte, 2048)); e.Array(make([]byte, 2048)) },
		"descriptors": func(e *Encoder) { manyFDs(t, e, MaxMessageFDs+1) },
	} {
		t.Run(name, func(t *testing.T) {
			var e Encoder
			e.Begin(1, 0)
			fill(&e)
			if err := e.End(); !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
			if len(e.buf) != 0 || len(e.fds) != 0 {
				t.Errorf("%d bytes, %d descriptors are left", len(e.buf), len(e.fds))
			}
		})
	}
}

// manyFDs appends n descriptors, all of one pipe.
func manyFDs(t *testing.T, e *Encoder, n int) {
	t.Helper()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	for range n {
		e.FD(pipe[1])
	}
	closeAll(pipe[:])
}

func TestQueueLimit(t *testing.T) {
	e := Encoder{limit: 64}
	sent := 0
	for sent < 100 {
		e.Begin(1, 0)
		e.Uint(1)
		if err := e.End(); err != nil {
			if !errors.Is(err, ErrQueueFull) {
				t.Fatal(err)
			}
			break
		}
		sent++
	}
	if sent != 5 { // of 12 bytes each
		t.Errorf("%d messages were queued", sent)
	}
}

func TestFixed(t *testing.T) {
	for v, want := range map[float64]Fixed{
		0: 0, 1.5: 384, -0.00390625: -1, 1e12: math.MaxInt32, -1e12: math.MinInt32,
		math.Inf(1): math.MaxInt32,
	} {
		if got := FixedFromFloat(v); got != want {
			t.Errorf("FixedFromFloat(%v) = %d, want %d", v, got, want)
		}
	}
	if got := FixedFromFloat(math.NaN()); got != 0 {
		t.Errorf("NaN became %d", got)
	}
	if got := FixedFromInt(-3); got.Int() != -3 || got.Float64() != -3 {
		t.Errorf("-3 became %v", got.Float64())
	}
	if got := FixedFromInt(1 << 40).Int(); got != 1<<23-1 {
		t.Errorf("a large integer became %d", got)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(words(4, 0x00636261, 3), "su", uint8(0))
	f.Add(words(0, 0), "Sa", uint8(1))
	f.Add(words(0xffffffff), "h", uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, signature string, fds uint8) {
		q := new(FDQueue)
		for range fds % 8 {
			_ = q.Push(-1) // closing it does nothing
		}
		var d Decoder
		d.Reset(body, q)
		got := 0
		for _, k := range signature {
			switch k {
			case 'a':
				got += len(d.Array())
			case 's':
				got += len(d.String())
			case 'S':
				if s := d.NullableString(); s != nil {
					got += len(*s)
				}
			case 'h':
				d.FD()
			default:
				d.Uint()
			}
		}
		if got > len(body) {
			t.Errorf("%d bytes came out of %d", got, len(body))
		}
		if err := d.Finish(); err != nil && d.Err() == nil {
			t.Error("Finish and Err disagree")
		}
	})
}
