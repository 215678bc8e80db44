package logscan_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/logscan"
	"github.com/kennel-stream/kennel/internal/logscan/loggen"
)

// benchSize is enough to be no part of a processor's caches.
const benchSize = 64 << 20

// kinds of logs to measure with.
var kinds = map[string]loggen.Options{
	"debug": {Debug: true},
	"info":  {},
	"dense": {Debug: true, Dense: true},
}

// bigLog returns a log and its lines.
func bigLog(b *testing.B, kind string) ([]byte, int) {
	o := kinds[kind]
	o.Size, o.Seed = benchSize, 1
	var out bytes.Buffer
	out.Grow(benchSize + 8<<20)
	if err := loggen.Write(&out, o); err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), bytes.Count(out.Bytes(), []byte("\n"))
}

// signs are all literals that the doctor looks for.
func signs(b testing.TB) []string {
	c, err := diagnosis.Load(nil)
	if err != nil {
		b.Fatal(err)
	}
	return c.Literals()
}

// perCPU reports the speed by the processor time that was used, which a machine
// that does other things as well changes less than the time that passes.
func perCPU(b *testing.B, size int) (report func()) {
	used := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(b.N)*float64(size)/1e6/(used()-before).Seconds(), "MB/cpu-s") }
}

// BenchmarkScan finds all signs of the catalogue, on GOMAXPROCS processors. Set
// that in the environment: -cpu does not reach benchmarks with b.Loop in b.Run.
func BenchmarkScan(b *testing.B) {
	for _, kind := range []string{"debug", "info", "dense"} {
		text, lines := bigLog(b, kind)
		m := logscan.NewMatcher(signs(b))
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var hits int64
			defer perCPU(b, len(text))()
			for b.Loop() {
				stats, err := m.Scan(b.Context(), bytes.NewReader(text), func(logscan.Line) error { return nil })
				if err != nil || stats.Lines != int64(lines) {
					b.Fatal(err, stats, lines)
				}
				hits = stats.Hits
			}
			b.ReportMetric(100*float64(hits)/float64(lines), "%hit")
			if kind != "dense" && hits*100 > int64(lines) {
				b.Errorf("%d of %d lines are hit: this log is not realistic", hits, lines)
			}
		})
	}
}

// BenchmarkDoctor reads a file as the doctor does, up to the diagnosis.
func BenchmarkDoctor(b *testing.B) {
	for _, kind := range []string{"debug", "info", "dense"} {
		text, _ := bigLog(b, kind)
		c, err := diagnosis.Load(nil)
		if err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(b.TempDir(), "wolf.log")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			defer perCPU(b, len(text))()
			for b.Loop() {
				file, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				l, err := c.Read(b.Context(), diagnosis.Source{Name: path, Reader: file})
				if err != nil {
					b.Fatal(err)
				}
				c.Diagnose(l)
				_ = file.Close()
			}
		})
	}
}

// BenchmarkRipgrep counts the same literals in the same logs, to compare with.
func BenchmarkRipgrep(b *testing.B) {
	rg, err := exec.LookPath("rg")
	if err != nil {
		b.Skip("NOT COMPARED: ripgrep is not installed (scripts/deps bench)")
	}
	dir := b.TempDir()
	patterns := filepath.Join(dir, "patterns")
	if err := os.WriteFile(patterns, []byte(strings.Join(signs(b), "\n")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, kind := range []string{"debug", "info", "dense"} {
		text, _ := bigLog(b, kind)
		path := filepath.Join(dir, kind)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var used time.Duration
			n := 0
			defer func() { b.ReportMetric(float64(n)*float64(len(text))/1e6/used.Seconds(), "MB/cpu-s") }()
			for b.Loop() {
				c := exec.CommandContext(b.Context(), rg, "--count-matches", "--no-config", "-F", "-f", patterns, path)
				c.Stdout = io.Discard
				if err := c.Run(); err != nil {
					b.Fatal(err)
				}
				used += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
				n++
			}
		})
	}
}
