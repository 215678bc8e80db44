package enginetest

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kennel-stream/kennel/internal/process"
)

// Podman tells that tests are to use podman's service in the place of Docker's.
func Podman() bool { return os.Getenv("KENNEL_TEST_ENGINE") == "podman" }

// podmanSettings let containers start where nobody may raise limits, and on
// control groups of both versions.
const podmanSettings = `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
`

// podman is the service in the place of the daemon. Its containers outlive it,
// whatever options a test has for Docker.
func (d *Docker) podman(daemon process.Spec) (process.Spec, error) {
	settings := filepath.Join(d.dir, "containers.conf")
	if err := os.WriteFile(settings, []byte(podmanSettings), 0o600); err != nil {
		return daemon, err
	}
	args := []string{"--root", filepath.Join(d.dir, "data"), "--runroot", filepath.Join(d.dir, "exec"), "--tmpdir", filepath.Join(d.dir, "tmp")}
	if runc, err := exec.LookPath("runc"); err == nil {
		args = append(args, "--runtime", runc) // crun wants control groups of one version
	}
	daemon.Name, daemon.Env = "podman", append(daemon.Env, "CONTAINERS_CONF="+settings, "HOME="+d.dir)
	daemon.Args = append(args, "system", "service", "--time=0", "unix://"+d.Socket)
	return daemon, nil
}
