package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/web"
	"github.com/kennel-stream/kennel/internal/wolfapi"
)

// wolfSocketVariable names the socket where the configuration does not.
const wolfSocketVariable = "WOLF_SOCKET_PATH"

// usualWolfSocket is where tools made for Wolf look for it when they are told
// nothing. A user who is not root has it where his other sockets are, in a
// directory of its own, which apps do not see.
func usualWolfSocket(uid int, runtimeDir string) string {
	switch {
	case uid == 0:
		return "/var/run/wolf/wolf.sock"
	case filepath.IsAbs(runtimeDir):
		return filepath.Join(runtimeDir, "wolf", "wolf.sock")
	}
	return ""
}

// wolf is the API that tools made for Wolf speak; nil where there is none.
type wolf struct {
	path    string
	feed    *wolfapi.Feed
	backend *wolfapi.Local
	socket  net.Listener
	api     *http.Server
}

// newWolf returns what hears of events; open is to be called later.
func newWolf(c config.Config) *wolf {
	path := cmp.Or(c.Wolf.Socket, os.Getenv(wolfSocketVariable))
	if path == "" {
		return nil
	}
	return &wolf{path: path, feed: wolfapi.NewFeed()}
}

// clientEnv is what apps are told of their client, nil where there is no API
// that would know it.
func clientEnv(c config.Config, s *store.Store) func(string) []string {
	if newWolf(c) == nil {
		return nil
	}
	return wolfapi.ClientEnv(s)
}

// private makes the socket's directory and returns it where it may be hidden
// from apps: when it is not one that they need themselves.
func (w *wolf) private() ([]string, error) {
	if w == nil {
		return nil, nil
	}
	if !filepath.IsAbs(w.path) {
		return nil, evidence.Errorf(evidence.Invalid, "%s is %q, which is not an absolute path: begin it with /", wolfSocketVariable, w.path)
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o755); err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "make the directory of wolf's socket: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(w.path))
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "find the directory of wolf's socket: %w", err)
	}
	if filepath.Dir(dir) == "/" || dir == os.Getenv("XDG_RUNTIME_DIR") {
		return nil, nil
	}
	return []string{dir}, nil
}

// events are the sinks of events: the given one, and the API's.
func (w *wolf) events(other evidence.Sink) evidence.Sink {
	if w == nil {
		return other
	}
	return func(e evidence.Event) {
		other(e)
		w.feed.Record(e)
	}
}

// open makes the socket.
func (w *wolf) open(r *running, local *web.Local) (err error) {
	if w.socket, err = wolfapi.Listen(w.path, r.config.Wolf.Group, r.log.Warn); err != nil {
		return &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	r.log.Info("wolf's api is served", "socket", w.path)
	w.backend = &wolfapi.Local{
		Local: local, UIDFirst: r.config.Process.UIDFirst, Announced: r.announced, Links: wolfLinks(r.dir), Engines: engineSockets(r.config),
		Users: r.config.Wolf.Profiles,
	}
	w.api = wolfapi.NewServer(w.backend, w.feed, r.log.Warn)
	return nil
}

// run serves until ctx ends, then lets running calls finish until closing does.
func (w *wolf) run(ctx context.Context, work *sync.WaitGroup, failed func(error)) {
	work.Go(func() { w.feed.Run(ctx, w.backend) })
	work.Go(func() {
		if err := w.api.Serve(w.socket); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("serve wolf's api: %w", err))
		}
	})
}

// close ends what open and run began; it may be called on any wolf.
func (w *wolf) close(ctx context.Context) {
	if w == nil || w.socket == nil {
		return
	}
	if w.api != nil {
		_ = w.api.Shutdown(ctx)
	}
	_ = w.socket.Close()
	w.socket = nil
}
