package engine

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const login = `{"auths":{"https://index.docker.io/v1/":{"auth":"aHViOnB3MQ=="},"registry.example:5000":{"auth":"bWU6cDp3"},
	"http://old.example/v2/":{"auth":"bzpw"},"token.example":{"identitytoken":"t0k"},"helper.example":{},"broken.example":{"auth":"s3cr3t!"}},"credsStore":"x"}`

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	getenv := func(name string) string { return map[string]string{"DOCKER_CONFIG": dir}[name] }
	if auth, err := credentials("debian", getenv); auth != "" || err != nil {
		t.Errorf("without a file: %q, %v", auth, err)
	}
	if err := os.WriteFile(file, []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"debian:12":                       `{"username":"hub","password":"pw1","serveraddress":"https://index.docker.io/v1/"}`,
		"docker.io/library/debian":        `{"username":"hub","password":"pw1","serveraddress":"https://index.docker.io/v1/"}`,
		"registry.example:5000/games/x:1": `{"username":"me","password":"p:w","serveraddress":"registry.example:5000"}`,
		"old.example/x":                   `{"username":"o","password":"p","serveraddress":"http://old.example/v2/"}`,
		"token.example/x":                 `{"serveraddress":"token.example","identitytoken":"t0k"}`,
		"helper.example/x":                "",
		"registry.example/x":              "", // another port
		"ghcr.io/games-on-whales/steam":   "",
		"NOT AN IMAGE":                    "",
	} {
		auth, err := credentials(image, getenv)
		text, bad := base64.URLEncoding.DecodeString(auth)
		if err != nil || bad != nil || string(text) != want {
			t.Errorf("%s: %s, %v %v, want %s", image, text, err, bad, want)
		}
	}
	if _, err := credentials("broken.example/x", getenv); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("of what cannot be read: %v", err)
	}
	_ = os.WriteFile(file, []byte("{"), 0o600)
	if _, err := credentials("debian", getenv); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("of a file that is no JSON: %v", err)
	}
}
