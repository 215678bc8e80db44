package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/process"
)

// registryEnv makes GStreamer read that registry as it is: it neither looks at
// the plugins' directories nor forks a scanner.
func registryEnv(file string) []string {
	return []string{"GST_REGISTRY=" + file, "GST_REGISTRY_UPDATE=no", "GST_REGISTRY_FORK=no"}
}

// EnsureRegistry makes a private registry of GStreamer's plugins in file by a
// run of `exe --build-registry`, unless there is one that is newer than exe and
// the plugins' directories; then it costs a few calls of stat. exe is found by
// Find when empty.
func EnsureRegistry(ctx context.Context, spawner *process.Spawner, exe, file string) error {
	if exe == "" {
		var err error
		if exe, err = Find(); err != nil {
			return fmt.Errorf("build plugin registry: %w", err)
		}
	}
	if registryFresh(exe, file) {
		return nil
	}
	unlock, err := lockFile(ctx, file+".lock")
	if err != nil {
		return fmt.Errorf("build plugin registry: %w", err)
	}
	defer unlock()
	if registryFresh(exe, file) {
		return nil // another one has just made it
	}
	if err := buildRegistry(ctx, spawner, exe, file); err != nil {
		return fmt.Errorf("build plugin registry %s: %w", file, err)
	}
	return nil
}

func buildRegistry(ctx context.Context, spawner *process.Spawner, exe, file string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	proc, err := spawner.Start(ctx, process.Spec{
		Name: "media registry", Path: exe, Args: []string{"--build-registry", file}, Env: pluginEnv(os.Environ()), Dir: "/", Stderr: w,
	})
	_ = w.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		proc.Kill()
		_ = r.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	said, _ := io.ReadAll(io.LimitReader(r, 4<<10))
	select {
	case <-proc.Done():
	case <-ctx.Done():
	}
	exit := proc.End()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case exit.Code != 0:
		return fmt.Errorf("%s: %s", exit, strings.TrimSpace(string(said)))
	}
	return nil
}

// registryFresh compares times of change. A plugin that is replaced changes its
// directory, as package managers rename new files into place.
func registryFresh(exe, file string) bool {
	info, err := os.Stat(file)
	if err != nil || info.Size() == 0 {
		return false
	}
	for _, path := range append(pluginDirs(), exe) {
		if other, err := os.Stat(path); err == nil && !other.ModTime().Before(info.ModTime()) {
			return false
		}
	}
	return true
}

// pluginVariables are GStreamer's own settings of where plugins lie.
var pluginVariables = []string{"GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_SYSTEM_PATH", "GST_PLUGIN_PATH_1_0", "GST_PLUGIN_PATH", "GST_PLUGIN_SCANNER", "LD_LIBRARY_PATH"}

// pluginEnv picks GStreamer's own settings, and PATH and HOME, out of env.
func pluginEnv(env []string) []string {
	var picked []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		for _, v := range append([]string{"PATH", "HOME"}, pluginVariables...) {
			if name == v {
				picked = append(picked, kv)
			}
		}
	}
	return picked
}

// pluginDirs are the directories in which GStreamer may look for plugins.
func pluginDirs() []string {
	var dirs []string
	system := false
	for _, v := range pluginVariables[:4] {
		if value, ok := os.LookupEnv(v); ok {
			system = system || strings.Contains(v, "SYSTEM")
			dirs = append(dirs, filepath.SplitList(value)...)
		}
	}
	if !system {
		for _, lib := range []string{"/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib/aarch64-linux-gnu"} {
			dirs = append(dirs, filepath.Join(lib, "gstreamer-1.0"))
		}
	}
	return dirs
}

// lockFile takes an exclusive lock on a file, which it makes. The lock ends
// with the process at the latest.
func lockFile(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
