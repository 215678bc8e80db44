// Package confine keeps an app from what is not its session's: the /tmp, the
// shared memory, the processes, the abstract sockets and, on a host without
// root, the files of other sessions and of the host itself.
//
// The apps of a session share a Cell: a PID namespace with mounts, whose first
// process (keeper.go) starts them. Where a machine allows no such namespace, an
// app is started by way of the kennel program (Plan.Prepare), which makes the
// mounts that are allowed, installs filters, becomes the app's user and then the
// app (Run). Check tries both when the host starts, and says what is missing.
package confine

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/kennel-stream/kennel/internal/process"
)

// Verb is the hidden verb of the kennel program that calls Run.
const Verb = "confine"

// variable hands the plan to Run; the app does not see it.
const variable = "KENNEL_CONFINE"

// Abilities is what a host can keep from its apps.
type Abilities struct {
	// Mounts: an app has its own /tmp, /var/tmp and /dev/shm, and its own
	// System V shared memory.
	Mounts bool `json:"mounts"`
	// Processes: the apps of a session have a PID namespace and a /proc of their
	// own. They see no other process and can name none in a call.
	Processes bool `json:"processes"`
	// Calls: where apps have no PID namespace, a filter refuses the calls that
	// limit, renice or schedule another process (seccomp(2)).
	Calls bool `json:"calls"`
	// Writes: where apps have no PID namespace, they can write to no file of /proc
	// and /sys (Landlock ABI 2, Linux 5.19).
	Writes bool `json:"writes"`
	// Scopes: an app reaches no abstract socket and signals no process of
	// others, and traces none (Landlock ABI 6, Linux 6.12).
	Scopes bool `json:"scopes"`
	// Users: every session has a user id of its own (a host that runs as root).
	Users bool `json:"users"`
	// Missing says, a sentence each, why something is not there.
	Missing []string `json:"missing,omitempty"`
}

// Gaps says what apps are not kept from, in words for an operator; empty when
// sessions are isolated from each other as far as Kennel can.
func (a Abilities) Gaps() []string {
	var gaps []string
	if !a.Users && !a.Mounts {
		gaps = append(gaps, "apps run as the host's own user and can read its files and those of other sessions")
	}
	if !a.Mounts {
		gaps = append(gaps, "apps share /tmp and shared memory with the host, and neither /tmp nor their home has a size limit")
	}
	if !a.Processes {
		gaps = append(gaps, "apps can list the processes of the host")
	}
	if !a.Scopes {
		gaps = append(gaps, "apps can connect to abstract sockets, such as X displays, of the host")
	}
	if !a.Users && !a.Processes {
		gaps = append(gaps, a.unguarded()...)
	}
	return gaps
}

// unguarded says what an app can do to processes of the host's user where it
// runs as that user, without a PID namespace.
func (a Abilities) unguarded() (gaps []string) {
	if !a.Scopes {
		gaps = append(gaps, "apps can send signals to processes of the host's user, kennel serve among them")
	}
	if !a.Calls {
		gaps = append(gaps, "apps can limit, renice and schedule processes of the host's user")
	}
	if !a.Writes {
		gaps = append(gaps, "apps can make the kernel end other processes of the host's user first when memory is short (oom_score_adj), and trace them")
	}
	return gaps
}

// Layout is what the apps of one session see of the file system.
type Layout struct {
	// Tmp is a directory of the session that becomes its /tmp and /var/tmp.
	Tmp string `json:"tmp"`
	// Home is the session's home, below one of Keep.
	Home string `json:"home,omitempty"`
	// TmpBytes and HomeBytes are the sizes of file systems in memory that take the
	// place of Tmp and Home; 0 leaves the directory as it is.
	TmpBytes  int64 `json:"tmp_bytes,omitempty"`
	HomeBytes int64 `json:"home_bytes,omitempty"`
	// Keep are directories that stay visible although they are below what is
	// hidden: the session's runtime directory.
	Keep []string `json:"keep"`
	// Hide are directories that become empty: the host's own, where the app
	// runs as the host's user.
	Hide []string `json:"hide,omitempty"`
	// Mask are files that become /dev/null where they are there, such as the
	// sockets of a container engine that the host's user may open.
	Mask []string `json:"mask,omitempty"`
	// Owner is whom the session's directories belong to; nil for the host's own user.
	Owner *process.Credential `json:"owner,omitempty"`
}

// Plan is how one app is confined.
type Plan struct {
	Abilities Abilities `json:"abilities"`
	// Layout is for an app without a Cell, which has one already.
	Layout
	// Processes is the largest number of processes and threads of the app's user,
	// where no control group holds it; 0 is no limit.
	Processes int `json:"processes,omitempty"`
	// User is whom the app runs as; nil for the host's own user.
	User *process.Credential `json:"user,omitempty"`
	// NewPrivileges lets the app gain rights by set-user-id programs.
	NewPrivileges bool `json:"new_privileges,omitempty"`
	// Path is the program, Args its whole argument list; "" is the kennel
	// program itself.
	Path string   `json:"path"`
	Args []string `json:"args"`
	// Env and Dir are for an app in a Cell.
	Env []string `json:"env,omitempty"`
	Dir string   `json:"dir,omitempty"`
}

// Prepare makes the process that becomes the app, outside of any Cell. spec has
// the app's environment, directory, output and group; its path, arguments and
// user are the plan's. executable is the kennel program.
func (p Plan) Prepare(spec process.Spec, executable string) (process.Spec, error) {
	// Its file systems in memory would be another app's of the same session, too.
	p.TmpBytes, p.HomeBytes = 0, 0
	raw, err := json.Marshal(p)
	if err != nil {
		return spec, fmt.Errorf("confine app: %w", err)
	}
	spec.Path, spec.Args, spec.ByDescriptor, spec.Credential = executable, []string{Verb}, false, nil
	spec.Env = append(slices.Clip(spec.Env), variable+"="+string(raw))
	if p.Abilities.Mounts {
		spec.Namespaces = namespaces(false)
	}
	return spec, nil
}

// namespaces are those that an app gets: mounts and System V objects, process
// ids where wanted, and a user namespace where only that gives the right to the
// others.
func namespaces(pids bool) process.Namespaces {
	n := process.Namespaces{Flags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC, User: os.Geteuid() != 0}
	if pids {
		n.Flags |= syscall.CLONE_NEWPID
	}
	return n
}

// planned takes the plan out of the environment.
func planned() (Plan, []string, error) {
	var plan Plan
	var env []string
	for _, entry := range os.Environ() {
		raw, found := strings.CutPrefix(entry, variable+"=")
		if !found {
			env = append(env, entry)
			continue
		}
		if err := json.Unmarshal([]byte(raw), &plan); err != nil {
			return plan, nil, fmt.Errorf("read $%s: %w", variable, err)
		}
	}
	if len(plan.Args) == 0 {
		return plan, nil, fmt.Errorf("$%s names no program: this verb is for kennel serve alone", variable)
	}
	return plan, env, nil
}
