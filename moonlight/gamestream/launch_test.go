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
		{"mode", "1920x1080x0"},
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
		{"surroundAudioInfo", "4294967296"},
		{"corever", "-1"},
		{"hdrMode", "4294967296"},
		{"sops", "yes"},
		{"gcmap", "99999999999"},
		{"surroundParams", strings.Repeat("6", 200)},
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

// TestParseLaunchTakesWhatClientsSend: values that GameStream hosts do not refuse.
func TestParseLaunchTakesWhatClientsSend(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        func(LaunchRequest) bool
	}{
		{"sops", "2", func(r LaunchRequest) bool { return r.OptimizeSettings }},
		{"sops", "0", func(r LaunchRequest) bool { return !r.OptimizeSettings }},
		{"hdrMode", "2", func(r LaunchRequest) bool { return r.HDR }},
		{"surroundAudioInfo", "-1", func(r LaunchRequest) bool { return r.Channels == 2 && r.ChannelMask == 3 }},
		{"surroundAudioInfo", "3", func(r LaunchRequest) bool { return r.Channels == 2 && r.ChannelMask == 3 }},
		{"surroundAudioInfo", "4128774", func(r LaunchRequest) bool { return r.Channels == 6 && r.ChannelMask == 0x3f }},
	} {
		query, _ := url.ParseQuery(goodQuery)
		query.Set(test.name, test.value)
		r, err := parseLaunch(query, false)
		if err != nil || !test.want(r) {
			t.Errorf("%s=%s: %+v, %v", test.name, test.value, r, err)
		}
	}
}
