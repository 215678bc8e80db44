// Package engine speaks to a container engine, Docker or podman, by Docker's API
// on a unix socket: it asks about the containers that run there, and makes, runs
// and removes those of sessions. Nothing else of the engine is changed.
package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// callTimeout bounds one question; logs that are followed have none.
const callTimeout = 5 * time.Second

// Sockets lists where engines listen, the likeliest first: what DOCKER_HOST
// names, Docker's, podman's, and those of the user. root is put before the paths
// that are not from the environment.
func Sockets(root string, getenv func(string) string) []string {
	if host := getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	paths := []string{filepath.Join(root, "var/run/docker.sock"), filepath.Join(root, "run/docker.sock"), filepath.Join(root, "run/podman/podman.sock")}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman/podman.sock"))
	}
	return paths
}

// Engine is a container engine that answered.
type Engine struct {
	api *client.Client
	// Socket is where it listens.
	Socket string

	silence, tellEvery time.Duration // pullSilence and tellEvery, but in tests
}

// Connect finds the first engine that answers at one of the sockets.
func Connect(ctx context.Context, sockets []string) (*Engine, error) {
	var why error
	for _, socket := range sockets {
		host := socket
		if !strings.Contains(host, "://") {
			if _, err := os.Stat(socket); err != nil {
				continue
			}
			host = "unix://" + socket
		}
		e, err := connect(ctx, host)
		if err == nil {
			e.Socket = socket
			return e, nil
		}
		why = fmt.Errorf("%s: %w", socket, err)
	}
	if why == nil {
		return nil, evidence.Errorf(evidence.Unavailable, "no container engine: none of the sockets %s is there; name another by DOCKER_HOST=unix://PATH", strings.Join(sockets, ", "))
	}
	return nil, evidence.Errorf(evidence.Unavailable, "ask the container engine (may this user open its socket?): %w", why)
}

func connect(ctx context.Context, host string) (*Engine, error) {
	api, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := api.Ping(ctx, client.PingOptions{}); err != nil {
		_ = api.Close()
		return nil, err
	}
	return &Engine{api: api}, nil
}

// Close ends the connections.
func (e *Engine) Close() error { return e.api.Close() }

// Container is a container as a list shows it.
type Container struct {
	ID, Name, Image string
	// State is "running", "exited", "restarting" and the like.
	State string
	// Labels are those of a Labelled list.
	Labels map[string]string
}

// List lists all containers, also those that ended.
func (e *Engine) List(ctx context.Context) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "list the containers at %s: %w", e.Socket, err)
	}
	var all []Container
	for _, c := range found.Items {
		name := c.ID
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		all = append(all, Container{ID: c.ID, Name: name, Image: c.Image, State: string(c.State)})
	}
	return all, nil
}

// Find returns the container of that name or id; for no name the one whose image
// is Wolf's. Of several the running one is taken.
func (e *Engine) Find(ctx context.Context, name string) (Container, error) {
	all, err := e.List(ctx)
	if err != nil {
		return Container{}, err
	}
	var fit []Container
	for _, c := range all {
		if name == "" && isWolf(c.Image) || name != "" && (c.Name == name || len(name) >= 4 && strings.HasPrefix(c.ID, name)) {
			fit = append(fit, c)
		}
	}
	if running := slices.DeleteFunc(slices.Clone(fit), func(c Container) bool { return c.State != "running" }); len(running) > 0 {
		fit = running
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return Container{}, evidence.Errorf(evidence.Invalid, "several containers fit: %s; name one", names(fit))
	case name == "":
		return Container{}, evidence.Errorf(evidence.NotFound, "no container at %s has an image of Wolf's; name one of: %s", e.Socket, names(all))
	}
	return Container{}, evidence.Errorf(evidence.NotFound, "there is no container %q at %s; there are: %s", name, e.Socket, names(all))
}

// isWolf tells by the last part of an image's name: ghcr.io/games-on-whales/wolf:stable.
func isWolf(image string) bool {
	image, _, _ = strings.Cut(image[strings.LastIndexByte(image, '/')+1:], "@")
	image, _, _ = strings.Cut(image, ":")
	return image == "wolf" || strings.HasPrefix(image, "wolf-")
}

// mostNames bounds what an error lists.
const mostNames = 12

func names(all []Container) string {
	if len(all) == 0 {
		return "none"
	}
	var list []string
	for _, c := range all[:min(len(all), mostNames)] {
		list = append(list, c.Name)
	}
	if len(all) > mostNames {
		list = append(list, fmt.Sprintf("and %d more", len(all)-mostNames))
	}
	return strings.Join(list, ", ")
}

// Details are what is known of one container.
type Details struct {
	Container
	Restarts  int
	ExitCode  int
	OOMKilled bool
	Started   time.Time
	// TTY says that its output is one stream.
	TTY bool
	// Memory is what it uses without what the kernel would give back, Limit what
	// it may use, in bytes; Measured is false where the engine does not tell.
	Memory, Limit uint64
	Measured      bool
	// Env is its environment.
	Env []string
	// PID is that of its first process, as the engine sees it; 0 where it is not
	// running.
	PID int
	// Toolkit says that NVIDIA's container toolkit gives it a driver's libraries,
	// DriverVolume that a volume does, as Wolf's manual way has it, and
	// NVIDIADevices that it has a device of such a GPU.
	Toolkit, DriverVolume, NVIDIADevices bool
	// StopSignal asks it to end; "" for SIGTERM.
	StopSignal string
	// Trouble is what the engine says kept it from running, often "".
	Trouble string
}

// Inspect asks all about one container.
func (e *Engine) Inspect(ctx context.Context, c Container) (Details, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d := Details{Container: c}
	found, err := e.api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		return d, evidence.Errorf(evidence.Unavailable, "ask about the container %s: %w", c.Name, err)
	}
	d.Restarts = found.Container.RestartCount
	if s := found.Container.State; s != nil {
		d.State, d.ExitCode, d.OOMKilled, d.PID = string(s.Status), s.ExitCode, s.OOMKilled, s.Pid
		d.Trouble = s.Error
		d.Started, _ = time.Parse(time.RFC3339Nano, s.StartedAt)
	}
	if found.Container.Config != nil {
		d.TTY, d.Env = found.Container.Config.Tty, found.Container.Config.Env
		d.StopSignal = found.Container.Config.StopSignal
	}
	d.lookNVIDIA(found.Container)
	if d.State == "running" {
		e.measure(ctx, &d)
	}
	return d, nil
}

// lookNVIDIA finds how a container comes to its GPU.
func (d *Details) lookNVIDIA(c container.InspectResponse) {
	for _, m := range c.Mounts {
		d.DriverVolume = d.DriverVolume || m.Destination == "/usr/nvidia"
		d.NVIDIADevices = d.NVIDIADevices || m.Destination == "/dev"
	}
	if c.HostConfig == nil {
		return
	}
	d.Toolkit = c.HostConfig.Runtime == "nvidia"
	for _, r := range c.HostConfig.DeviceRequests {
		d.Toolkit = d.Toolkit || r.Driver == "nvidia" || r.Driver == "cdi" || slices.ContainsFunc(r.Capabilities, func(all []string) bool { return slices.Contains(all, "gpu") })
	}
	named := slices.ContainsFunc(c.HostConfig.Devices, func(m container.DeviceMapping) bool {
		return strings.HasPrefix(m.PathInContainer, "/dev/nvidia")
	})
	d.NVIDIADevices = named || d.NVIDIADevices && c.HostConfig.Privileged
}

// mostAnswer bounds what is read of one answer.
const mostAnswer = 4 << 20

func (e *Engine) measure(ctx context.Context, d *Details) {
	r, err := e.api.ContainerStats(ctx, d.ID, client.ContainerStatsOptions{})
	if err != nil {
		return
	}
	defer func() { _ = r.Body.Close() }()
	var s container.StatsResponse
	if json.NewDecoder(io.LimitReader(r.Body, mostAnswer)).Decode(&s) != nil || s.MemoryStats.Usage == 0 {
		return
	}
	d.Memory, d.Limit, d.Measured = s.MemoryStats.Usage, s.MemoryStats.Limit, true
	cache := s.MemoryStats.Stats["inactive_file"]
	if total, ok := s.MemoryStats.Stats["total_inactive_file"]; ok {
		cache = total // control groups of version 1
	}
	if cache < d.Memory {
		d.Memory -= cache
	}
}

// LogOptions choose what of a container's log is read.
type LogOptions struct {
	// Follow goes on with what is written later.
	Follow bool
	// Tail is how many lines at the end are read; 0 for all.
	Tail int
	// Since leaves out what is older, where it is set.
	Since time.Time
	// Plain leaves out the times.
	Plain bool
}

// Logs reads what a container has written, each line with its time in front, as
// docker logs --timestamps prints it. The caller closes the reader, or ends ctx.
func (e *Engine) Logs(ctx context.Context, d Details, o LogOptions) (io.ReadCloser, error) {
	tail := "all"
	if o.Tail > 0 {
		tail = fmt.Sprint(o.Tail)
	}
	since := ""
	if !o.Since.IsZero() {
		since = o.Since.UTC().Format(time.RFC3339Nano)
	}
	r, err := e.api.ContainerLogs(ctx, d.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: !o.Plain, Follow: o.Follow, Tail: tail, Since: since})
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "read the log of the container %s: %w", d.Name, err)
	}
	if d.TTY {
		return r, nil
	}
	return &demultiplexer{from: r}, nil
}

// Belongings lists what an engine has beside containers and images: its volumes
// and networks, by kind and name.
func (e *Engine) Belongings(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return nil, e.failed(err, "list the volumes")
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, e.failed(err, "list the networks")
	}
	var all []string
	for _, v := range volumes.Items {
		all = append(all, "volume "+v.Name)
	}
	for _, n := range networks.Items {
		all = append(all, "network "+n.Name)
	}
	slices.Sort(all)
	return all, nil
}
