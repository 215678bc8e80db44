package confine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/kennel-stream/kennel/internal/process"
)

// Check finds out what this host can keep from its apps, by trying it in a
// child. ctx bounds the trial.
func Check(ctx context.Context, spawner *process.Spawner, executable string) Abilities {
	tried, err := try(ctx, spawner, executable, trialMounts, namespaces(true))
	if err != nil {
		tried, err = try(ctx, spawner, executable, trialMounts, namespaces(false))
	}
	if err != nil {
		missing := fmt.Sprintf("apps get no mounts and no process ids of their own: %v", err)
		// What needs no namespace may still work.
		if tried, err = try(ctx, spawner, executable, trialCalls, process.Namespaces{}); err != nil {
			missing += fmt.Sprintf("; without namespaces: %v", err)
		}
		tried.Missing = []string{missing}
	}
	tried.Users = os.Geteuid() == 0
	if !tried.Users {
		tried.Missing = append(tried.Missing, "all sessions run as one user: only a host that runs as root can give each its own")
	}
	abi := landlockABI()
	if tried.Scopes = abi >= scopesABI; !tried.Scopes {
		tried.Missing = append(tried.Missing, fmt.Sprintf("abstract sockets are shared: the kernel has landlock version %d, and %d (Linux 6.12) is needed", abi, scopesABI))
	}
	if tried.Writes = abi >= filesABI; !tried.Writes && !tried.Processes {
		tried.Missing = append(tried.Missing, fmt.Sprintf("files in /proc are not protected: the kernel has landlock version %d, and %d (Linux 5.19) is needed", abi, filesABI))
	}
	return tried
}

// What a child tries in the place of a plan. One without namespaces must try no
// mounts: they would be the host's.
const (
	trialMounts = "try"
	trialCalls  = "try-calls"
)

// try asks for a trial in a child with the given namespaces.
func try(ctx context.Context, spawner *process.Spawner, executable, what string, own process.Namespaces) (Abilities, error) {
	var tried Abilities
	r, w, err := os.Pipe()
	if err != nil {
		return tried, err
	}
	defer r.Close()
	p, err := spawner.Start(ctx, process.Spec{
		Name: "confine", Path: executable, Args: []string{Verb}, Env: []string{variable + "=" + what}, Stdout: w, Namespaces: own,
	})
	_ = w.Close()
	if err != nil {
		return tried, fmt.Errorf("make namespaces: %w", err)
	}
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	raw, _ := io.ReadAll(io.LimitReader(r, 1<<16))
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
	if exit := p.End(); exit.Code != 0 {
		return tried, fmt.Errorf("the trial ended with %s", exit)
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&tried); err != nil {
		return tried, fmt.Errorf("read the result of the trial: %w", err)
	}
	return tried, nil
}

// attempt is the child of Check: it makes the mounts of an app, with some
// directory in place of a session's, and writes what worked.
func attempt(w io.Writer, what string) error {
	var done Abilities
	var err error
	if what == trialMounts {
		err = done.attemptMounts()
	}
	if err != nil {
		done.Missing = append(done.Missing, err.Error())
	}
	// Last, because it cannot be undone.
	if err := filterCalls(true); err == nil {
		done.Calls = true
	} else if !done.Processes {
		done.Missing = append(done.Missing, err.Error())
	}
	return json.NewEncoder(w).Encode(done)
}

func (a *Abilities) attemptMounts() error {
	first := os.Getpid() == 1 // in a PID namespace of its own
	layout := Layout{Tmp: "/usr"}
	if os.Geteuid() == 0 {
		layout.Owner = &process.Credential{} // as for the apps of such a host
	}
	err := layout.arrange()
	a.Mounts = err == nil
	if err == nil && first {
		err = mountProc()
		a.Processes = err == nil
	}
	return err
}
