package session

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// plant makes a container that an earlier run of this host left, and one of
// another host.
func plant(t *testing.T, d *enginetest.Docker, instance string) {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for name, labels := range map[string]map[string]string{
		"mine":   {"stream.kennel.instance": instance, "stream.kennel.run": "earlier", "stream.kennel.session": "x"},
		"theirs": {"stream.kennel.instance": "other", "stream.kennel.run": "earlier"},
	} {
		id, err := e.Create(t.Context(), engine.Spec{Name: name, Image: image, Args: []string{"sleep", "1000"}, Network: "none", Labels: labels})
		if err = errors.Join(err, e.Run(t.Context(), id)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { d.Tell("DELETE", "/containers/theirs?force=1") })
}

// names waits until the engine has just these containers.
func names(t *testing.T, d *enginetest.Docker, want string) {
	t.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		var have []string
		for _, c := range containers(t, d) {
			have = append(have, c.Name)
		}
		if strings.Join(have, " ") == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("containers %q, want %q", have, want)
		}
	}
}

// TestContainersOfAnEarlierRunAreRemoved, those of others are not: whatever way
// the engine is named, and however late it starts.
func TestContainersOfAnEarlierRunAreRemoved(t *testing.T) {
	d := enginetest.Shared(t)
	d.Import(image, nil)
	t.Run("by a path", func(t *testing.T) {
		o := dockOptions(t, d)
		plant(t, d, o.Instance)
		open(t, o)
		names(t, d, "theirs")
	})
	t.Run("by DOCKER_HOST", func(t *testing.T) {
		o := dockOptions(t, d)
		o.EngineSockets = engine.Sockets("/", func(string) string { return "unix://" + d.Socket })
		plant(t, d, o.Instance)
		open(t, o)
		names(t, d, "theirs")
	})
	t.Run("once it starts", func(t *testing.T) {
		o := dockOptions(t, d)
		late := filepath.Join(filepath.Dir(o.RuntimeDir), "docker.sock")
		o.EngineSockets = []string{late}
		plant(t, d, o.Instance)
		open(t, o)
		var asked atomic.Int32
		d.Proxy(t, late, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if asked.Add(1) == 1 {
				http.Error(w, `{"message":"it is only just starting"}`, http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
		names(t, d, "theirs")
	})
}

// TestALateContainerIsRemoved: the engine makes one for a launch that has been
// given up, after it was asked whether it has.
func TestALateContainerIsRemoved(t *testing.T) {
	d := enginetest.Shared(t)
	d.Import(image, nil)
	o := dockOptions(t, d)
	ctx, giveUp := context.WithCancel(t.Context())
	create, made := make(chan struct{}), make(chan int, 1)
	var looks atomic.Int32
	o.EngineSockets = []string{d.Proxy(t, "", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		switch {
		case strings.HasSuffix(r.URL.Path, "/containers/create"):
			giveUp()
			<-create
			next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
			made <- answer.Code
		case strings.Contains(r.URL.RawQuery, "stream.kennel.session") && looks.Add(1) == 1:
			next.ServeHTTP(answer, r)
			close(create)
			if code := <-made; code != http.StatusCreated {
				t.Errorf("the engine makes nothing late: it answers %d", code)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer.Body.Bytes())
		default:
			next.ServeHTTP(w, r)
		}
	})}
	h := open(t, o)
	if _, err := h.Launch(ctx, request("a", boxed("sleep", "1000"))); evidence.FaultOf(err) != evidence.FaultAppStart {
		t.Errorf("%s: %v", evidence.FaultOf(err), err)
	}
	names(t, d, "")
	if looks.Load() == 0 {
		t.Error("nobody looked whether the engine made the container")
	}
}
