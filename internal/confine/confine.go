// Package confine keeps an app from what is not its session's: the /tmp, the
// shared memory, the processes, the abstract sockets and, on a host without
// root, the files of other sessions and of the host itself.
//
// A host starts the app by way of its own program (Prepare), which is born in
// namespaces of its own, arranges what the app may see, becomes the app's user
// and then the app (Run). What the kernel or a container does not allow is left
// out, and told by Check when the host starts.
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
	// Processes: an app sees no process of another user in /proc.
	Processes bool `json:"processes"`
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
		gaps = append(gaps, "apps share /tmp and shared memory with the host")
	}
	if !a.Processes {
		gaps = append(gaps, "apps can list the processes of the host")
	}
	if !a.Scopes {
		gaps = append(gaps, "apps can connect to abstract sockets, such as X displays, of the host")
	}
	return gaps
}

// Plan is how one app is confined.
type Plan struct {
	Abilities Abilities `json:"abilities"`
	// Tmp is a directory of the session that becomes its /tmp and /var/tmp.
	Tmp string `json:"tmp"`
	// Keep are directories that stay visible although they are below what is
	// hidden: the session's runtime directory.
	Keep []string `json:"keep"`
	// Hide are directories that become empty: the host's own, where the app
	// runs as the host's user.
	Hide []string `json:"hide,omitempty"`
	// Mask are files that become /dev/null where they are there, such as the
	// sockets of a container engine that the host's user may open.
	Mask []string `json:"mask,omitempty"`
	// User is whom the app runs as; nil for the host's own user.
	User *process.Credential `json:"user,omitempty"`
	// NewPrivileges lets the app gain rights by set-user-id programs.
	NewPrivileges bool `json:"new_privileges,omitempty"`
	// Path is the program, Args its whole argument list; "" is the kennel
	// program itself.
	Path string   `json:"path"`
	Args []string `json:"args"`
}

// Prepare makes the process that becomes the app. spec has the app's
// environment, directory, output and group; its path, arguments and user are
// the plan's. executable is the kennel program.
func (p Plan) Prepare(spec process.Spec, executable string) (process.Spec, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return spec, fmt.Errorf("confine app: %w", err)
	}
	spec.Path, spec.Args, spec.ByDescriptor, spec.Credential = executable, []string{Verb}, false, nil
	spec.Env = append(slices.Clip(spec.Env), variable+"="+string(raw))
	if p.Abilities.Mounts {
		spec.Namespaces = namespaces()
	}
	return spec, nil
}

// namespaces are those that an app gets: mounts and System V objects, and a
// user namespace where only that gives the right to the others.
func namespaces() process.Namespaces {
	return process.Namespaces{Flags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC, User: os.Geteuid() != 0}
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
