// Package logsource finds the logs that a user names - files, patterns,
// directories, the standard input, a container's log - and makes of each a plain
// stream of lines: without compression, and without the records that Docker and
// the journal wrap around lines. Line numbers stay those of the file.
package logsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// Options say where logs are read from, beside files.
type Options struct {
	// Stdin is read for the argument "-".
	Stdin io.Reader
	// Docker reads containers' logs: those of Containers, or where none is named
	// that of the container with an image of Wolf's.
	Docker     bool
	Containers []string
	// Sockets are those of container engines; nil for the usual ones.
	Sockets []string
	// Follow goes on with what is written later, also to a file that took the
	// name of a rotated one, until the context ends.
	Follow bool
	// Patience is how long a named pipe may be without a writer; 0 for
	// DefaultPatience. A log that is followed has no end of it.
	Patience time.Duration
	// Progress is told how many bytes of how many were read, of all sources
	// together and as they lie on disk; total is 0 where it is not known. It is
	// called by whoever reads, of several sources at the same time.
	Progress func(done, total int64)
}

// Source is one log.
type Source struct {
	// Name is a path, "-", or the name of a container.
	Name string
	// Reader gives lines. While a log is followed, a Read of no bytes and no
	// error says that nothing more comes for now.
	Reader io.Reader
	// Strange says that its beginning has no line in a shape of Wolf's, of what
	// runs in it, or of Kennel's: where no sign of a fault is in it either, it is
	// hardly the log that was meant.
	Strange bool
	// Live says that what writes it was running when it was opened.
	Live bool
}

// Set is the logs of one run. Sources are to be read in their order, one at a
// time, or all at the same time.
type Set struct {
	Sources []Source

	options Options
	closers []func()
	done    atomic.Int64
	total   int64

	mu       sync.Mutex // covers warnings
	warnings []string
}

// Open opens what args name, and the container of the options. It fails with a
// sentence where one of them cannot be read, or none holds anything.
func Open(ctx context.Context, o Options, args ...string) (*Set, error) {
	s := &Set{options: o}
	err := s.open(ctx, args)
	if err == nil && len(s.Sources) == 0 {
		err = evidence.Errorf(evidence.Invalid, "nothing to read: %s", strings.Join(append(s.Warnings(), "name a log"), "; "))
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Set) open(ctx context.Context, args []string) error {
	files, err := expand(args)
	if err != nil {
		return err
	}
	for _, name := range files {
		if name == "-" {
			err = s.openStdin(ctx)
		} else {
			err = s.openFile(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	if s.options.Docker {
		return s.openContainers(ctx)
	}
	return nil
}

// Close closes all sources.
func (s *Set) Close() error {
	for _, c := range slices.Backward(s.closers) {
		c()
	}
	s.closers = nil
	return nil
}

// Warnings are sentences about what could be read in part only. To be asked
// after reading.
func (s *Set) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

func (s *Set) warn(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// expand resolves patterns that a shell did not, and directories.
func expand(args []string) (files []string, err error) {
	for _, arg := range args {
		if arg == "-" {
			files = append(files, arg)
			continue
		}
		matches := []string{arg}
		if _, err := os.Lstat(arg); err != nil && strings.ContainsAny(arg, "*?[") {
			if matches, err = filepath.Glob(arg); err != nil {
				return nil, evidence.Errorf(evidence.Invalid, "%s is no pattern for files: %w", arg, err)
			}
			if len(matches) == 0 {
				return nil, evidence.Errorf(evidence.Invalid, "no file fits %s", arg)
			}
		}
		for _, name := range matches {
			info, err := os.Stat(name)
			if err != nil || !info.IsDir() {
				files = append(files, name)
				continue
			}
			inside, err := logsIn(name)
			if err != nil {
				return nil, err
			}
			files = append(files, inside...)
		}
	}
	return files, nil
}

// mostFiles bounds how many logs of a directory are opened.
const mostFiles = 512

// logsIn lists the logs of a directory, the oldest first, not of those below it.
func logsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "list the directory: %w", err)
	}
	type file struct {
		name string
		at   int64
	}
	var found []file
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !looksLikeLog(e.Name()) {
			continue
		}
		found = append(found, file{filepath.Join(dir, e.Name()), info.ModTime().UnixNano()})
	}
	switch {
	case len(found) == 0:
		return nil, evidence.Errorf(evidence.Invalid, "%s is a directory without logs (*.log, *.log.1, *.gz, *.zst, *.txt, *-json.log): name a file", dir)
	case len(found) > mostFiles:
		return nil, evidence.Errorf(evidence.Invalid, "%s is a directory of %d logs, more than %d: name those that matter", dir, len(found), mostFiles)
	}
	slices.SortStableFunc(found, func(a, b file) int {
		if a.at != b.at {
			return int(max(-1, min(1, a.at-b.at)))
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	return names, nil
}

// looksLikeLog knows wolf.log, wolf.log.1, wolf.log.2.gz, wolf-2025.txt.
func looksLikeLog(name string) bool {
	for _, end := range []string{".gz", ".zst", ".old"} {
		name = strings.TrimSuffix(name, end)
	}
	for strings.Trim(filepath.Ext(name), ".0123456789") == "" && filepath.Ext(name) != "" {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	ext := filepath.Ext(name)
	return ext == ".log" || ext == ".txt" || ext == ".journal-export" || name == "syslog" || name == "messages"
}

// openContainers adds the logs of containers.
func (s *Set) openContainers(ctx context.Context) error {
	sockets := s.options.Sockets
	if sockets == nil {
		sockets = engine.Sockets("/", os.Getenv)
	}
	e, err := engine.Connect(ctx, sockets)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = e.Close() })
	s.total = 0
	names := s.options.Containers
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		if err := s.openContainer(ctx, e, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) openContainer(ctx context.Context, e *engine.Engine, name string) error {
	c, err := e.Find(ctx, name)
	if err != nil {
		return err
	}
	d, err := e.Inspect(ctx, c)
	if err != nil {
		return err
	}
	r, err := e.Logs(ctx, d, engine.LogOptions{Follow: s.options.Follow})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = r.Close() })
	n := len(s.Sources)
	if err := s.add(ctx, c.Name, r); err != nil {
		return err
	}
	for i := n; i < len(s.Sources); i++ { // none where it is empty
		s.Sources[i].Live = d.State == "running"
	}
	return nil
}

func (s *Set) openStdin(ctx context.Context) error {
	if s.options.Stdin == nil {
		return evidence.Errorf(evidence.Invalid, "there is no standard input to read")
	}
	return s.add(ctx, "-", s.options.Stdin)
}

// add takes a stream that may wait for more.
func (s *Set) add(ctx context.Context, name string, r io.Reader) error {
	return s.take(name, newPatient(ctx, &counted{r: r, set: s}, s.options.Follow))
}

// take makes a source of a log.
func (s *Set) take(name string, from io.Reader) error {
	plain, err := s.plain(name, from)
	switch {
	case errors.Is(err, errEmpty):
		s.warn("%s is empty", name)
		return nil
	case err != nil:
		return err
	}
	head, plain, err := peek(plain, headSize)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	}
	s.Sources = append(s.Sources, Source{Name: name, Reader: plain, Strange: !isKnown(head)})
	return nil
}

// counted tells of progress.
type counted struct {
	r   io.Reader
	set *Set
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	done := c.set.done.Add(int64(n))
	if c.set.options.Progress != nil && n > 0 {
		c.set.options.Progress(done, c.set.total)
	}
	return n, err
}
