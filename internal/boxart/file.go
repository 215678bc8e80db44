package boxart

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
)

// Bounds of a picture that is read from a file.
const (
	maxBytes  = 8 << 20
	maxPixels = 16 << 20
)

// Load reads a PNG file that is served as it is. It is checked, because clients
// show nothing, or fail, on anything else.
func Load(path string) ([]byte, error) {
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	if _, err := decode(path, raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// read takes regular files only: a pipe would hold the reader.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read a picture: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read a picture: %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a picture: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read a picture: %w", err)
	case len(raw) > maxBytes:
		return nil, fmt.Errorf("read a picture: %s has more than %d MiB", path, maxBytes>>20)
	}
	return raw, nil
}

// decode looks at the size before it makes room for the pixels.
func decode(path string, raw []byte) (image.Image, error) {
	c, err := png.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s is not a PNG picture: %w", path, err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return nil, fmt.Errorf("%s has %dx%d pixels; at most %d million are allowed", path, c.Width, c.Height, maxPixels>>20)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s is not a whole PNG picture: %w", path, err)
	}
	return img, nil
}

// LoadImage reads and checks a PNG file.
func LoadImage(path string) (image.Image, error) {
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	return decode(path, raw)
}

// ErrNoIcon says that the machine has no PNG icon for a program.
var ErrNoIcon = errors.New("no icon")
