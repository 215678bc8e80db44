// Package checkup finds out what a machine lacks before a host is started on it:
// it tries what a session will need, and says for each thing that is missing how
// to get it.
package checkup

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/process"
)

// State is what came of one check.
type State string

// The states.
const (
	// OK: it is there and works.
	OK State = "ok"
	// Warning: the host streams without it, but not as well.
	Warning State = "warning"
	// Missing: the host cannot stream without it.
	Missing State = "missing"
)

// Item is one thing that a host needs.
type Item struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Found is what was found, or why it does not do.
	Found string `json:"found"`
	// Cure is what to do; empty where nothing is to be done.
	Cure string `json:"cure,omitempty"`
}

// Options say what is checked.
type Options struct {
	Config config.Config
	// Data is the host's data directory, Runtime that of its sockets; both are
	// absolute and need not be there.
	Data, Runtime string
	// Executable is the kennel program.
	Executable string
	// Running says that the host of this data directory is up, and that its
	// ports are its own.
	Running bool

	// root is the machine's file system, pads where it makes gamepads; tests have
	// their own.
	root fs.FS
	pads pad.Machine
}

// Run checks everything. ctx bounds it. It changes nothing that stays.
func Run(ctx context.Context, o Options) Report {
	o.root = os.DirFS("/")
	spawner := process.NewSpawner()
	defer spawner.Close()
	r := Report{Items: []Item{}}
	for _, check := range []func(context.Context, *process.Spawner, *Options) []Item{
		checkMedia, checkSound, checkPorts, checkDiscovery, checkDirectories, checkIsolation, checkCgroups, checkFiles, checkMachine, checkPads, checkApps,
	} {
		r.Items = append(r.Items, check(ctx, spawner, &o)...)
	}
	r.Ready = r.count(Missing) == 0
	return r
}

// Report is what a checkup found.
type Report struct {
	// Ready says that the host can stream.
	Ready bool   `json:"ready"`
	Items []Item `json:"items"`
}

func (r *Report) count(s State) (n int) {
	for _, i := range r.Items {
		if i.State == s {
			n++
		}
	}
	return n
}

// Summary is one line.
func (r *Report) Summary() string {
	word := "ready"
	if !r.Ready {
		word = "not ready"
	}
	return fmt.Sprintf("%s: %d ok, %d warnings, %d missing", word, r.count(OK), r.count(Warning), r.count(Missing))
}

// Render writes the report for people, at most 80 columns wide.
func (r *Report) Render(w io.Writer) error {
	var b strings.Builder
	const indent = 9 + 14
	for _, i := range r.Items {
		lines := wrap(i.Found, 80-indent)
		if i.Cure != "" {
			for n, line := range wrap(i.Cure, 80-indent-3) {
				lines = append(lines, [...]string{"-> ", "   "}[min(n, 1)]+line)
			}
		}
		fmt.Fprintf(&b, "%-9s%-14s%s\n", i.State, i.Name, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(&b, "%*s%s\n", indent, "", line)
		}
	}
	b.WriteString(r.Summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text at its spaces. There is at least one line.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func ok(name, format string, args ...any) Item {
	return Item{Name: name, State: OK, Found: fmt.Sprintf(format, args...)}
}

func lacks(name string, s State, cure, format string, args ...any) Item {
	return Item{Name: name, State: s, Found: fmt.Sprintf(format, args...), Cure: cure}
}
