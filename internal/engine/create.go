package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Spec is a container to be made.
type Spec struct {
	// Base is what Docker's API takes to create a container, as JSON; all that
	// follows is added to it. Empty for nothing.
	Base string
	// Name is unique at the engine; Image as docker run takes it.
	Name, Image string
	// User is a name or number of the image, or UID:GID; empty for the image's own.
	User string
	// Args take the place of the image's command; none for the image's own.
	Args []string
	// Env are NAME=VALUE entries, Labels mark the container as somebody's.
	Env    []string
	Labels map[string]string
	// Dir is the working directory; empty for the image's own.
	Dir string
	// Groups are numbers of groups that the user is in beside its own.
	Groups []string
	// Binds are what it sees of the host, Tmpfs what it has in memory: the
	// options by the path.
	Binds []Bind
	Tmpfs map[string]string
	// Devices are HOST[:CONTAINER[:rwm]], Ports [ADDRESS:]HOST:CONTAINER[/udp].
	Devices, Ports []string
	// GPUs are "all", a number, "device=0,1" or a name of CDI; empty for none.
	GPUs string
	// Network is a network's name; empty for the engine's default.
	Network string
	// CgroupParent is the path of the group that the container's is made in, as
	// seen from the root of the cgroup file system; empty for the engine's own.
	CgroupParent string
	// MemoryBytes, NanoCPUs (billionths of a processor) and PIDs are limits; 0
	// for none.
	MemoryBytes, NanoCPUs, PIDs int64
	// ShmBytes bounds /dev/shm, where Base does not; 0 for the engine's default.
	ShmBytes int64
	// LogBytes bounds the file that the engine keeps of the output, where Base has
	// no log of its own; 0 leaves it to the engine. It is for json-file alone.
	LogBytes int64
	// Strict takes all capabilities but those of Capabilities.
	Strict       bool
	Capabilities []string
	// Without are capabilities that are taken where nothing else names them.
	Without []string
	// DeviceRules are for device files that are not there yet, as docker run
	// --device-cgroup-rule takes them.
	DeviceRules []string
	// SecurityOpt are profiles, as Docker's API takes them.
	SecurityOpt []string
	// NewPrivileges lets set-user-id programs work. ReadOnly keeps the image's
	// files as they are.
	NewPrivileges, ReadOnly bool
}

// Bind is a path of the host, or a volume, inside of a container.
type Bind struct {
	Source, Target string
	ReadOnly       bool
	// Propagation is one of mount(8)'s, or "".
	Propagation string
}

// ParseBind reads SOURCE:TARGET[:OPTIONS], as docker run --volume takes it.
func ParseBind(text string) (Bind, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !path.IsAbs(parts[1]) {
		return Bind{}, evidence.Errorf(evidence.Invalid, "%q is not a mount: write SOURCE:TARGET or SOURCE:TARGET:ro", text)
	}
	b := Bind{Source: parts[0], Target: parts[1]}
	if len(parts) == 3 {
		for _, option := range strings.Split(parts[2], ",") {
			switch option {
			case "ro":
				b.ReadOnly = true
			case "shared", "rshared", "slave", "rslave", "private", "rprivate":
				b.Propagation = option
			}
		}
	}
	return b, nil
}

func (b Bind) mount() mount.Mount {
	m := mount.Mount{Type: mount.TypeBind, Source: b.Source, Target: b.Target, ReadOnly: b.ReadOnly}
	if !path.IsAbs(b.Source) {
		m.Type = mount.TypeVolume
	} else if b.Propagation != "" {
		m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(b.Propagation)}
	}
	return m
}

// Create makes a container, which does not run yet, and returns its id.
func (e *Engine) Create(ctx context.Context, s Spec) (id string, err error) {
	r, err := s.request()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: s.Name, Config: r.Config, HostConfig: r.HostConfig, NetworkingConfig: r.NetworkingConfig,
	})
	if err != nil {
		return "", e.failed(err, "create the container %s of the image %s", s.Name, s.Image)
	}
	return made.ID, nil
}

// request is what the engine is asked for.
func (s Spec) request() (container.CreateRequest, error) {
	r := container.CreateRequest{Config: &container.Config{}}
	if s.Base != "" {
		if err := json.Unmarshal([]byte(s.Base), &r); err != nil {
			return r, evidence.Errorf(evidence.Invalid, "base_create_json is not what Docker's API takes to create a container: %w", err)
		}
	}
	if r.HostConfig == nil {
		r.HostConfig = &container.HostConfig{}
	}
	c, h := r.Config, r.HostConfig
	c.Image, c.User = s.Image, cmp.Or(s.User, c.User)
	c.WorkingDir = cmp.Or(s.Dir, c.WorkingDir)
	c.Env = append(c.Env, s.Env...)
	if len(s.Args) > 0 {
		c.Cmd = s.Args
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	for name, value := range s.Labels {
		c.Labels[name] = value
	}
	// What a session ends must stay ended, and be there to be asked about.
	h.AutoRemove, h.RestartPolicy = false, container.RestartPolicy{Name: container.RestartPolicyDisabled}
	for _, b := range s.Binds {
		h.Mounts = append(h.Mounts, b.mount())
	}
	if h.Tmpfs == nil {
		h.Tmpfs = map[string]string{}
	}
	for target, options := range s.Tmpfs {
		h.Tmpfs[target] = options
	}
	if s.Network != "" {
		h.NetworkMode = container.NetworkMode(s.Network)
	}
	h.GroupAdd = append(h.GroupAdd, s.Groups...)
	if s.LogBytes > 0 && h.LogConfig.Type == "" && len(h.LogConfig.Config) == 0 {
		h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": strconv.FormatInt(s.LogBytes, 10)}}
	}
	s.restrict(h)
	for _, d := range s.Devices {
		h.Devices = append(h.Devices, device(d))
	}
	if s.GPUs != "" && len(h.DeviceRequests) == 0 { // Base may have one
		h.DeviceRequests = append(h.DeviceRequests, gpuRequest(s.GPUs))
	}
	return r, s.publish(c, h)
}

// restrict sets limits and rights.
func (s Spec) restrict(h *container.HostConfig) {
	h.CgroupParent = cmp.Or(s.CgroupParent, h.CgroupParent)
	h.Memory, h.NanoCPUs = cmp.Or(s.MemoryBytes, h.Memory), cmp.Or(s.NanoCPUs, h.NanoCPUs)
	if s.MemoryBytes > 0 {
		h.MemorySwap = s.MemoryBytes // none beside it
	}
	h.ShmSize = cmp.Or(h.ShmSize, s.ShmBytes)
	if s.PIDs > 0 && h.PidsLimit == nil {
		h.PidsLimit = &s.PIDs
	}
	if s.Strict && !slices.Contains(h.CapDrop, "ALL") {
		h.CapDrop = append(h.CapDrop, "ALL")
	}
	h.CapAdd = append(h.CapAdd, s.Capabilities...)
	for _, c := range s.Without {
		if !slices.Contains(h.CapDrop, "ALL") && !slices.ContainsFunc(h.CapAdd, func(added string) bool { return adds(added, c) }) {
			h.CapDrop = append(h.CapDrop, c)
		}
	}
	for _, rule := range s.DeviceRules {
		if !slices.Contains(h.DeviceCgroupRules, rule) {
			h.DeviceCgroupRules = append(h.DeviceCgroupRules, rule)
		}
	}
	h.ReadonlyRootfs = h.ReadonlyRootfs || s.ReadOnly
	h.SecurityOpt = append(h.SecurityOpt, s.SecurityOpt...)
	told := slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") })
	if !s.NewPrivileges && !told {
		h.SecurityOpt = append(h.SecurityOpt, "no-new-privileges")
	}
}

// adds tells that an entry of CapAdd gives a capability.
func adds(entry, capability string) bool {
	name := strings.TrimPrefix(strings.ToUpper(entry), "CAP_")
	return name == capability || name == "ALL"
}

func device(text string) container.DeviceMapping {
	parts := strings.Split(text, ":")
	d := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
	if len(parts) > 1 {
		d.PathInContainer = parts[1]
	}
	if len(parts) > 2 {
		d.CgroupPermissions = parts[2]
	}
	return d
}

// gpuRequest asks for GPUs as docker run --gpus does, or by a name of CDI.
func gpuRequest(text string) container.DeviceRequest {
	if vendor, _, ok := strings.Cut(text, "="); ok && strings.Contains(vendor, "/") {
		return container.DeviceRequest{Driver: "cdi", DeviceIDs: strings.Split(text, ",")}
	}
	// Without graphics and display, OpenGL and EGL are not there; without video, NVENC is not.
	r := container.DeviceRequest{Driver: "nvidia", Capabilities: [][]string{{"gpu", "compute", "graphics", "display", "video", "utility"}}}
	if ids, ok := strings.CutPrefix(text, "device="); ok {
		r.DeviceIDs = strings.Split(ids, ",")
		return r
	}
	r.Count = -1
	if n, err := strconv.Atoi(text); err == nil {
		r.Count = n
	}
	return r
}

// publish makes ports of the container reachable from outside.
func (s Spec) publish(c *container.Config, h *container.HostConfig) error {
	for _, text := range s.Ports {
		pair, proto, _ := strings.Cut(text, "/")
		parts := strings.Split(pair, ":")
		if len(parts) < 2 || len(parts) > 3 {
			return evidence.Errorf(evidence.Invalid, "%q is not a pair of ports: write HOST:CONTAINER", text)
		}
		port, err := network.ParsePort(parts[len(parts)-1] + "/" + cmp.Or(proto, "tcp"))
		if err != nil {
			return evidence.Errorf(evidence.Invalid, "%q is not a pair of ports: %w", text, err)
		}
		binding := network.PortBinding{HostPort: parts[len(parts)-2]}
		if len(parts) == 3 {
			if binding.HostIP, err = netip.ParseAddr(parts[0]); err != nil {
				return evidence.Errorf(evidence.Invalid, "%q does not begin with an address: %w", text, err)
			}
		}
		if c.ExposedPorts == nil {
			c.ExposedPorts = network.PortSet{}
		}
		if h.PortBindings == nil {
			h.PortBindings = network.PortMap{}
		}
		c.ExposedPorts[port] = struct{}{}
		h.PortBindings[port] = append(h.PortBindings[port], binding)
	}
	return nil
}

// failed wraps what an engine said about a change.
func (e *Engine) failed(err error, format string, args ...any) error {
	kind := evidence.Unavailable
	switch {
	case isNotFound(err):
		kind = evidence.NotFound
	case isConflict(err):
		kind = evidence.Conflict
	}
	return evidence.Errorf(kind, "%s (engine at %s): %w", fmt.Sprintf(format, args...), e.Socket, err)
}
