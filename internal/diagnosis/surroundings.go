package diagnosis

import (
	"regexp"
	"strings"
)

// surroundings are what a log tells of the machine that it is from. What it does
// not tell is "".
type surroundings struct {
	vendor   string // of the GPU that encodes: "nvidia", "amd" or "intel"
	platform string // "wsl2", "lxc" or "unraid"
	engine   string // of containers: "podman"; Docker where empty
}

// Advice is what to do, and what would settle a doubt, where it differs from what
// an entry says of all machines.
type Advice struct {
	Cure   string `json:"cure,omitempty"`
	Settle Settle `json:"settle,omitzero"`
}

// surrounding is what a line tells: which of the surroundings, and what it is;
// empty for what the expression's group says.
type surrounding struct {
	of *regexp.Regexp
	is func(*surroundings, string)
}

// vendorNames are the words that Wolf and its elements have for vendors.
var vendorNames = map[string]string{
	"Nvidia": "nvidia", "NVIDIA": "nvidia", "nvcodec": "nvidia", "AMD": "amd", "Advanced Micro Devices": "amd", "Intel": "intel", "qsv": "intel",
}

func vendorIs(s *surroundings, word string) {
	if v := vendorNames[word]; v != "" {
		s.vendor = v
	}
}

func platformIs(name string) func(*surroundings, string) {
	return func(s *surroundings, _ string) { s.platform = name }
}

// surroundingLiterals tell of the surroundings, each with what narrows it.
var surroundingLiterals = []struct {
	literal string
	surrounding
}{
	{" pipeline on ", surrounding{regexp.MustCompile(`Using (?:zero copy|legacy) pipeline on (Nvidia|AMD|Intel)\b`), vendorIs}},
	{"/dri/renderD", surrounding{regexp.MustCompile(`/dri/renderD\d+ vendor: (NVIDIA|Advanced Micro Devices|Intel)`), vendorIs}},
	{" encoder: nvcodec", surrounding{regexp.MustCompile(`encoder: (nvcodec)$`), vendorIs}},
	{" encoder: qsv", surrounding{regexp.MustCompile(`encoder: (qsv)$`), vendorIs}},
	{"microsoft-standard-WSL", surrounding{nil, platformIs("wsl2")}},
	{"/dev/dxg", surrounding{nil, platformIs("wsl2")}},
	{"/usr/lib/wsl/", surrounding{nil, platformIs("wsl2")}},
	{"ip_unprivileged_port_start", surrounding{nil, platformIs("lxc")}},
	{"lxc.apparmor", surrounding{nil, platformIs("lxc")}},
	{"/mnt/user/appdata", surrounding{nil, platformIs("unraid")}},
	{"podman.sock", surrounding{nil, func(s *surroundings, _ string) { s.engine = "podman" }}},
}

// learn takes what a line tells.
func (s *surroundings) learn(by *surrounding, message string) {
	word := ""
	if by.of != nil {
		m := by.of.FindStringSubmatch(message)
		if m == nil {
			return
		}
		word = m[1]
	}
	by.is(s, word)
}

// gpuTools show what GPUs of other vendors do.
var gpuTools = map[string]string{"amd": "amdgpu_top", "intel": "intel_gpu_top"}

// fit changes the advice of a root to what fits the machine.
func (s *surroundings) fit(r *Root, f *Fault) {
	if a, ok := f.Vendors[s.vendor]; ok {
		if a.Cure != "" {
			r.Cure = a.Cure
		}
		if a.Settle.Run != "" {
			r.Settle = a.Settle
		}
	}
	if tool := gpuTools[s.vendor]; tool != "" {
		r.Cure, r.Reading = strings.ReplaceAll(r.Cure, "nvidia-smi", tool), strings.ReplaceAll(r.Reading, "nvidia-smi", tool)
	}
	if more := f.Platforms[s.platform]; more != "" {
		r.Cure += " " + more
	}
	if s.engine == "podman" {
		r.Cure, r.Settle.Run = asPodman(r.Cure), asPodman(r.Settle.Run)
	}
}

// dockerCommand is a command of Docker's client.
var dockerCommand = regexp.MustCompile(`\bdocker (logs|exec|ps|inspect|restart|rm|run|volume|pull|info)\b`)

// asPodman names podman where a text gives commands of Docker, which has the same.
func asPodman(text string) string {
	return strings.ReplaceAll(dockerCommand.ReplaceAllString(text, "podman $1"), "/var/run/docker.sock", "/run/podman/podman.sock")
}
