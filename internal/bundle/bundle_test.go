package bundle

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/vitals"
)

const (
	secretKey = "00112233445566778899aabbccddeeff"
	secretPEM = "-----BEGIN CERTIFICATE-----\nMIIBsecretsecretsecret\n-----END CERTIFICATE-----"
	log       = "10:00:00.000000000 INFO  | Gstreamer version: 1.26.2-0\n" +
		`10:00:01.000000000 DEBUG | rtpmoonlightpay_audio aes_key="` + secretKey + `"` + "\n" +
		"10:00:02.000000000 ERROR | Unhandled exception: bind: Address already in use\n"
	config = "hostname = \"wolf\"\nuuid = \"abc\"\n[[paired_clients]]\nclient_cert = '''\n" + secretPEM + "\n'''\napp_state_folder = \"1\"\n" +
		"[web]\npassword = \"hunter2\"\napi_token: 'abcdef'\nport = 47989\n"
)

// engineOf is an engine with one container, which says what its log is.
func engineOf(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/_ping"):
			_, _ = io.WriteString(w, "OK")
		case strings.HasSuffix(path, "/containers/json"):
			_, _ = io.WriteString(w, `[{"Id":"aaaa1111","Names":["/wolf"],"Image":"ghcr.io/games-on-whales/wolf:stable","State":"running"}]`)
		case strings.HasSuffix(path, "/containers/aaaa1111/json"):
			_, _ = io.WriteString(w, `{"Id":"aaaa1111","State":{"Status":"running"},"Config":{"Tty":true,"Env":["WOLF_LOG_LEVEL=DEBUG","STEAM_API_KEY=hunter2","DB_PASSWORD=hunter2"]}}`)
		case strings.HasSuffix(path, "/logs"):
			for line := range strings.Lines(log) {
				_, _ = fmt.Fprintf(w, "2026-01-01T10:00:00.000000000Z %s", line)
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return "tcp://" + s.Listener.Addr().String()
}

// TestABundleHasAllButSecrets: logs of files and of containers, their state, the
// configuration, the report; and no secret in any of them.
func TestABundleHasAllButSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"wolf.log": log, "config.toml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := diagnosis.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Gather(t.Context(), c, Options{
		Containers: []string{"wolf", "gone"}, Logs: []string{filepath.Join(dir, "wolf.log")}, Configs: []string{filepath.Join(dir, "config.toml")},
		Version: "v1", Machine: vitals.Machine{Root: dir, Sockets: []string{engineOf(t)}, Getenv: func(string) string { return "" }, HTTPS: "127.0.0.1:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "b.tar.zst")
	if err := b.WriteFile(path, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFile(path, time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), "--output") {
		t.Errorf("a file that is there was replaced: %v", err)
	}
	all := contents(t, path)
	for _, name := range []string{"logs/wolf.log", "logs/wolf.log", "containers/wolf.json", "config/config.toml", "report.txt", "report.json", "versions.txt", "machine.txt", "missing.txt"} {
		if _, there := all["kennel-bundle/"+name]; !there {
			t.Errorf("%s is missing among %d files", name, len(all))
		}
	}
	for name, text := range all {
		for _, secret := range []string{secretKey, "MIIBsecret", "hunter2", "abcdef"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", name, secret, text)
			}
		}
	}
	for name, want := range map[string]string{
		"config/config.toml": "port = 47989", "containers/wolf.json": "WOLF_LOG_LEVEL=DEBUG", "report.txt": "port-in-use", "missing.txt": "gone", "versions.txt": "kennel v1",
	} {
		if !strings.Contains(all["kennel-bundle/"+name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, all["kennel-bundle/"+name])
		}
	}
}

func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] += string(text)
	}
}

// TestTheEndOfALog: of a log that is too large the end is taken, from the
// beginning of a line.
func TestTheEndOfALog(t *testing.T) {
	text := strings.Repeat("0123456789\n", 1000)
	got, err := tailOf(strings.NewReader(text), 105)
	if err != nil || string(got) != strings.Repeat("0123456789\n", 9) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := tailOf(strings.NewReader("a\nb"), 105); err != nil || string(got) != "a\nb" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNoLogIsASentence: without any log there is nothing to bundle.
func TestNoLogIsASentence(t *testing.T) {
	c, err := diagnosis.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	none := []string{filepath.Join(t.TempDir(), "no.sock")}
	if _, err := Gather(t.Context(), c, Options{Machine: vitals.Machine{Sockets: none}}); err == nil || !strings.Contains(err.Error(), "name a file, or a container by --container") {
		t.Error(err)
	}
	if _, err := Gather(t.Context(), c, Options{Logs: slices.Repeat([]string{"x"}, mostLogs+1)}); err == nil {
		t.Error("too many logs")
	}
}
