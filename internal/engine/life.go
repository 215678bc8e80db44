package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// changeTimeout bounds one change at an engine, which may have to set up a
// file system or a network for it.
const changeTimeout = 30 * time.Second

func isNotFound(err error) bool { return errdefs.IsNotFound(err) }
func isConflict(err error) bool { return errdefs.IsConflict(err) }

// NotFound tells that the engine answered, and has no such container or image.
func NotFound(err error) bool { return isNotFound(err) || evidence.KindOf(err) == evidence.NotFound }

// Refused tells that the engine answered that it does not do what it was asked
// for. Any other error leaves open whether it does.
func Refused(err error) bool {
	if evidence.KindOf(err) == evidence.Invalid {
		return true // it was not even asked
	}
	for _, is := range []func(error) bool{
		isNotFound, isConflict, errdefs.IsInvalidArgument, errdefs.IsInternal, errdefs.IsPermissionDenied, errdefs.IsUnauthorized, errdefs.IsNotImplemented,
	} {
		if is(err) {
			return true
		}
	}
	return false
}

// Ping asks for a sign of life.
func (e *Engine) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := e.api.Ping(ctx, client.PingOptions{}); err != nil {
		return evidence.Errorf(evidence.Unavailable, "the container engine at %s does not answer: %w", e.Socket, err)
	}
	return nil
}

// Drivers tells how the engine names control groups ("cgroupfs" by paths,
// "systemd" by slices) and where it keeps logs, as "json-file".
func (e *Engine) Drivers(ctx context.Context) (cgroup, logging string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return "", "", e.failed(err, "ask the container engine about itself")
	}
	return found.Info.CgroupDriver, found.Info.LoggingDriver, nil
}

// Podman tells whether the engine is podman, which takes for less than Docker.
func (e *Engine) Podman(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return false, e.failed(err, "ask the container engine what it is")
	}
	for _, c := range found.Components {
		if c.Name == "Podman Engine" {
			return true, nil
		}
	}
	return false, nil
}

// Run starts a container that was created.
func (e *Engine) Run(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if _, err := e.api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return e.failed(err, "start the container")
	}
	return nil
}

// Wait returns when the container does not run any more, with its exit status.
// An error means that the engine was lost, or does not know the container.
func (e *Engine) Wait(ctx context.Context, id string) (status int, err error) {
	waiting := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case r := <-waiting.Result:
		if r.Error != nil && r.Error.Message != "" {
			return int(r.StatusCode), e.failed(errors.New(r.Error.Message), "wait for the container")
		}
		return int(r.StatusCode), nil
	case err := <-waiting.Error:
		return 0, e.failed(err, "wait for the container")
	case <-ctx.Done():
		go letGo(waiting)
		return 0, ctx.Err()
	}
}

// letGo takes an answer that nobody waits for: its sender would for ever.
func letGo(waiting client.ContainerWaitResult) {
	select {
	case <-waiting.Result:
	case <-waiting.Error:
	}
}

// Signal sends a signal, such as "TERM", to the container's first process.
func (e *Engine) Signal(ctx context.Context, id, signal string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := e.api.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: signal}); err != nil {
		return e.failed(err, "send SIG%s to the container", signal)
	}
	return nil
}

// Remove kills what runs in the container and removes it with its unnamed
// volumes. One that is gone already is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || isNotFound(err) {
		return nil
	}
	if isConflict(err) {
		// Somebody else is removing it just now.
		gone := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
		select {
		case <-gone.Result:
			return nil
		case again := <-gone.Error:
			if isNotFound(again) {
				return nil
			}
		case <-ctx.Done():
			go letGo(gone)
		}
	}
	return e.failed(err, "remove the container")
}

// Labelled lists the containers with all of the labels, also those that ended.
func (e *Engine) Labelled(ctx context.Context, labels map[string]string) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	filters := client.Filters{}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		filters.Add("label", name+"="+labels[name])
	}
	found, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, e.failed(err, "list the containers")
	}
	var all []Container
	for _, c := range found.Items {
		name := c.ID
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		all = append(all, Container{ID: c.ID, Name: name, Image: c.Image, State: string(c.State), Labels: c.Labels})
	}
	return all, nil
}

// Death is what the engine saw before a container's end.
type Death struct {
	// Stopped tells that somebody signalled, stopped or removed it over the
	// engine's API.
	Stopped bool
	// OOM tells that the kernel killed something in it for want of memory.
	OOM bool
}

// Death looks up what happened to a container since a time.
func (e *Engine) Death(ctx context.Context, id string, since time.Time) (Death, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var d Death
	stream := e.api.Events(ctx, client.EventsListOptions{
		Since: stamp(since), Until: stamp(time.Now()), Filters: client.Filters{}.Add("container", id),
	})
	for {
		select {
		case m := <-stream.Messages:
			switch m.Action {
			case events.ActionKill, events.ActionStop, events.ActionDestroy, events.ActionRemove:
				d.Stopped = true // podman tells no signal
			case events.ActionOOM:
				d.OOM = true
			}
		case err := <-stream.Err:
			if err == nil || errors.Is(err, context.Canceled) || err.Error() == "EOF" {
				return d, nil
			}
			return d, e.failed(err, "ask what happened to the container")
		}
	}
}

func stamp(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10) + "." + strconv.FormatInt(1e9+int64(t.Nanosecond()), 10)[1:]
}
