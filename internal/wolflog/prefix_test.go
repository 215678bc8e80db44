package wolflog

import (
	"strings"
	"testing"
	"time"
)

// TestAnyPrefix: whatever stands before a line's own beginning is taken off, and
// the time at which it was taken is kept where it tells its zone.
func TestAnyPrefix(t *testing.T) {
	const (
		wolf    = "06:40:13.479059649 ERROR | [GSTREAMER] Pipeline error: x"
		gst     = "0:01:30.661515478     1 0x77fb7c0562e0 ERROR            GST_CONTEXT gstcudautils.cpp:230:f:<nvh265enc10> Failed to x"
		tracing = "2025-10-02T06:40:11.752176Z ERROR smithay::backend: [GL] GL_OUT"
		glib    = "(wolf:1): GStreamer-CRITICAL **: 07:40:13.036: assertion failed"
		panics  = "thread '<unnamed>' panicked at src/a.rs:1:2:"
	)
	taken := time.Date(2025, 10, 2, 6, 40, 14, 0, time.UTC)
	for _, line := range []string{wolf, gst, tracing, glib, panics} {
		want := Parse(line)
		for prefix, stamped := range map[string]bool{
			"> ":                                false,
			"> > ":                              false,
			"        ":                          false,
			"\t":                                false,
			"   17\t":                           false,
			"17: ":                              false,
			"17:":                               false,
			`"wolf","`:                          false,
			`wolf,stderr,`:                      false,
			"Oct  2 06:40:14 host wolf[1234]: ": false,
			"Oct  2 06:40:14.000123 host wolf[1234]: ":              false,
			"Oct  2 06:40:14 host wolf: ":                           false,
			"2025-10-02T06:40:14+0000 host wolf[1234]: ":            true,
			"2025-10-02T08:40:14+02:00 host wolf: ":                 true,
			"2025-10-02T08:40:14.000000000+02:00 ":                  true,
			"2025-10-02T06:40:14Z stderr F ":                        true,
			"[pod/wolf-0/wolf] ":                                    false,
			"[pod/wolf-0/wolf] 2025-10-02T06:40:14Z ":               true,
			"<14>1 2025-10-02T06:40:14Z host wolf 1 - - ":           true,
			`<14>1 2025-10-02T06:40:14Z host wolf 1 - [a@1 b="c"] `: true,
			"wolf-1  | 2025-10-02T08:40:14+02:00 ":                  true,
			"2025-10-02T06:40:14Z,wolf,":                            true,
			"> Oct  2 06:40:14 host wolf[1234]: ":                   false,
		} {
			got := Parse(prefix + line)
			if got.Shape != want.Shape || got.Level != want.Level || got.Message != want.Message || got.Object != want.Object || got.Time != want.Time || !got.Date.Equal(want.Date) {
				t.Errorf("%q before %q:\n got %+v\nwant %+v", prefix, line, got, want)
			}
			if stamped != got.Stamped.Equal(taken) {
				t.Errorf("%q: taken at %s", prefix, got.Stamped)
			}
		}
	}
	for text, want := range map[string]string{
		"> malloc(): x": "malloc(): x",
		"Oct  2 06:40:14 host wolf[1234]: EVP_DecryptFinal_ex failed": "EVP_DecryptFinal_ex failed",
		"at 10:00 it was well":                  "at 10:00 it was well",
		"a text with INFO and 10:00:00 in it |": "a text with INFO and 10:00:00 in it |",
		strings.Repeat("a ", 200) + wolf:        strings.Repeat("a ", 200) + wolf,
	} {
		if got := Parse(text); got.Shape != Free || got.Message != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
