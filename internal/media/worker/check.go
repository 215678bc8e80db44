package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/pulse"
)

// ErrNoEncoder means that a machine has GStreamer but none of the encoders.
var ErrNoEncoder = errors.New("no encoder is installed")

// Check writes for people which GStreamer, encoders and decoders are here; each
// encoder encodes a picture. The error names what must be installed for
// streaming to work.
func Check(w io.Writer) error {
	if err := load(); err != nil {
		return err
	}
	fmt.Fprintf(w, "GStreamer %s\n", version())
	works := 0
	for _, r := range media.Encoders("h264") {
		state := tryEncoder(r)
		if state == nil {
			works++
		}
		line(w, "encoder", r, state)
	}
	for _, r := range media.Decoders("h264") {
		line(w, "decoder", r, tryDecoder(r))
	}
	node, _ := media.FindRenderNode("/")
	for _, path := range media.ImportPaths() {
		fmt.Fprintf(w, "import  %-5s %s\n", path.Name, importState(path, node.Path))
	}
	line(w, "encoder", media.Rung{Codec: "opus", Element: "libopus"}, tryOpus())
	if works == 0 {
		return fmt.Errorf("%w: %s", ErrNoEncoder, missing(media.Encoders("h264")))
	}
	return nil
}

// importState says what a path for GPU buffers reads.
func importState(path media.ImportPath, node string) string {
	made, formats, err := importsOf(path, node)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("works with %s: %v", made, formats)
}

func line(w io.Writer, role string, r media.Rung, err error) {
	state := "works"
	if err != nil {
		state = err.Error()
	}
	fmt.Fprintf(w, "%s %-5s %-12s %s\n", role, r.Codec, r.Element, state)
}

var errAbsent = errors.New("missing")

func tryEncoder(r media.Rung) error {
	if !loadElement(r.Element) {
		return fmt.Errorf("%w: apt install %s", errAbsent, r.Package)
	}
	spec := media.EncodeSpec{Codec: r.Codec, Width: 640, Height: 360, FPSNum: 60, FPSDen: 1, BitrateKbps: 4000}
	e, err := newEncoder(&spec, r.Element)
	if err != nil {
		return err
	}
	defer e.close()
	return e.warmUp()
}

func tryOpus() error {
	if err := loadOpus(); err != nil {
		return err
	}
	spec := media.OpusSpec{Channels: 2, Streams: 1, Coupled: 1, Mapping: [media.MaxAudioChannels]uint8{0, 1}, Duration: 5 * time.Millisecond, BitrateKbps: 128}
	e, err := newOpusEncoder(&spec)
	if err != nil {
		return err
	}
	_, err = e.encode(make([]byte, spec.Samples()*spec.Channels*pulse.SampleBytes))
	return err
}

func tryDecoder(r media.Rung) error {
	if !loadElement(r.Element) {
		return fmt.Errorf("%w: apt install %s", errAbsent, r.Package)
	}
	d, err := newDecoding(r.Element, nil)
	if err != nil {
		return err
	}
	d.pipe.close()
	return nil
}

// BuildRegistry scans the plugins of this machine and writes the registry that
// workers are started with. It replaces file in one step.
func BuildRegistry(file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("build plugin registry: %w", err)
	}
	fresh := fmt.Sprintf("%s.%d", file, os.Getpid())
	defer func() { _ = os.Remove(fresh) }()
	// GStreamer writes its registry where this says, when it is initialised.
	for name, value := range map[string]string{"GST_REGISTRY": fresh, "GST_REGISTRY_UPDATE": "yes", "GST_REGISTRY_FORK": "yes"} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("build plugin registry: %w", err)
		}
	}
	if err := load(); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o644); err != nil {
		return fmt.Errorf("build plugin registry: GStreamer wrote none; is %s writable? %w", filepath.Dir(file), err)
	}
	if err := os.Rename(fresh, file); err != nil {
		return fmt.Errorf("build plugin registry: %w", err)
	}
	return nil
}
