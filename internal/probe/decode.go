package probe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

// decoder turns access units into pictures.
type decoder interface {
	Decode(ctx context.Context, au []byte, sequence uint64, each func(*media.Picture)) error
}

// worker is a decoder in a process of its own.
type worker struct {
	*media.Decoding
	process *media.Worker
	spawner *process.Spawner
}

// startDecoder starts a media worker and its decoder; it is warm when this returns.
func startDecoder(ctx context.Context, executable string) (*worker, error) {
	ctx, cancel := context.WithTimeout(ctx, workerTimeout)
	defer cancel()
	spawner := process.NewSpawner()
	w, err := startWorker(ctx, spawner, executable)
	if err != nil {
		spawner.Close()
		return nil, evidence.Errorf(evidence.Unavailable, "start a decoder: %w", err)
	}
	decoding, err := w.Decode(ctx, media.DecodeSpec{Codec: "h264"})
	if err != nil {
		w.Kill()
		spawner.Close()
		return nil, evidence.Errorf(evidence.Unavailable, "start a decoder: %w", err)
	}
	return &worker{decoding, w, spawner}, nil
}

func startWorker(ctx context.Context, spawner *process.Spawner, executable string) (*media.Worker, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("kennel-%d", os.Geteuid()))
	}
	dir := filepath.Join(cache, "kennel")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for the plugin registry: %w", err)
	}
	registry := filepath.Join(dir, "gstreamer.registry")
	if err := media.EnsureRegistry(ctx, spawner, executable, registry); err != nil {
		return nil, err
	}
	return media.Start(ctx, spawner, media.Options{
		Executable: executable, RegistryFile: registry,
		Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8"}, Stderr: os.Stderr,
	})
}

func (w *worker) close() {
	// In this order: a decoder whose pipe is closed while it writes complains.
	w.process.Kill()
	_ = w.Close()
	w.spawner.Close()
}

// unit is a frame on its way to the decoder.
type unit struct {
	data  []byte
	index uint32
	at    time.Time
}
