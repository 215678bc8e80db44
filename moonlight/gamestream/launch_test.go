package gamestream

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const goodQuery = "appid=3&mode=1920x1080x60&rikey=00112233445566778899aabbccddeeff&rikeyid=-1"

func TestParseLaunchDefaults(t *testing.T) {
	query, _ := url.ParseQuery(goodQuery)
	got, err := parseLaunch(query, false)
	want := LaunchRequest{
		AppID: 3, Width: 1920, Height: 1080, FPS: 60, KeyID: -1, Channels: 2, ChannelMask: 3,
		Key: SessionKey{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestParseLaunchRefuses(t *testing.T) {
	for _, test := range []struct{ name, value string }{
		{"appid", ""},
		{"appid", "0"},
		{"appid", "-1"},
		{"appid", "2147483648"},
		{"mode", ""},
		{"mode", "1920x1080"},
		{"mode", "1920x1080x60x1"},
		{"mode", "63x1080x60"},
		{"mode", "8193x1080x60"},
		{"mode", "1920x99999x60"},
		{"mode", "1920x1080x-1"},
		{"mode", "1920x1080x1001"},
		{"mode", "99999999999999999999x1x1"},
		{"rikey", ""},
		{"rikey", "00112233"},
		{"rikey", "zz112233445566778899aabbccddeeff"},
		{"rikey", "00112233445566778899aabbccddeeff00"},
		{"rikeyid", ""},
		{"rikeyid", "4294967296"},
		{"rikeyid", "-2147483649"},
		{"rikeyid", "1.5"},
	} {
		query, _ := url.ParseQuery(goodQuery)
		query.Set(test.name, test.value)
		_, err := parseLaunch(query, false)
		if err == nil {
			t.Errorf("%s=%s was taken", test.name, test.value)
			continue
		}
		if !strings.Contains(err.Error(), test.name) || len(test.value) > 8 && strings.Contains(err.Error(), test.value) {
			t.Errorf("%s=%s: the error must name the parameter and not its value: %v", test.name, test.value, err)
		}
	}
}

// What a launch can do without is never a reason to refuse it: the values are
// what clients and their forks were seen to send, and what hosts of other makes
// take.
func TestParseLaunchTakesHints(t *testing.T) {
	base := func() LaunchRequest {
		query, _ := url.ParseQuery(goodQuery)
		request, err := parseLaunch(query, false)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	for _, test := range []struct {
		name, value string
		want        func(*LaunchRequest)
	}{
		{"sops", "2", func(r *LaunchRequest) { r.OptimizeSettings = true }},
		{"sops", "-1", func(r *LaunchRequest) { r.OptimizeSettings = true }},
		{"sops", "true", func(r *LaunchRequest) { r.OptimizeSettings = true }},
		{"sops", "0", func(*LaunchRequest) {}},
		{"sops", "false", func(*LaunchRequest) {}},
		{"sops", "", func(*LaunchRequest) {}},
		{"hdrMode", "2", func(r *LaunchRequest) { r.HDR = true }},
		{"localAudioPlayMode", "99999999999999999999", func(r *LaunchRequest) { r.PlayOnHost = true }},
		{"gcpersist", "what", func(*LaunchRequest) {}},
		{"continuousAudio", "1", func(r *LaunchRequest) { r.ContinuousAudio = true }},
		{"surroundAudioInfo", "-1", func(*LaunchRequest) {}},
		{"surroundAudioInfo", "3", func(*LaunchRequest) {}},
		{"surroundAudioInfo", "4294967296", func(*LaunchRequest) {}},
		{"surroundAudioInfo", "stereo", func(*LaunchRequest) {}},
		{"surroundAudioInfo", "4128774", func(r *LaunchRequest) { r.Channels, r.ChannelMask = 6, 63 }},
		{"corever", "-1", func(*LaunchRequest) {}},
		{"corever", "99999", func(r *LaunchRequest) { r.CoreVersion = maxCoreVersion }},
		{"gcmap", "-1", func(r *LaunchRequest) { r.InitialControllers = 0xffffffff }},
		{"remoteControllersBitmap", "99999999999", func(r *LaunchRequest) { r.Controllers = 0xffffffff }},
		{"remoteControllersBitmap", "0x3", func(*LaunchRequest) {}},
		{"surroundParams", strings.Repeat("6", 200), func(*LaunchRequest) {}},
		{"mode", "1920x1080x0", func(r *LaunchRequest) { r.FPS = 60 }},
	} {
		query, _ := url.ParseQuery(goodQuery)
		query.Set(test.name, test.value)
		want := base()
		test.want(&want)
		got, err := parseLaunch(query, false)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s=%.30s: %v %s", test.name, test.value, err, diff)
		}
	}
}

func TestResumeIgnoresTheApp(t *testing.T) {
	for value, want := range map[string]int32{"0": 0, "-5": 0, "Steam": 0, "7": 7} {
		query, _ := url.ParseQuery(goodQuery)
		query.Set("appid", value)
		if request, err := parseLaunch(query, true); err != nil || request.AppID != want {
			t.Errorf("appid=%s: %d, %v", value, request.AppID, err)
		}
	}
}

func TestResumeMayLackAppAndMode(t *testing.T) {
	query, _ := url.ParseQuery("rikey=00112233445566778899aabbccddeeff&rikeyid=4294967295")
	request, err := parseLaunch(query, true)
	if err != nil || request.AppID != 0 || request.Width != 0 || request.KeyID != -1 {
		t.Errorf("got %+v, %v", request, err)
	}
}

func drawLaunch(t *rapid.T) LaunchRequest {
	return LaunchRequest{
		AppID: rapid.Int32Range(1, 1<<31-1).Draw(t, "app"),
		Width: rapid.IntRange(MinDimension, MaxDimension).Draw(t, "width"), Height: rapid.IntRange(MinDimension, MaxDimension).Draw(t, "height"),
		FPS: rapid.IntRange(1, MaxFPS).Draw(t, "fps"), OptimizeSettings: rapid.Bool().Draw(t, "sops"),
		Key:   SessionKey(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key")),
		KeyID: rapid.Int32().Draw(t, "key id"), PlayOnHost: rapid.Bool().Draw(t, "local"),
		Channels: rapid.SampledFrom([]int{2, 6, 8}).Draw(t, "channels"), ChannelMask: rapid.Uint16().Draw(t, "mask"),
		SurroundParams: rapid.StringN(0, 20, 100).Draw(t, "params"), ContinuousAudio: rapid.Bool().Draw(t, "continuous"),
		Controllers: rapid.Uint32().Draw(t, "pads"), InitialControllers: rapid.Uint32().Draw(t, "gcmap"),
		PersistControllers: rapid.Bool().Draw(t, "persist"), CoreVersion: rapid.IntRange(0, 9).Draw(t, "core"), HDR: rapid.Bool().Draw(t, "hdr"),
	}
}

func TestLaunchQueryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawLaunch(t)
		query, err := parseQuery(want.query().Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseLaunch(query, false)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestSecretsDoNotPrint(t *testing.T) {
	request := launchRequest()
	approval := PairApproval{PIN: "0417"}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%08b"} {
		fmt.Fprintf(&shown, verb+verb+verb+verb, request, &request, request.Key, &request.Key)
		fmt.Fprintf(&shown, verb+verb+verb, approval, approval.PIN, &approval)
	}
	for _, value := range []any{request, &request, approval, map[string]any{"k": request.Key, "p": approval.PIN}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
	}
	for _, secret := range []string{"ab0102", "AB0102", "171", "0xab", "0417", "30343137"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q shows: %s", secret, shown.String())
		}
	}
	if !strings.Contains(shown.String(), redacted) {
		t.Error("nothing says that something is hidden")
	}
}
