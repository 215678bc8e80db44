package wolflog

import (
	"os"
	"strings"
	"testing"
)

// secretLines are lines of Wolf, of what runs in it, and of clients, with what
// must not be read in them.
func secretLines(t testing.TB) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		text, secrets, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Fatalf("no secret in %q", line)
		}
		all[text] = strings.Split(secrets, "\t")
	}
	return all
}

func TestRedact(t *testing.T) {
	for text, secrets := range secretLines(t) {
		got := Redact(text)
		for _, secret := range secrets {
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
	for text := range secretLines(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Whatever stands before, a key in its usual place does not stay.
		const key = "d99f229acf0d286a"
		if got := Redact(text + "\naes_key=\"" + key + "\""); strings.Contains(got, key) && !strings.Contains(text, key[:8]) {
			t.Errorf("%q", got)
		}
	})
}
