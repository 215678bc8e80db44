package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/registry"
)

// mostSettings bounds the file that docker login writes.
const mostSettings = 1 << 20

// settings is what is used of docker's config.json.
type settings struct {
	Auths map[string]struct {
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
}

// credentials are what docker login has kept for the image's registry, as an
// engine takes them; "" for none. Nothing of another registry leaves the file.
func credentials(image string, getenv func(string) string) (string, error) {
	name, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", nil // the engine says what is wrong with it
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		home := getenv("HOME")
		if u, err := user.Current(); home == "" && err == nil {
			home = u.HomeDir // a service has none in its environment
		}
		dir = filepath.Join(home, ".docker")
	}
	f, err := os.Open(filepath.Join(dir, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read docker's credentials: %w", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, mostSettings))
	if err != nil {
		return "", fmt.Errorf("read docker's credentials: %w", err)
	}
	return credentialsFor(reference.Domain(name), raw)
}

func credentialsFor(domain string, raw []byte) (string, error) {
	var all settings
	if err := json.Unmarshal(raw, &all); err != nil {
		return "", fmt.Errorf("read docker's credentials (config.json): %w", err)
	}
	for key, kept := range all.Auths {
		if registryOf(key) != domain || kept.Auth == "" && kept.IdentityToken == "" {
			continue
		}
		decoded, err := base64.StdEncoding.DecodeString(kept.Auth)
		name, password, _ := strings.Cut(strings.TrimRight(string(decoded), "\x00"), ":")
		if err != nil {
			// The error would tell of the secret.
			return "", fmt.Errorf("docker's credentials for %s cannot be read: log in again by docker login", domain)
		}
		text, err := json.Marshal(registry.AuthConfig{Username: name, Password: password, IdentityToken: kept.IdentityToken, ServerAddress: key})
		if err != nil {
			return "", err
		}
		return base64.URLEncoding.EncodeToString(text), nil
	}
	return "", nil
}

// registryOf is the registry that a key of config.json means: docker has written
// several forms over the years.
func registryOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	key, _, _ = strings.Cut(key, "/")
	if key == "index.docker.io" || key == "registry-1.docker.io" {
		return "docker.io"
	}
	return key
}
