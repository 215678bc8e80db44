// Package vitals looks at a machine that streams games now, with Wolf or with
// Kennel: at what fails a host in its first session, and at what wears out. What
// cannot be looked at is unknown, which is not well.
package vitals

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// State is what came of one look.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning"
	Fault   State = "fault"
	// Unknown: it could not be looked at, or is not there to be looked at.
	Unknown State = "unknown"
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Found is what was found, in a sentence.
	Found string `json:"found"`
	// Cure is what to do; empty where nothing is to be done.
	Cure string `json:"cure,omitempty"`

	without string // what makes its lack no matter, where that is well
}

// Machine is what is looked at. The zero value is this machine; tests plant
// another.
type Machine struct {
	// Root is put before all paths that are not from the environment.
	Root string
	// Getenv is os.Getenv where nil.
	Getenv func(string) string
	// Sockets are those of container engines; nil for the usual ones.
	Sockets []string
	// Container is the name of Wolf's; empty for the one with its image.
	Container string
	// HTTPS is the address at which Moonlight's requests are served; empty for
	// that of this machine.
	HTTPS string
}

func (m *Machine) path(elements ...string) string {
	return filepath.Join(append([]string{"/", m.Root}, elements...)...)
}

func (m *Machine) env(name string) string {
	if m.Getenv == nil {
		return os.Getenv(name)
	}
	return m.Getenv(name)
}

// glob lists the files that fit a pattern.
func (m *Machine) glob(pattern string) []string {
	found, _ := filepath.Glob(m.path(pattern))
	return found
}

// read returns a small file without the spaces around it; empty where it cannot
// be read.
func (m *Machine) read(elements ...string) string {
	file, err := os.Open(m.path(elements...))
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, 64<<10))
	return strings.TrimSpace(string(text))
}

// probe looks at one thing. It may be left behind when its limit is over, since
// a file of a driver that hangs cannot be let go of.
type probe struct {
	name  string
	limit time.Duration
	look  func(context.Context, *Machine) []Finding
}

// shortly is enough for files of the kernel; an engine and a driver's program
// may take their time.
const (
	shortly = 5 * time.Second
	longer  = 20 * time.Second
)

// probes in the order of the report.
var probes = []probe{
	{"gpu", longer, lookGPU},
	{"nvidia driver", shortly, lookDriver},
	{"nvidia modeset", shortly, lookModeset},
	{"render nodes", shortly, lookNodes},
	{"gpus", shortly, lookMixed},
	{"engine", longer, lookEngine},
	{"wolf process", longer, lookProcess},
	{"displays", shortly, lookDisplays},
	{"ports", shortly, lookPorts},
	{"input devices", shortly, lookInput},
	{"sound", shortly, lookSound},
	{"gstreamer", shortly, lookGStreamer},
}

// Look looks at everything. ctx bounds it all.
func Look(ctx context.Context, m *Machine) *Report {
	return look(ctx, m, probes)
}

func look(ctx context.Context, m *Machine, all []probe) *Report {
	answers := make([]chan []Finding, len(all))
	for i, p := range all {
		answers[i] = make(chan []Finding, 1)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, p.limit)
			defer cancel()
			answers[i] <- p.look(ctx, m)
		}()
	}
	r := &Report{Findings: []Finding{}}
	deadline := time.NewTimer(0)
	defer deadline.Stop()
	begun := time.Now()
	for i, p := range all {
		// A probe that heeds its context answers in time by itself.
		deadline.Reset(max(0, time.Until(begun.Add(p.limit+time.Second))))
		r.Findings = append(r.Findings, await(ctx, p, answers[i], deadline.C)...)
	}
	r.settle()
	return r
}

// await returns a probe's answer, which counts also where it is late but there.
func await(ctx context.Context, p probe, answer <-chan []Finding, deadline <-chan time.Time) []Finding {
	var why Finding
	select {
	case found := <-answer:
		return found
	case <-deadline:
		why = unknown(p.name, "it did not answer within %s: a driver or a disk hangs", p.limit).cured("look at the end of dmesg")
	case <-ctx.Done():
		why = unknown(p.name, "interrupted")
	}
	select {
	case found := <-answer:
		return found
	default:
		return []Finding{why}
	}
}

// Report is what was found.
type Report struct {
	// Verdict is "ok", "fault", or "inconclusive" where something is unknown and
	// nothing is known to be at fault.
	Verdict  string    `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// The verdicts.
const (
	VerdictOK           = "ok"
	VerdictFault        = "fault"
	VerdictInconclusive = "inconclusive"
)

func (r *Report) settle() {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.without != "" && slices.ContainsFunc(r.Findings, func(o Finding) bool { return o.Name == f.without && o.State == OK }) {
			f.State, f.Cure = OK, ""
			f.Found += ": of no matter while Wolf's container is well"
		}
	}
	switch {
	case r.count(Fault) > 0:
		r.Verdict = VerdictFault
	case r.count(Unknown) > 0:
		r.Verdict = VerdictInconclusive
	default:
		r.Verdict = VerdictOK
	}
}

func (r *Report) count(s State) int {
	return len(slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.State != s }))
}

const (
	stateWidth = 9
	nameWidth  = 16
	width      = 80
)

// Render writes the report for people, 80 columns wide, what is wrong first.
func (r *Report) Render(w io.Writer) error {
	var b strings.Builder
	for _, s := range []State{Fault, Warning, Unknown, OK} {
		for _, f := range r.Findings {
			if f.State != s {
				continue
			}
			lines := wrap(f.Found, width-stateWidth-nameWidth)
			for n, line := range wrap(f.Cure, width-stateWidth-nameWidth-3) {
				if f.Cure != "" {
					lines = append(lines, [...]string{"-> ", "   "}[min(n, 1)]+line)
				}
			}
			fmt.Fprintf(&b, "%-*s%-*s%s\n", stateWidth, f.State, nameWidth, f.Name, lines[0])
			for _, line := range lines[1:] {
				fmt.Fprintf(&b, "%*s%s\n", stateWidth+nameWidth, "", line)
			}
		}
	}
	fmt.Fprintf(&b, "%s: %d faults, %d warnings, %d unknown, %d ok\n", r.Verdict, r.count(Fault), r.count(Warning), r.count(Unknown), r.count(OK))
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text at its spaces; words that are too long are broken. There is
// at least one line.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		for len(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:width]), word[width:]
		}
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

func finding(name string, s State, format string, args ...any) Finding {
	return Finding{Name: name, State: s, Found: fmt.Sprintf(format, args...)}
}

func ok(name, format string, args ...any) Finding { return finding(name, OK, format, args...) }
func unknown(name, format string, args ...any) Finding {
	return finding(name, Unknown, format, args...)
}

func (f Finding) cured(format string, args ...any) Finding {
	f.Cure = fmt.Sprintf(format, args...)
	return f
}

// unless names the finding that makes this one of no matter, where it is well.
func (f Finding) unless(name string) Finding {
	f.without = name
	return f
}
