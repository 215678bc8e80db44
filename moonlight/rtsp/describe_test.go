package rtsp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribeGolden(t *testing.T) {
	d := &Describe{
		Features:            HostPenTouch | HostControllerTouch,
		EncryptionSupported: EncryptControl | EncryptVideo | EncryptAudio,
		EncryptionRequested: EncryptControl,
		RefPicInvalidation:  true, HEVC: true, AV1: true,
		Surround: StandardLayouts(),
	}
	const want = "a=x-ss-general.featureFlags:3\n" +
		"a=x-ss-general.encryptionSupported:7\n" +
		"a=x-ss-general.encryptionRequested:1\n" +
		"a=x-nv-video[0].refPicInvalidation:1\n" +
		"sprop-parameter-sets=AAAAAU\n" +
		"a=rtpmap:98 AV1/90000\n" +
		"a=fmtp:97 surround-params=642014235\n" +
		"a=fmtp:97 surround-params=660012345\n" +
		"a=fmtp:97 surround-params=85301623457\n" +
		"a=fmtp:97 surround-params=88001234567\n"
	text, err := d.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	got, err := ParseDescribe(text)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestDescribeWithNothing(t *testing.T) {
	text, err := (&Describe{}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{textHEVC, textAV1, "refPicInvalidation", attrSurround} {
		if strings.Contains(string(text), absent) {
			t.Errorf("%s stands in %q: clients would take it as offered", absent, text)
		}
	}
}

// A Wolf host writes a space after the colon, and describes stereo as well.
func TestParseDescribeOfAnotherHost(t *testing.T) {
	got, err := ParseDescribe([]byte("sprop-parameter-sets=AAAAAU\na=fmtp:97 surround-params=21101\n" +
		"a=fmtp:97 surround-params=642014235\na=fmtp:97 surround-params=85301423675\na=x-ss-general.featureFlags: 3\n"))
	want := &Describe{
		Features: 3, HEVC: true,
		Surround: []SurroundLayout{
			{Channels: 2, Streams: 1, Coupled: 1, Mapping: []uint8{0, 1}},
			{Channels: 6, Streams: 4, Coupled: 2, Mapping: []uint8{0, 1, 4, 5, 2, 3}},
			{Channels: 8, Streams: 5, Coupled: 3, Mapping: []uint8{0, 1, 4, 5, 2, 3, 6, 7}},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestParseDescribeRefuses(t *testing.T) {
	for text, name := range map[string]string{
		"a=x-ss-general.featureFlags:many":               attrHostFeatures,
		"a=x-ss-general.encryptionSupported:":            attrEncryptionSupported,
		"a=x-ss-general.encryptionRequested:99999999999": attrEncryptionRequested,
		"surround-params=":                               attrSurround,
		"surround-params=64201245":                       attrSurround,
		"surround-params=642012456":                      attrSurround,
		"surround-params=000":                            attrSurround,
		"surround-params=9990123456780":                  attrSurround,
	} {
		_, err := ParseDescribe([]byte(text))
		var attribute *AttributeError
		if !errors.As(err, &attribute) || attribute.Name != name {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := ParseDescribe(make([]byte, maxSDP+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long text: got %v", err)
	}
}

func TestDescribeRefusesWhatClientsMisread(t *testing.T) {
	layouts := StandardLayouts()
	normal, high := layouts[0], layouts[1]
	broken := StandardLayouts()[0]
	broken.Mapping[5] = 6
	for name, d := range map[string]*Describe{
		"requested, not supported": {EncryptionSupported: EncryptControl, EncryptionRequested: EncryptAudio},
		"high quality alone":       {Surround: []SurroundLayout{high}},
		"normal twice":             {Surround: []SurroundLayout{normal, normal}},
		"high quality twice":       {Surround: []SurroundLayout{normal, high, high}},
		"mapping to nowhere":       {Surround: []SurroundLayout{broken}},
		"no channels":              {Surround: []SurroundLayout{{}}},
		"too many":                 {Surround: make([]SurroundLayout, maxLayouts+1)},
	} {
		if _, err := d.Append(nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := (&Describe{Surround: []SurroundLayout{high, normal}}).Append(nil); err != nil {
		t.Errorf("the order of the layouts must not matter: %v", err)
	}
}

func TestEncryptionInWords(t *testing.T) {
	for e, want := range map[Encryption]string{
		0: "nothing", EncryptControl: "control", EncryptControl | EncryptVideo | EncryptAudio: "control, video, audio", 1 << 9: "nothing",
	} {
		if e.String() != want {
			t.Errorf("%d is %q, want %q", uint32(e), e, want)
		}
	}
}
