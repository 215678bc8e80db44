package wolflog

import (
	"strings"
	"testing"
)

// secretLines are lines of Wolf, of what runs in it, and of clients, with what
// must not be read in them.
var secretLines = []struct {
	text    string
	secrets []string
}{
	{`rtpmoonlightpay_audio name=moonlight_pay packet_duration=5 encrypt=true aes_key="d99f229acf0d286a4d267cbe4291e614" aes_iv="-305457380" !`, []string{"d99f229a", "305457380"}},
	{`audio/x-opus, aes_key=(string)"c0ffee", aes_iv=(string)77123`, []string{"c0ffee", "77123"}},
	{`GET /launch?uniqueid=0123&rikey=32e0e37b1eee&rikeyid=-1086486095&localAudioPlayMode=0`, []string{"32e0e37b", "1086486095"}},
	{`Header: {"gcmap": "0", "rikeyid": "555554939", "corever": "1", "rikey": "5375a866fb11"}`, []string{"555554939", "5375a866"}},
	{`Insert pin at http://127.0.0.1:47989/pin/#F3E281B4E5A3A21F`, []string{"F3E281B4E5A3A21F"}},
	{`Received POST /pin/ pin:9876 secret:C2644821E5A36E84`, []string{"9876", "C2644821E5A36E84"}},
	{`[API] Received request: POST /api/v1/pair/client - {"pair_secret":"C2644821E5A36E84","pin":"9876"}`, []string{"9876", "C2644821"}},
	{`{"log":"{\"pair_secret\":\"C2644821\",\"pin\":9876,\"x\":1}\n"}`, []string{"9876", "C2644821"}},
	{`PIN 9876 was entered`, []string{"9876"}},
	{`the PIN is 9876`, []string{"9876"}},
	{`<root status_code="200"><pairingsecret>3DFF0FEC1A74</pairingsecret><paired>1</paired></root>`, []string{"3DFF0FEC"}},
	{`<root><plaincert>2D2D2D2D2D4245</plaincert><challengeresponse>8B76A5DDD606`, []string{"2D2D2D2D", "8B76A5DD"}},
	{`Header: {"serverchallengeresp": "f83f2036bcd0", "clientchallenge": "80f291f2", "clientpairingsecret": "2e92b942", "salt": "79ea7591"}`, []string{"f83f2036", "80f291f2", "2e92b942", "79ea7591"}},
	{`GET /pair?phrase=getservercert&salt=79ea7591&clientcert=2d2d2d2d2d42`, []string{"79ea7591", "2d2d2d2d"}},
	{"-----BEGIN CERTIFICATE-----\\nMIICvzCCAaegAwIBAgIBADANBgkq\\n-----END CERTIFICATE-----", []string{"MIICvzCC"}},
	{"-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqh cut", []string{"MIIEvQIB", "cut"}},
	{`peer: MIICvzCCAaegAwIBAgIBADANBgkqhkiG9w0BAQsFADAzMQwwCgYD`, []string{"MIICvzCC"}},
	{`Loaded key 32dc0945112d251d5a92674eb024dc00 for the session`, []string{"32dc0945"}},
	{`fingerprint 32:dc:09:45:11:2d:25:1d:5a:92:67:4e:b0:24:dc:00`, []string{"45:11:2d", "24:dc"}},
	{`client_cert: "-----BEGIN", private_key = 'abc def'`, []string{"abc", "def"}},
	{`Cookie: session=abcdef; other=ghijkl`, []string{"abcdef", "ghijkl"}},
	{`{"headers":{"Cookie":"a=abcdef; b=ghijkl","Authorization":"Bearer xyzxyzxyz"}}`, []string{"abcdef", "ghijkl", "xyzxyz"}},
	{`Authorization: Bearer abc.def-ghi`, []string{"abc.def"}},
	{`Set-Cookie: kennel=abcdef; HttpOnly`, []string{"abcdef"}},
	{`X-SS-Ping-Payload: 0A1B2C3D4E5F6071`, []string{"0A1B2C3D"}},
	{`X-SS-Connect-Data: 3735928559`, []string{"3735928559"}},
	{`container env: STEAM_TOKEN=abcdefgh DB_PASSWORD="ab cd" API_KEY=ijklmn`, []string{"abcdefgh", "ab cd", "ijklmn"}},
	{`connecting to postgres://wolf:hunter2@db/x`, []string{"hunter2"}},
	{`GET /events?token=abcdefgh&x=1`, []string{"abcdefgh"}},
	{`id eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123`, []string{"eyJhbGci"}},
	{`Starting container: /WolfDesktop_11761219281196748612`, []string{"11761219281196748612", "1176121928"}},
	{`0:00:01.0 1 0x7 WARN a b.c:1:f:<interpipesrc_11761219281196748612_video> {"client_id":"9761219281196748612"}`, []string{"1176121928", "976121928"}},
	{`time=2026-11-23T16:35:23.838Z level=INFO msg="paired" client=Living pin=9876 cert_hash="abc"`, []string{"9876"}},
	{`rikey: 32e0e37b` + "\x00" + `1eee`, []string{"32e0e37b"}},
	{`PASSWORD: it"s`, []string{`it`}},
}

func TestRedact(t *testing.T) {
	for _, c := range secretLines {
		got := Redact(c.text)
		for _, secret := range c.secrets {
			if strings.Contains(got, secret) {
				t.Errorf("%s\nstays in %s", secret, got)
			}
		}
		if again := Redact(got); again != got {
			t.Errorf("not the same twice:\n%s\n%s", got, again)
		}
	}
}

// TestRedactLeavesTheRest: what is no secret is read as it was.
func TestRedactLeavesTheRest(t *testing.T) {
	for _, text := range []string{
		"spinning: 4", "mapping: /dev/dri", "pipeline: x264enc ! key-int-max=0", "unexpected token: }", "keyboard: us", "pins 1234",
		"Loading server certificates from disk: /etc/wolf/cfg/cert.pem /etc/wolf/cfg/key.pem",
		"Unable to find EGLDevice for drm-node 0x7fb7c0562e0", "timestamp 1759387211.752176123", "uuid 8681285a-3b11-49d3-b1df-bf1139c158be",
		"0:00:01.123456789 1 0x77fb7c0562e0 WARN cudacontext gstcudacontext.cpp:402:f:<nvh265enc10> CUDA call failed",
		"Field named 'pair_secret' not found", "x-nv-video[0].maxFPS:60", "http://localhost:47989/serverinfo",
		"[DOCKER] error 404 - {\"message\":\"No such image: ghcr.io/games-on-whales/xfce:edge\"}",
	} {
		if got := Redact(text); got != text {
			t.Errorf("%s\nbecame %s", text, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, c := range secretLines {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Whatever stands before, a key in its usual place does not stay.
		const key = "d99f229acf0d286a"
		if got := Redact(text + "\naes_key=\"" + key + "\""); strings.Contains(got, key) && !strings.Contains(text, key[:8]) {
			t.Errorf("%q", got)
		}
	})
}
