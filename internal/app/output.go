package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of what is kept of a session's output.
const (
	// MaxOutputBytes is the size in bytes at which the file of a session stops
	// growing; the last lines are still kept in memory.
	MaxOutputBytes = 8 << 20
	// TailLines is how many last lines of each source are kept in memory.
	TailLines = 50
	maxLine   = 4 << 10
)

// Output collects what the processes of one session print: into a file, each
// line with time and source, and the last lines of each source in memory.
type Output struct {
	mu      sync.Mutex // covers what follows
	file    *os.File
	written int64
	full    bool
	tails   map[string][]string
	closed  bool

	readers sync.WaitGroup
	pipes   []*os.File // read ends, closed by Close so that readers end
}

// NewOutput writes to the file at path, which it creates with mode 0600.
func NewOutput(path string) (*Output, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the session's output: %w", err)
	}
	return &Output{file: f, tails: map[string][]string{}}, nil
}

// Source returns the write end of a pipe whose lines are kept under name. The
// caller closes it after the process has started.
func (o *Output) Source(name string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("keep the output of %s: %w", name, err)
	}
	if !o.Follow(name, r) {
		_ = w.Close()
		return nil, fmt.Errorf("keep the output of %s: %w", name, os.ErrClosed)
	}
	return w, nil
}

// Follow keeps the lines that come from the read end of a pipe, which it takes
// over. It reports false after Close.
func (o *Output) Follow(name string, r *os.File) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		_ = r.Close()
		return false
	}
	o.pipes = append(o.pipes, r)
	o.readers.Add(1)
	go o.copy(name, r)
	return true
}

// copy reads lines until every writer of the pipe is gone or Close.
func (o *Output) copy(name string, r *os.File) {
	defer o.readers.Done()
	defer r.Close()
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		if text := strings.TrimRight(strings.ToValidUTF8(string(line), "�"), "\r\n"); len(line) > 0 {
			o.Add(name, text)
		}
		// An over-long line goes on as another line: nothing is lost.
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Add keeps one line.
func (o *Output) Add(name, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := append(o.tails[name], text)
	if len(tail) > TailLines {
		tail = slices.Delete(tail, 0, len(tail)-TailLines)
	}
	o.tails[name] = tail
	if o.closed || o.full {
		return
	}
	n, err := fmt.Fprintf(o.file, "%s %s: %s\n", time.Now().UTC().Format(time.RFC3339Nano), name, text)
	o.written += int64(n)
	if err != nil || o.written > MaxOutputBytes {
		o.full = true
		_, _ = io.WriteString(o.file, "kennel: this file is full; later lines are not kept\n")
	}
}

// Tail returns the last lines of a source, oldest first.
func (o *Output) Tail(name string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.tails[name])
}

// Close stops reading, even while a stray process still holds a pipe, and
// closes the file.
func (o *Output) Close() error {
	o.mu.Lock()
	pipes := o.pipes
	o.pipes = nil
	o.mu.Unlock()
	for _, r := range pipes {
		// Wakes the reader after what is already in the pipe has been read.
		_ = r.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	}
	o.readers.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	return o.file.Close()
}

// tailBytes is how much of the end of a file ReadTails looks at: a line of
// every source may be as long as maxLine.
const tailBytes = 4 * TailLines * maxLine

// ReadTails returns the last lines of each source of a session that has ended,
// from the file that NewOutput made.
func ReadTails(path string) (map[string][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the session's output: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("read the session's output: %w", err)
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return nil, fmt.Errorf("read the session's output: %w", err)
	}
	tails := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name, text, named := strings.Cut(rest, ": ")
		if !ok || !named || strings.ContainsAny(name, " \t") {
			continue
		}
		tail := append(tails[name], text)
		tails[name] = tail[max(0, len(tail)-TailLines):]
	}
	return tails, nil
}
