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
	tried, err := try(ctx, spawner, executable)
	if err != nil {
		tried = Abilities{Missing: []string{fmt.Sprintf("apps get no mounts of their own: %v", err)}}
	}
	tried.Users = os.Geteuid() == 0
	if !tried.Users {
		tried.Missing = append(tried.Missing, "all sessions run as one user: only a host that runs as root can give each its own")
	}
	if abi := landlockABI(); abi >= scopesABI {
		tried.Scopes = true
	} else {
		tried.Missing = append(tried.Missing, fmt.Sprintf("abstract sockets are shared: the kernel has landlock version %d, and %d (Linux 6.12) is needed", abi, scopesABI))
	}
	return tried
}

// trial is the plan that is none.
const trial = "try"

// try asks for a trial in a child with the namespaces that an app would get.
func try(ctx context.Context, spawner *process.Spawner, executable string) (Abilities, error) {
	var tried Abilities
	r, w, err := os.Pipe()
	if err != nil {
		return tried, err
	}
	defer r.Close()
	p, err := spawner.Start(ctx, process.Spec{
		Name: "confine", Path: executable, Args: []string{Verb}, Env: []string{variable + "=" + trial}, Stdout: w, Namespaces: namespaces(),
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
func attempt(w io.Writer) error {
	var done Abilities
	plan := Plan{Tmp: "/usr"}
	k, err := open(plan, "/proc/self/exe")
	if err == nil {
		err = rearrange(plan, k)
	}
	if err == nil {
		done.Mounts = true
		err = hideProcesses()
		done.Processes = err == nil
	}
	if err != nil {
		done.Missing = append(done.Missing, err.Error())
	}
	return json.NewEncoder(w).Encode(done)
}
