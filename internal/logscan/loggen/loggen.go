// Package loggen writes logs of Wolf that never were: whole sessions in order,
// in the shapes and proportions of real ones, to measure with. It is no part of
// any program of the product.
package loggen

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// Options say what is written.
type Options struct {
	// Size is the least size in bytes; the last session is completed.
	Size int64
	// Debug writes at Wolf's level DEBUG, else INFO.
	Debug bool
	// Dense makes nearly every line one that a diagnosis looks at.
	Dense bool
	// Broken makes the last session fail as a GPU context does that is damaged
	// after days; without it all end well.
	Broken bool
	// Seed chooses addresses and pauses; the same seed gives the same log.
	Seed uint64
}

// writer is a log in the making.
type writer struct {
	Options

	w       *bufio.Writer
	dice    *rand.Rand
	at      time.Time // of the next line
	start   time.Time // of the process
	written int64
	session int
	client  string // its address
	id      uint64
	err     error
}

// Write writes a log.
func Write(w io.Writer, o Options) error {
	g := &writer{Options: o, w: bufio.NewWriterSize(w, 1<<20), dice: rand.New(rand.NewPCG(o.Seed, 1))}
	g.start = time.Date(2025, 10, 1, 6, 30, 0, 0, time.UTC)
	g.at = g.start
	g.emit(starting)
	for g.written < o.Size && g.err == nil {
		g.oneSession(false)
	}
	if o.Broken && g.err == nil {
		g.oneSession(true)
	}
	if g.err != nil {
		return fmt.Errorf("write a log: %w", g.err)
	}
	return g.w.Flush()
}

// How many lines of noise a session has between its own; a session of hours
// with other clients that ask for the list of apps every few seconds.
const (
	noiseDebug = 9000
	noiseInfo  = 900
	noiseDense = 3
)

func (g *writer) oneSession(broken bool) {
	g.session++
	g.client = fmt.Sprintf("192.168.1.%d", 2+g.dice.IntN(250))
	g.id = 11761219281196748612 + uint64(g.session%5)
	noise := noiseInfo
	switch {
	case g.Dense:
		noise = noiseDense
	case g.Debug:
		noise = noiseDebug
	}
	g.emit(launching)
	if broken {
		g.emit(breaking)
	}
	for i := range noise {
		g.noise(i)
	}
	g.emit(ending)
	g.at = g.at.Add(time.Duration(g.dice.IntN(600)) * time.Second)
}

// noise writes a line that no diagnosis asks for.
func (g *writer) noise(i int) {
	g.at = g.at.Add(time.Duration(g.dice.IntN(900)) * time.Millisecond)
	lines := noiseLines
	if !g.Debug {
		lines = infoNoise
	}
	g.line(lines[(i+g.dice.IntN(3))%len(lines)])
}

func (g *writer) emit(template string) {
	for line := range strings.Lines(template) {
		g.at = g.at.Add(time.Duration(g.dice.IntN(9_000_000)))
		g.line(strings.TrimSuffix(line, "\n"))
	}
}

// line writes a line of a template: its first letter says which program wrote it
// (D, I, W, E: Wolf at that level; r: Rust tracing, g: GStreamer, =: as it is).
func (g *writer) line(template string) {
	kind, text, _ := strings.Cut(template, " ")
	if kind == "D" && !g.Debug {
		return
	}
	port, hex := 40000+g.dice.IntN(20000), g.dice.Uint64()
	text = fill(text, func(name string) (value string, known bool) {
		switch name {
		case "client":
			return g.client, true
		case "id":
			return fmt.Sprint(g.id), true
		case "n":
			return fmt.Sprint(g.session), true
		case "port":
			return fmt.Sprint(port), true
		case "hex":
			return fmt.Sprintf("%016x", hex), true
		case "uptime":
			return uptime(g.at.Sub(g.start)), true
		case "clock":
			return g.at.Format("15:04:05.000"), true
		}
		return "", false
	})
	var n int
	var err error
	switch kind {
	case "D", "I", "W", "E":
		level := map[string]string{"D": "DEBUG", "I": "INFO ", "W": "WARN ", "E": "ERROR"}[kind]
		n, err = fmt.Fprintf(g.w, "%s %s | %s\n", g.at.Format("15:04:05.000000000"), level, text)
	case "r":
		n, err = fmt.Fprintf(g.w, "%s %s\n", g.at.Format("2006-01-02T15:04:05.000000Z"), text)
	case "g":
		n, err = fmt.Fprintf(g.w, "%s     1 0x77fb%08x %s\n", uptime(g.at.Sub(g.start)), g.dice.Uint32(), text)
	default:
		n, err = fmt.Fprintf(g.w, "%s\n", text)
	}
	g.written += int64(n)
	if g.err == nil {
		g.err = err
	}
}

// fill puts values in the place of the names in braces that are known.
func fill(text string, value func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		if v, known := value(name); known {
			b.WriteString(v)
			text = after
		} else {
			b.WriteByte('{')
			text = rest
		}
	}
}

// uptime is how GStreamer counts time: hours may have more than two digits.
func uptime(d time.Duration) string {
	return fmt.Sprintf("%d:%02d:%02d.%09d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Nanoseconds()%1e9)
}
