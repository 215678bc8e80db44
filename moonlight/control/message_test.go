package control

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Worked out by hand from moonlight-protocol sections 5.2 and 5.3.
func TestGoldenHostMessages(t *testing.T) {
	for _, test := range []struct {
		message HostMessage
		typ     Type
		want    string
	}{
		{Termination{Graceful}, 0x0109, "80030023"},
		{Rumble{2, 0x1234, 0xABCD}, 0x010b, "00000000" + "0200" + "3412" + "cdab"},
		{TriggerRumble{1, 0x0102, 0x0304}, 0x5500, "0100" + "0201" + "0403"},
		{MotionEnable{3, 250, Gyroscope}, 0x5501, "0300" + "fa00" + "02"},
		{LED{4, 0x11, 0x22, 0x33}, 0x5502, "0400" + "112233"},
		{
			AdaptiveTriggers{0, AdaptLeft | AdaptRight, 1, 2, [10]byte{1, 2, 3}, [10]byte{9: 0xFF}},
			0x5503, "0000" + "0c" + "01" + "02" + "01020300000000000000" + "000000000000000000ff",
		},
		{
			HDRMode{
				Enabled: true, Red: Point{34000, 16000}, Green: Point{13250, 34500}, Blue: Point{7500, 3000},
				White: Point{15635, 16450}, MaxLuminance: 1000, MinLuminance: 50, MaxContentLight: 800, MaxFrameAverage: 400, MaxFullFrame: 600,
			},
			0x010e, "01" + "d084803e" + "c233c486" + "4c1db80b" + "133d4240" + "e803" + "3200" + "2003" + "9001" + "5802",
		},
	} {
		got := test.message.Append(nil)
		if hex.EncodeToString(got) != test.want || test.message.Type() != test.typ {
			t.Errorf("%+v is %v %x, want %v %s", test.message, test.message.Type(), got, test.typ, test.want)
		}
		back, err := ParseHostMessage(Message{test.typ, got})
		if err != nil {
			t.Errorf("%T: %v", test.message, err)
		}
		if diff := cmp.Diff(test.message, back); diff != "" {
			t.Error(diff)
		}
		for n := range got {
			if test.typ == TypeHDRMode && n > 0 {
				continue // without metadata it is a message of GFE
			}
			if _, err := ParseHostMessage(Message{test.typ, got[:n]}); !errors.Is(err, ErrMalformed) {
				t.Errorf("%T cut to %d bytes: %v", test.message, n, err)
			}
		}
	}
	if _, err := ParseHostMessage(Message{TypeInput, nil}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a client's message from a host: %v", err)
	}
	if m, err := ParseHostMessage(Message{TypeHDRMode, []byte{1}}); err != nil || m != (HDRMode{Enabled: true}) {
		t.Errorf("HDR mode without metadata: %+v, %v", m, err)
	}
}

func TestGoldenClientMessages(t *testing.T) {
	status := FECStatus{
		Frame: 0x01020304, HighestSequence: 0x1112, NextContiguousSequence: 0x2122, MissingBeforeHighest: 3,
		TotalData: 100, TotalParity: 20, ReceivedData: 97, ReceivedParity: 19, Percentage: 20, BlockIndex: 1, BlockCount: 2,
	}
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"Start A", AppendRequestIDR(nil), "0000"},
		{"Start B", AppendStartB(nil), "00"},
		{"ping", AppendPing(nil), "0400000000000000"},
		{"lost frames", FrameRange{5, 0x102}.Append(nil), "0500000000000000" + "0201000000000000" + "0000000000000000"},
		{"LTR acknowledgement", LTRAck{7}.Append(nil), "0700000000000000"},
		{"FEC status", status.Append(nil), "01020304" + "1112" + "2122" + "0003" + "0064" + "0014" + "0061" + "0013" + "140102"},
	} {
		if got := hex.EncodeToString(test.got); got != test.want {
			t.Errorf("%s is %s, want %s", test.name, got, test.want)
		}
	}
	if back, err := ParseFECStatus(status.Append(nil)); err != nil || back != status {
		t.Errorf("FEC status came back as %+v, %v", back, err)
	}
	if back, err := ParseFrameRange(FrameRange{5, 9}.Append(nil)); err != nil || back != (FrameRange{5, 9}) {
		t.Errorf("lost frames came back as %+v, %v", back, err)
	}
	if back, err := ParseLTRAck(LTRAck{7}.Append(nil)); err != nil || back.Frame != 7 {
		t.Errorf("LTR acknowledgement came back as %+v, %v", back, err)
	}
	for name, err := range map[string]error{
		"backwards":  second(ParseFrameRange(FrameRange{9, 5}.Append(nil))),
		"short lost": second(ParseFrameRange(make([]byte, 23))),
		"short FEC":  second(ParseFECStatus(make([]byte, 20))),
		"short LTR":  second(ParseLTRAck(make([]byte, 7))),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestFECStatusRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Make[FECStatus]().Draw(t, "status")
		if got, err := ParseFECStatus(want.Append(nil)); err != nil || got != want {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}

func TestClientCodes(t *testing.T) {
	for _, test := range []struct {
		result HRESULT
		saw    bool
		want   int
	}{
		{Graceful, true, 0},
		{Graceful, false, -102},
		{ProtectedContent, true, -103},
		{FrameConversion, true, -104},
		{0x80004005, true, -2147467259},
	} {
		if got := test.result.ClientCode(test.saw); got != test.want {
			t.Errorf("%#x, frame seen %v: client code %d, want %d", test.result, test.saw, got, test.want)
		}
	}
}

func FuzzParseMessages(f *testing.F) {
	for _, m := range []HostMessage{Termination{}, Rumble{}, HDRMode{}, TriggerRumble{}, MotionEnable{}, LED{}, AdaptiveTriggers{}} {
		f.Add(uint16(m.Type()), m.Append(nil))
	}
	f.Add(uint16(TypeInvalidateFrames), FrameRange{1, 2}.Append(nil))
	f.Fuzz(func(t *testing.T, typ uint16, payload []byte) {
		ParseFECStatus(payload)
		ParseLTRAck(payload)
		if r, err := ParseFrameRange(payload); err == nil && r.First > r.Last {
			t.Errorf("frames %d to %d", r.First, r.Last)
		}
		m, err := ParseHostMessage(Message{Type(typ), payload})
		if err != nil {
			return
		}
		again, err := ParseHostMessage(Message{m.Type(), m.Append(nil)})
		if err != nil || again != m {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

func TestHostReason(t *testing.T) {
	h := HostReason(5)
	if n, ok := h.HostReason(); h != 0xa04b0005 || n != 5 || !ok {
		t.Errorf("%#x is number %d, %t", uint32(h), n, ok)
	}
	for _, h := range []HRESULT{Graceful, ProtectedContent, FrameConversion, 0x80004005, 0} {
		if n, ok := h.HostReason(); ok {
			t.Errorf("%#x is number %d of a host", uint32(h), n)
		}
	}
	if code := h.ClientCode(true); uint32(int32(code)) != 0xa04b0005 {
		t.Errorf("a client shows %#x", uint32(int32(code)))
	}
}
