package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

func TestKeysOfLines(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7 [GET] HTTPS://10.0.0.1/cancel":                                        "10.0.0.7 10.0.0.1",
		"[ENET] disconnected client: 10.0.0.7:5511":                                     "10.0.0.7:5511 10.0.0.7",
		"interpipesrc_1111111111111111111_video":                                        "1111111111111111111",
		"[DOCKER] Stopping container: /Blender_424242424242424":                         "424242424242424",
		"[GSTREAMER] Pausing pipeline: 11761219281196748612":                            "11761219281196748612",
		"on port: 48010, after 1.5 s at 10:01:00.5, x12345678901 123456789012345678901": "",
		"":              "",
		"at 10.0.0.7.":  "10.0.0.7",
		"10.0.0.7: off": "10.0.0.7",
	} {
		var got []string
		eachKey(text, func(key string) bool { got = append(got, key); return false })
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if !eachKey("10.0.0.7", func(string) bool { return true }) {
		t.Error("a key that is found does not end the search")
	}
}

// two are the sessions of two clients at one time, the second a minute later.
func two() []string {
	lines := []string{"09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"}
	for i, id := range []string{"1111111111111111111", "2222222222222222222"} {
		at, ip := "10:0"+string(rune('1'+i)), "10.0.0."+string(rune('7'+i))
		lines = append(lines, launched(at, ip)[0], at+":00.001000000 DEBUG | Host app state folder: /etc/wolf/"+id+"/App, creating paths")
		lines = append(lines, launched(at, ip)[1:]...)
		lines = append(lines, at+":01.000000000 INFO  | [DOCKER] Starting container: /App_"+id)
	}
	return lines
}

// TestSessionsAtOneTime: each line goes to the session that it names, by number,
// port, address or container, and what names none to one that goes on.
func TestSessionsAtOneTime(t *testing.T) {
	const first = "1111111111111111111"
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"number":       {[]string{"10:05:00.000000000 DEBUG | [GSTREAMER] Pausing pipeline: " + first}, "left open"},
		"port":         {[]string{"10:05:00.000000000 DEBUG | [ENET] disconnected client: 10.0.0.7:5511"}, "left open"},
		"address":      {[]string{quitAt("10:05", "10.0.0.7")}, "quit open"},
		"the second's": {[]string{quitAt("10:05", "10.0.0.8")}, "open quit"},
		"container":    {[]string{"10:05:00.000000000 INFO  | Stopped container: /App_" + first}, "app open"},
		"a stranger's": {[]string{"10:05:00.000000000 DEBUG | [ENET] disconnected client: 10.0.0.9:1"}, "open left"},
		"restart":      {[]string{"10:05:00.000000000 INFO  | Gstreamer version: 1.26.7-0"}, "restart restart"},
		"one ended":    {[]string{quitAt("10:05", "10.0.0.8"), "10:06:00.000000000 DEBUG | [GSTREAMER] Pausing pipeline: 9"}, "left quit"},
		"both":         {[]string{quitAt("10:05", "10.0.0.8"), "10:06:00.000000000 DEBUG | [ENET] disconnected client: 10.0.0.7:5511"}, "left quit"},
	} {
		d := diagnose(t, append(two(), c.lines...)...)
		var got []string
		for _, s := range d.Sessions {
			got = append(got, s.End)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: ended %v, want %s", name, got, c.want)
		}
	}

	broken := "10:05:00.000000000 ERROR | [GSTREAMER] Pipeline error: Internal data stream error."
	for name, c := range map[string]struct {
		lines []string
		want  int
	}{
		"names none":        {[]string{broken}, 1},
		"after its element": {[]string{"0:05:00.000000001     1 0x7f WARN basesrc gstbasesrc.c:3132:gst_base_src_loop:<interpipesrc_" + first + "_video> error: streaming stopped, reason error (-5)", broken}, 0},
		"the other ended":   {[]string{quitAt("10:03", "10.0.0.8"), broken}, 0},
		"of an end":         {[]string{"10:04:59.500000000 DEBUG | 10.0.0.8 [GET] HTTPS://10.0.0.1/cancel", broken}, -1},
	} {
		d := diagnose(t, append(two(), c.lines...)...)
		got := slices.IndexFunc(d.Sessions, func(s Session) bool { return s.has("internal-data") })
		if got != c.want {
			t.Errorf("%s: in session %d, want %d", name, got, c.want)
		}
	}

	// The same client's next session has its keys, but for the old port.
	again := slices.Concat(two(), []string{quitAt("10:04", "10.0.0.7")}, launched("10:05", "10.0.0.7"),
		[]string{"10:05:01.000000000 INFO  | [DOCKER] Starting container: /App_" + first, "10:05:02.000000000 DEBUG | [GSTREAMER] Pausing pipeline: " + first})
	d := diagnose(t, again...)
	if len(d.Sessions) != 3 || d.Sessions[0].End != EndQuit || d.Sessions[2].End != EndLeft || !d.Sessions[2].done(evidence.StageApp) || !d.Sessions[2].done(evidence.StageControl) {
		t.Errorf("%+v", d.Sessions)
	}
}

// TestKeysAreBounded: clients without end leave no more keys than a bound.
func TestKeysAreBounded(t *testing.T) {
	r := &reader{c: catalogue(t), log: &Log{Lives: []Life{{}}}, route: newRouter()}
	newest := ""
	for i := range 5 * maxKeys {
		r.begin(time.Time{}, false)
		newest = fmt.Sprint("a client ", i)
		r.learn(newest)
	}
	if n := len(r.route.keys); n > maxKeys {
		t.Errorf("%d keys", n)
	}
	if i, ok := r.route.keys[newest]; !ok || i != r.session {
		t.Error("the newest client is not known")
	}
}

// TestWhatAnAppPrinted: it is evidence of an app that failed, and of nothing
// else, and it ends at the next line that is not the app's.
func TestWhatAnAppPrinted(t *testing.T) {
	lines := func(ended, sign string) []string {
		return append(append([]string{"09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"}, launched("10:01", "10.0.0.7")...),
			"10:01:01.000000000 INFO  | [DOCKER] Starting container: /App_1111111111111111111",
			ended+" DEBUG | [DOCKER] Container logs: ", sign,
			ended+" INFO  | Stopped container: /App_1111111111111111111")
	}
	const panicked, vulkan = "thread 'main' panicked at src/main.rs:10:5:", "[vulkan] vkCreateDevice failed (VkResult: -3)"
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"at once":           {lines("10:01:02.000000000", vulkan), "gamescope-vk container-fast-exit"},
		"after hours":       {lines("13:01:02.000000000", vulkan), ""},
		"its own panic":     {lines("10:01:02.000000000", panicked), "container-fast-exit"},
		"the compositor's":  {append(lines("13:01:02.000000000", vulkan), panicked), "compositor-panic"},
		"after Wolf's line": {append(lines("13:01:02.000000000", "13:01:02.000000000 INFO  | HTTPS server listening on port: 47984"), panicked), "compositor-panic"},
	} {
		d := diagnose(t, c.lines...)
		if got := strings.Join(d.Sessions[0].Chain, " "); got != c.want {
			t.Errorf("%s: chain %q, want %q", name, got, c.want)
		}
	}
	// A stage that failed by a sign of no meaning did not fail.
	if r := diagnose(t, lines("13:01:02.000000000", vulkan)...).Sessions[0].record(evidence.StageApp); r.State != Done || r.Detail == "" {
		t.Errorf("%+v", r)
	}
}
