package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// maxProfile bounds a profile of seccomp in bytes. Docker's own has 12 KiB.
const maxProfile = 1 << 20

// readSeccomp puts the profiles in the place of their files: Docker's API takes
// the text of one, as docker run reads it. podman reads the file itself.
func readSeccomp(want *engine.Spec) error {
	for i, option := range want.SecurityOpt {
		file, ok := strings.CutPrefix(option, "seccomp=")
		if !ok || !filepath.IsAbs(file) {
			continue
		}
		text, err := readProfile(file)
		if err != nil {
			return evidence.Errorf(evidence.Invalid, "read the profile of security_opt: %w", err).WithFault(evidence.FaultAppStart)
		}
		want.SecurityOpt[i] = "seccomp=" + text
	}
	return nil
}

func readProfile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(text) > maxProfile {
		return "", fmt.Errorf("%s is larger than %d KiB", path, maxProfile>>10)
	}
	return string(text), nil
}
