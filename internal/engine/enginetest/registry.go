package enginetest

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Registry serves one image with busybox and some megabytes that do not shrink,
// by the distribution API, to who logs in as User with Password. layer writes
// what the engine gets for the image's only layer.
func Registry(t testing.TB, user, password string, layer func(w http.ResponseWriter, raw []byte)) (image string) {
	t.Helper()
	noise := make([]byte, 8<<20)
	_, _ = rand.Read(noise)
	file := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(file, noise, 0o644); err != nil {
		t.Fatal(err)
	}
	var plain, packed bytes.Buffer
	if err := archive(&plain, map[string]string{"/noise": file}); err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain.Bytes())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"],"Env":["PATH=/bin:/usr/bin"]},"rootfs":{"type":"layers","diff_ids":[%q]}}`, digest(plain.Bytes()))
	type blob struct {
		MediaType string `json:"mediaType"`
		Size      int    `json:"size"`
		Digest    string `json:"digest"`
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": blob{"application/vnd.docker.container.image.v1+json", len(config), digest(config)},
		"layers": []blob{{"application/vnd.docker.image.rootfs.diff.tar.gzip", packed.Len(), digest(packed.Bytes())}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if name, word, _ := r.BasicAuth(); name != user || word != password {
			w.Header().Set("Www-Authenticate", `Basic realm="kennel"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch path := r.URL.Path; {
		case strings.Contains(path, "/manifests/"):
			w.Header().Set("Content-Type", manifestType)
			w.Header().Set("Docker-Content-Digest", digest(manifest))
			_, _ = w.Write(manifest)
		case strings.HasSuffix(path, "/blobs/"+digest(config)):
			_, _ = w.Write(config)
		case strings.HasSuffix(path, "/blobs/"+digest(packed.Bytes())):
			w.Header().Set("Content-Length", fmt.Sprint(packed.Len()))
			layer(w, packed.Bytes())
		case path != "/v2/":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String() + "/kennel/pulled:1"
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func digest(raw []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) }
