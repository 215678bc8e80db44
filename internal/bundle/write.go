package bundle

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Write writes a bundle as tar.zst; at is the time of its files.
func (b *Bundle) Write(w io.Writer, at time.Time) error {
	z, err := zstd.NewWriter(w)
	if err != nil {
		return fmt.Errorf("compress the bundle: %w", err)
	}
	t := tar.NewWriter(z)
	for _, e := range b.Entries {
		header := &tar.Header{Name: "kennel-bundle/" + e.Name, Mode: 0o600, Size: int64(len(e.Data)), ModTime: at}
		if err := t.WriteHeader(header); err != nil {
			return fmt.Errorf("write %s into the bundle: %w", e.Name, err)
		}
		if _, err := t.Write(e.Data); err != nil {
			return fmt.Errorf("write %s into the bundle: %w", e.Name, err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("end the bundle: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("end the bundle: %w", err)
	}
	return nil
}

// WriteFile writes a bundle into a new file that only its owner reads. A file that
// is there is not replaced.
func (b *Bundle) WriteFile(path string, at time.Time) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "write the bundle: %w: choose another file by --output", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	if err = b.Write(f, at); err != nil {
		_ = f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
