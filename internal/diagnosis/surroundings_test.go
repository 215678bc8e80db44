package diagnosis

import (
	"strings"
	"testing"
)

// TestAdviceFits: commands are for the GPU, the platform and the engine that the
// log tells of, and nobody is told to set a level that is set.
func TestAdviceFits(t *testing.T) {
	const (
		oom     = "2026-03-03T10:01:00.010000Z ERROR smithay::backend::renderer::gles: [GL] GL_OUT_OF_MEMORY error generated"
		refused = `10:01:00.000000000 WARN  | [DOCKER] error 400 - {"message":"OCI runtime create failed: open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied"}`
		perm    = "0:00:00.044294168   178 0x55c09d835630 WARN vadisplay gstvadisplay_drm.c:143:f:<vadisplaydrm0> Failed to open /dev/dri/renderD128: Operation not permitted"
	)
	for name, c := range map[string]struct {
		lines      []string
		has, lacks string
	}{
		"NVIDIA":  {[]string{"10:00:00.000000000 INFO  | Using zero copy pipeline on Nvidia (/dev/dri/renderD128)", oom}, "nvidia-smi", "mem_info_vram"},
		"AMD":     {[]string{"10:00:00.000000000 INFO  | Using zero copy pipeline on AMD (/dev/dri/renderD128)", oom}, "mem_info_vram", "nvidia-smi"},
		"Intel":   {[]string{"10:00:00.000000000 DEBUG | /dev/dri/renderD128 vendor: Intel Corporation", oom}, "intel_gpu_top", "nvidia-smi"},
		"unknown": {[]string{"10:00:00.000000000 DEBUG | x", oom}, "nvidia-smi", "WOLF_LOG_LEVEL=DEBUG"},
		"podman":  {[]string{"10:00:00.000000000 INFO  | Docker at /run/podman/podman.sock", oom}, "podman restart wolf", "docker restart"},
		"LXC":     {[]string{refused, perm}, "lxc.", "/dev/dxg"},
		"WSL2":    {[]string{"10:00:00.000000000 DEBUG | found /dev/dxg", perm}, "WSL2", "lxc.cgroup2"},
		"nothing": {[]string{"10:00:00.000000000 DEBUG | x", perm}, "/dev/dri", "lxc.cgroup2"},
	} {
		var out strings.Builder
		if err := diagnose(t, c.lines...).WriteText(&out, false); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		if !strings.Contains(text, c.has) || strings.Contains(text, c.lacks) {
			t.Errorf("%s: want %q and not %q in\n%s", name, c.has, c.lacks, out.String())
		}
	}
}
