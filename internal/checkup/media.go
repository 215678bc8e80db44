package checkup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/sound"
)

// mediaTimeout bounds one trial of a codec; drivers of GPUs take their time.
const mediaTimeout = 20 * time.Second

const installMedia = "make deps, or: apt install gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav"

// checkMedia tries GStreamer and the encoders of the ladder, each in a process
// of its own.
func checkMedia(ctx context.Context, spawner *process.Spawner, o *Options) []Item {
	path, err := media.Find()
	if err != nil {
		return []Item{lacks("kennel-media", Missing, "make build", "%v", err)}
	}
	dir, err := os.MkdirTemp("", "kennel-checkup")
	if err != nil {
		return []Item{lacks("kennel-media", Missing, "make "+os.TempDir()+" writable", "%v", err)}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m := media.Options{Executable: path, RegistryFile: filepath.Join(dir, "registry"), Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}}
	warming, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	err = media.EnsureRegistry(warming, spawner, path, m.RegistryFile)
	var w *media.Worker
	if err == nil {
		w, err = media.Start(warming, spawner, m)
	}
	if err != nil {
		return []Item{lacks("gstreamer", Missing, installMedia, "%v", err)}
	}
	defer w.Kill()
	items := append([]Item{ok("gstreamer", "%s", w.Hello().GStreamer)}, checkEncoders(ctx, spawner, o.Config.Video.Encoders, m)...)
	items = append(items, checkImports(ctx, spawner, o, m)...)
	items = append(items, checkMeter(ctx, spawner, m))
	return append(items, checkDecoder(ctx, w))
}

// checkMeter reads the GPUs once.
func checkMeter(ctx context.Context, spawner *process.Spawner, m media.Options) Item {
	ctx, cancel := context.WithTimeout(ctx, mediaTimeout)
	defer cancel()
	meter := media.NewGPUMeter(spawner, m)
	defer meter.Close()
	reading, err := meter.Read(ctx)
	if errors.Is(err, media.ErrNoGPUDriver) {
		return ok("gpu meter", "not needed: no driver of NVIDIA's is here")
	}
	if err != nil {
		return lacks("gpu meter", Warning, "run nvidia-smi: when it hangs or fails too, the driver must be reset", "encoders of NVIDIA's GPUs are not used: %v", err)
	}
	var devices []string
	for _, d := range reading.Devices {
		devices = append(devices, d.Name)
	}
	return ok("gpu meter", "driver %s: %s", reading.Driver, strings.Join(devices, ", "))
}

// checkImports tries every way of reading what apps draw in GPU memory. Without
// any they copy their pictures into shared memory, which works everywhere.
func checkImports(ctx context.Context, spawner *process.Spawner, o *Options, m media.Options) []Item {
	node, there := media.FindRenderNode("/")
	switch {
	case o.Config.Display.DMABuf == config.DMABufOff:
		return []Item{ok("import", "off, as configured: apps copy pictures out of GPU memory")}
	case o.Config.Display.DMABuf == config.DMABufAuto && !there:
		return []Item{ok("import", "not tried: there is no /dev/dri/renderD*, so no app draws in GPU memory")}
	}
	var items []Item
	works := 0
	for _, path := range media.ImportPaths() {
		begun := time.Now()
		trying, cancel := context.WithTimeout(ctx, mediaTimeout)
		ready, err := media.TryImport(trying, spawner, m, media.ImportTrial{Path: path.Name, Node: node.Path})
		cancel()
		if err != nil {
			items = append(items, ok("import", "%s is not used: %v", path.Name, err))
			continue
		}
		works++
		items = append(items, ok("import", "%s works with %d formats of %s (%s)", path.Name, len(ready.Formats), ready.Element, time.Since(begun).Round(time.Millisecond)))
	}
	if works == 0 {
		items = append(items, lacks("import", Warning, "see docs/gpu.md", "no way to read GPU buffers works: apps copy pictures out of GPU memory"))
	}
	return items
}

// checkEncoders tries every rung; those of GPUs that this machine does not have
// share a line.
func checkEncoders(ctx context.Context, spawner *process.Spawner, names []string, m media.Options) []Item {
	var items []Item
	works := 0
	var notHere []string
	for _, name := range names {
		r, known := media.EncoderNamed("h264", name)
		if !known {
			continue
		}
		begun := time.Now()
		trying, cancel := context.WithTimeout(ctx, mediaTimeout)
		_, err := media.Try(trying, spawner, m, r.Element)
		cancel()
		absent := errors.Is(err, media.ErrEncoderMissing)
		switch {
		case err == nil:
			works++
			items = append(items, ok("encoder", "%s works (%s)", name, time.Since(begun).Round(time.Millisecond)))
		case absent && (!r.Hardware || r.DeviceThere()):
			items = append(items, lacks("encoder", Warning, "apt install "+r.Package, "%s is not installed", name))
		case absent:
			notHere = append(notHere, name)
		default:
			items = append(items, lacks("encoder", Warning, "", "%s fails and is left out: %v", name, err))
		}
	}
	if len(notHere) > 0 {
		items = append(items, ok("encoder", "%s: no such GPU on this machine", strings.Join(notHere, ", ")))
	}
	if works == 0 {
		items = append(items, lacks("encoder", Missing, installMedia, "none of %s works", strings.Join(names, ", ")))
	}
	return items
}

func checkDecoder(ctx context.Context, w *media.Worker) Item {
	ctx, cancel := context.WithTimeout(ctx, mediaTimeout)
	defer cancel()
	d, err := w.Decode(ctx, media.DecodeSpec{Codec: "h264"})
	if err != nil {
		return lacks("decoder", Warning, "apt install gstreamer1.0-libav", "neither the canary nor kennel probe can look at pictures: %v", err)
	}
	_ = d.Close()
	return ok("decoder", "%s", d.Ready().Element)
}

// checkSound looks for what makes sound and what encodes it: a session streams
// without either.
func checkSound(ctx context.Context, spawner *process.Spawner, o *Options) []Item {
	if o.Config.Audio.Server == config.AudioOff {
		return []Item{ok("sound", "off, as configured")}
	}
	var items []Item
	if path, err := soundServer(o.Config.Audio.Server); err != nil {
		items = append(items, lacks("pulseaudio", Warning, "apt install pulseaudio", "not installed: sessions have no sound"))
	} else {
		items = append(items, ok("pulseaudio", "%s", path))
	}
	if path, err := media.Find(); err == nil {
		items = append(items, checkOpus(ctx, spawner, path))
	}
	return items
}

func soundServer(wanted string) (string, error) {
	if wanted == "" {
		return sound.Find()
	}
	_, err := os.Stat(wanted)
	return wanted, err
}

func checkOpus(ctx context.Context, spawner *process.Spawner, path string) Item {
	ctx, cancel := context.WithTimeout(ctx, mediaTimeout)
	defer cancel()
	w, err := media.Start(ctx, spawner, media.Options{Executable: path, Audio: true})
	if err != nil {
		return lacks("libopus", Warning, "apt install libopus0", "sessions have no sound: %v", err)
	}
	defer w.Kill()
	return ok("libopus", "%s", w.Hello().Opus)
}
