package config

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Bounds of a container's settings.
const (
	maxImage      = 512
	maxCreateJSON = 64 << 10
	maxPIDs       = 1 << 22
	maxMemoryMiB  = 1 << 24
	maxCPUs       = 4096
)

// checkContainer reports what is wrong with the settings of a container.
func (r Runner) checkContainer(at string, found *problems) {
	if r.Image == "" || len(r.Image) > maxImage || !printable(r.Image) || strings.ContainsAny(r.Image, " \t") {
		if !found.under(at + ".image") {
			found.addf(at+".image", "%q is not the name of an image; write it as docker run takes it, such as \"ghcr.io/games-on-whales/firefox:edge\"", clip(r.Image))
		}
	}
	if r.Name != "" && !containerName(r.Name) {
		found.addf(at+".name", "%q is not a container's name; write 1 to %d letters, digits, and _ . - after the first", clip(r.Name), maxSlug)
	}
	if r.RunCmd != "" || len(r.Args) > 0 {
		r.checkCommand(at, found)
	}
	if r.Pull != "" {
		found.oneOf(at+".pull", r.Pull, PullMissing, PullAlways, PullNever)
	}
	for i, m := range r.Mounts {
		if why := mountProblem(m); why != "" {
			found.addf(fmt.Sprintf("%s.mounts[%d]", at, i), "%q %s; write \"SOURCE:TARGET\" or \"SOURCE:TARGET:ro\"", clip(m), why)
		}
	}
	for i, d := range r.Devices {
		if why := deviceProblem(d); why != "" {
			found.addf(fmt.Sprintf("%s.devices[%d]", at, i), "%q %s; write \"/dev/X\", \"/dev/X:/dev/Y\" or \"/dev/X:/dev/Y:rwm\"", clip(d), why)
		}
	}
	for i, p := range r.Ports {
		if why := portProblem(p); why != "" {
			found.addf(fmt.Sprintf("%s.ports[%d]", at, i), "%q %s; write \"HOST:CONTAINER\" or \"HOST:CONTAINER/udp\"", clip(p), why)
		}
	}
	for _, s := range []struct{ key, value string }{{"gpus", r.GPUs}, {"network", r.Network}} {
		if len(s.value) > maxWord || s.value != "" && (!printable(s.value) || strings.ContainsAny(s.value, " \t")) {
			found.addf(at+"."+s.key, "%q is not a name that the engine could know", clip(s.value))
		}
	}
	r.checkContainerLimits(at, found)
	r.checkContainerHome(at, found)
	if why := createJSONProblem(r.BaseCreateJSON); why != "" {
		found.add(at+".base_create_json", why)
	}
}

func (r Runner) checkContainerLimits(at string, found *problems) {
	if r.CPUs < 0 || r.CPUs > maxCPUs || r.CPUs != r.CPUs {
		found.addf(at+".cpus", "%g is out of range; use 0 to %d", r.CPUs, maxCPUs)
	}
	for i, c := range r.Capabilities {
		if c == "" || len(c) > maxWord || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			found.addf(fmt.Sprintf("%s.capabilities[%d]", at, i), "%q is not a capability; write it as capabilities(7) does, such as \"SYS_NICE\"", clip(c))
		}
	}
	for i, o := range r.SecurityOpt {
		if why := securityProblem(o); why != "" {
			found.addf(fmt.Sprintf("%s.security_opt[%d]", at, i), "%q "+why, clip(o))
		}
	}
}

// securityProblem says what is wrong with a profile, "" for nothing.
func securityProblem(text string) string {
	key, value, _ := strings.Cut(text, "=")
	switch {
	case len(text) > maxString || !printable(text):
		return "is too long, or not printable"
	case key == "no-new-privileges":
		return "is what new_privileges is for: remove it, or set new_privileges = true"
	case value == "":
	case key == "seccomp" && (value == "unconfined" || value == "builtin" || path.IsAbs(value)),
		key == "apparmor" || key == "label", text == "systempaths=unconfined":
		return ""
	}
	return "is no security option; write \"seccomp=unconfined\", \"seccomp=/path/of/a/profile.json\", \"apparmor=NAME\", \"label=VALUE\" or \"systempaths=unconfined\""
}

func (r Runner) checkContainerHome(at string, found *problems) {
	if r.State != "" {
		found.absolute(at+".state", r.State)
		rest := strings.NewReplacer("{client}", "", "{app}", "").Replace(r.State)
		if strings.ContainsAny(rest, "{}:") || path.Clean(r.State) != strings.TrimSuffix(r.State, "/") {
			found.addf(at+".state", "%q is not a plain path; only {client} and {app} are replaced in it", clip(r.State))
		}
	}
	if r.Home != "" {
		found.absolute(at+".home", r.Home)
	}
}

// checkNoContainer reports settings of a container on a runner that has none.
func (r Runner) checkNoContainer(at string, found *problems) {
	for _, s := range []struct {
		key string
		set bool
	}{
		{"image", r.Image != ""},
		{"name", r.Name != ""},
		{"pull", r.Pull != ""},
		{"mounts", len(r.Mounts) > 0},
		{"devices", len(r.Devices) > 0},
		{"ports", len(r.Ports) > 0},
		{"gpus", r.GPUs != ""},
		{"network", r.Network != ""},
		{"cpus", r.CPUs != 0},
		{"capabilities", len(r.Capabilities) > 0},
		{"security_opt", len(r.SecurityOpt) > 0},
		{"read_only", r.ReadOnly},
		{"state", r.State != ""},
		{"home", r.Home != ""},
		{"base_create_json", r.BaseCreateJSON != ""},
	} {
		if s.set {
			found.addf(at+"."+s.key, "is for containers; set type = %q, or remove it", RunnerDocker)
		}
	}
}

// checkLimits reports limits that are out of range, or that the runner has not.
func (r Runner) checkLimits(at string, found *problems) {
	found.between(at+".memory_mib", r.MemoryMiB, 0, maxMemoryMiB)
	found.between(at+".pids", r.PIDs, 0, maxPIDs)
	found.between(at+".tmp_mib", r.TmpMiB, 0, maxMemoryMiB)
	found.between(at+".home_mib", r.HomeMiB, 0, maxMemoryMiB)
	if r.Type != RunnerDocker {
		return
	}
	for _, s := range []struct {
		key string
		n   int
	}{{"tmp_mib", r.TmpMiB}, {"home_mib", r.HomeMiB}} {
		if s.n != 0 {
			found.addf(at+"."+s.key, "is for type = %q; a container's size is the engine's matter: remove it", RunnerProcess)
		}
	}
}

func containerName(name string) bool {
	if len(name) > maxSlug || strings.ContainsAny(name[:1], "_.-") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !(slugRune(r) || r >= 'A' && r <= 'Z' || r == '_' || r == '.')
	})
}

func mountProblem(m string) string {
	parts := strings.Split(m, ":")
	switch {
	case len(m) > maxString || strings.Contains(m, "\x00"):
		return "is too long or holds a zero byte"
	case len(parts) < 2 || len(parts) > 3 || parts[0] == "":
		return "is not a mount"
	case !path.IsAbs(parts[1]) || path.Clean(parts[1]) == "/":
		return "has no absolute path in the container"
	case strings.HasPrefix(parts[0], ".") || !path.IsAbs(parts[0]) && strings.Contains(parts[0], "/"):
		return "has a relative source"
	case len(parts) == 3:
		for _, option := range strings.Split(parts[2], ",") {
			switch option {
			case "ro", "rw", "z", "Z", "rshared", "rslave", "rprivate", "shared", "slave", "private":
			default:
				return "has the unknown option " + strconv.Quote(clip(option))
			}
		}
	}
	return ""
}

func deviceProblem(d string) string {
	parts := strings.Split(d, ":")
	switch {
	case len(d) > maxString || strings.Contains(d, "\x00"):
		return "is too long or holds a zero byte"
	case len(parts) > 3 || !path.IsAbs(parts[0]) || len(parts) > 1 && !path.IsAbs(parts[1]):
		return "is not a device"
	case len(parts) == 3 && (parts[2] == "" || strings.Trim(parts[2], "rwm") != ""):
		return "has permissions other than r, w and m"
	}
	return ""
}

func portProblem(p string) string {
	rest, proto, ok := strings.Cut(p, "/")
	if ok && proto != "tcp" && proto != "udp" {
		return "is neither tcp nor udp"
	}
	parts := strings.Split(rest, ":")
	if len(p) > maxWord || len(parts) < 2 || len(parts) > 3 {
		return "is not a pair of ports"
	}
	for _, n := range parts[len(parts)-2:] {
		if v, err := strconv.Atoi(n); err != nil || v < 1 || v > 65535 {
			return "has a port that is not 1 to 65535"
		}
	}
	return ""
}

func createJSONProblem(text string) string {
	if text == "" {
		return ""
	}
	if len(text) > maxCreateJSON {
		return fmt.Sprintf("is longer than %d bytes", maxCreateJSON)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return "is not a JSON object: " + err.Error()
	}
	return ""
}
