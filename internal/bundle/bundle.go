package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/vitals"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

const (
	// mostLog bounds how much of a log is taken, in bytes: its end. mostLogs is how
	// many logs there are at most.
	mostLog, mostLogs = 16 << 20, 8
	// mostLines is how many lines of a container are asked for.
	mostLines = 200_000
	// mostConfig bounds a configuration.
	mostConfig = 4 << 20
	// patience is how long one container may take to tell.
	patience = 30 * time.Second
)

// Options say what is gathered. The zero value gathers the log of Wolf's container
// and the state of this machine.
type Options struct {
	// Containers are the names of those whose logs and state are taken; that with
	// Wolf's image where both this and Logs are empty.
	Containers []string
	// Logs and Configs are paths of files.
	Logs, Configs []string
	// Version is Kennel's.
	Version string
	// Machine is looked at; its Sockets and Getenv are used for containers as well.
	Machine vitals.Machine
}

// Entry is a file of a bundle, without secrets.
type Entry struct {
	Name string
	Data []byte
}

// Bundle is what was gathered. Missing says what could not be, and why.
type Bundle struct {
	Entries []Entry
	Missing []string
}

// Gather gathers. What cannot be had is named in the bundle; it fails only where
// nothing of a log can be had.
func Gather(ctx context.Context, c *diagnosis.Catalogue, o Options) (*Bundle, error) {
	b := &Bundle{}
	if len(o.Containers) == 0 && len(o.Logs) == 0 {
		o.Containers = []string{""}
	}
	if len(o.Containers)+len(o.Logs) > mostLogs {
		return nil, evidence.Errorf(evidence.Invalid, "more than %d logs: name those that matter", mostLogs)
	}
	var logs []Entry
	for _, path := range o.Logs {
		text, err := endOf(path, mostLog)
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read the log %s: %w", path, err)
		}
		logs = append(logs, Entry{"logs/" + fileName(path), redacted(text)})
	}
	logs = append(logs, b.containers(ctx, o)...)
	if len(logs) == 0 {
		return nil, evidence.Errorf(evidence.Unavailable, "no log to bundle (%s): name a file, or a container by --container", strings.Join(b.Missing, "; "))
	}
	b.report(ctx, c, logs)
	b.Entries = append(b.Entries, logs...)
	b.machine(ctx, o)
	for _, path := range o.Configs {
		text, err := endOf(path, mostConfig)
		if err != nil {
			b.missing("the configuration %s: %v", path, err)
			continue
		}
		b.add("config/"+fileName(path), withoutSecrets(text))
	}
	if len(b.Missing) > 0 {
		b.add("missing.txt", []byte(strings.Join(b.Missing, "\n")+"\n"))
	}
	return b, nil
}

func (b *Bundle) add(name string, data []byte) { b.Entries = append(b.Entries, Entry{name, data}) }

func (b *Bundle) missing(format string, args ...any) {
	b.Missing = append(b.Missing, wolflog.Redact(fmt.Sprintf(format, args...)))
}

// containers takes the logs of containers, and adds their state.
func (b *Bundle) containers(ctx context.Context, o Options) (logs []Entry) {
	if len(o.Containers) == 0 {
		return nil
	}
	getenv, sockets := o.Machine.Getenv, o.Machine.Sockets
	if getenv == nil {
		getenv = os.Getenv
	}
	if sockets == nil {
		sockets = engine.Sockets("/", getenv)
	}
	ctx, cancel := context.WithTimeout(ctx, patience*time.Duration(len(o.Containers)))
	defer cancel()
	e, err := engine.Connect(ctx, sockets)
	if err != nil {
		b.missing("containers: %v", err)
		return nil
	}
	defer func() { _ = e.Close() }()
	for _, name := range o.Containers {
		if text, d, err := containerLog(ctx, e, name); err != nil {
			b.missing("the container %s: %v", name, err)
		} else {
			b.add("containers/"+fileName(d.Name)+".json", state(d))
			logs = append(logs, Entry{"logs/" + fileName(d.Name) + ".log", redacted(text)})
		}
	}
	return logs
}

func containerLog(ctx context.Context, e *engine.Engine, name string) ([]byte, engine.Details, error) {
	c, err := e.Find(ctx, name)
	if err != nil {
		return nil, engine.Details{}, err
	}
	d, err := e.Inspect(ctx, c)
	if err != nil {
		return nil, d, err
	}
	r, err := e.Logs(ctx, d, engine.LogOptions{Tail: mostLines})
	if err != nil {
		return nil, d, err
	}
	defer func() { _ = r.Close() }()
	text, err := tailOf(r, mostLog)
	return text, d, err
}

// state is what a container is, with its environment without secrets.
func state(d engine.Details) []byte {
	env := slices.Clone(d.Env)
	for i, pair := range env {
		env[i] = withoutSecret(pair)
	}
	text, err := json.MarshalIndent(map[string]any{
		"name": d.Name, "image": d.Image, "state": d.State, "restarts": d.Restarts, "exit_code": d.ExitCode, "oom_killed": d.OOMKilled,
		"started": d.Started, "memory": d.Memory, "memory_limit": d.Limit, "memory_measured": d.Measured, "trouble": d.Trouble,
		"nvidia_toolkit": d.Toolkit, "driver_volume": d.DriverVolume, "nvidia_devices": d.NVIDIADevices, "env": env,
	}, "", "  ")
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// report adds the doctor's report on the logs, for people and for programs.
func (b *Bundle) report(ctx context.Context, c *diagnosis.Catalogue, logs []Entry) {
	var sources []diagnosis.Source
	for _, log := range logs {
		sources = append(sources, diagnosis.Source{Name: log.Name, Reader: bytes.NewReader(log.Data)})
	}
	l, err := c.Read(ctx, sources...)
	if err != nil {
		b.missing("the report: %v", err)
		return
	}
	d := c.Diagnose(l)
	var text, object bytes.Buffer
	if err := d.WriteText(&text, false); err != nil {
		b.missing("the report: %v", err)
	}
	if err := d.WriteJSON(&object); err != nil {
		b.missing("the report as JSON: %v", err)
	}
	b.add("report.txt", text.Bytes())
	b.add("report.json", object.Bytes())
}

// machine adds versions and what the doctor sees of this machine.
func (b *Bundle) machine(ctx context.Context, o Options) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	driver, _ := os.ReadFile("/proc/driver/nvidia/version")
	system, _ := os.ReadFile("/etc/os-release")
	b.add("versions.txt", fmt.Appendf(nil, "kennel %s\n%s %s/%s\nkernel %s\n%s\n%s", o.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, bytes.TrimSpace(kernel), driver, system))
	if len(o.Containers) == 1 {
		o.Machine.Container = o.Containers[0]
	}
	var text bytes.Buffer
	if err := vitals.Look(ctx, &o.Machine).Render(&text); err != nil {
		b.missing("the state of the machine: %v", err)
		return
	}
	b.add("machine.txt", redacted(text.Bytes()))
}

// fileName makes a name of a path that stands in one directory.
func fileName(path string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' {
			return '_'
		}
		return r
	}, filepath.Base(path))
	if name == "." || name == ".." {
		return "log"
	}
	return name
}

// endOf reads the end of a file, from the beginning of a line.
func endOf(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, evidence.Errorf(evidence.Invalid, "it is no regular file")
	} else if info.Size() > most {
		if _, err := f.Seek(info.Size()-most, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return tailOf(f, most)
}

// tailOf is the end of what is read, from the beginning of a line.
func tailOf(r io.Reader, most int64) ([]byte, error) {
	var text []byte
	piece, whole := make([]byte, 1<<20), true
	for {
		n, err := r.Read(piece)
		if text = append(text, piece[:n]...); int64(len(text)) > 2*most {
			text, whole = append(text[:0], text[int64(len(text))-most:]...), false
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
	}
	if int64(len(text)) > most {
		text, whole = text[int64(len(text))-most:], false
	}
	if _, rest, found := bytes.Cut(text, []byte("\n")); !whole && found {
		text = rest
	}
	return text, nil
}
