package logsource

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// pause is how long a log that is followed must be quiet to count as read up to
// its end for now, and how often it is looked at.
const pause = 250 * time.Millisecond

// openFile adds a file.
func (s *Set) openFile(ctx context.Context, name string) error {
	file, info, err := s.openNamed(ctx, name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return s.add(ctx, name, file)
	}
	s.total += info.Size()
	var from io.Reader = &tail{ctx: ctx, path: name, file: file, closers: &s.closers}
	if !s.options.Follow {
		from = &snapshot{file: file, left: info.Size(), set: s, name: name}
	}
	return s.take(name, &counted{r: from, set: s})
}

// snapshot is a file as long as it was when it was opened: one that grows faster
// than it is read has no end otherwise.
type snapshot struct {
	file *os.File
	left int64
	some bool
	set  *Set
	name string
}

// Read reads at most up to where the file ended.
func (f *snapshot) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err := f.file.Read(p)
	f.left -= int64(n)
	f.some = f.some || n > 0
	switch {
	case errors.Is(err, io.EOF) && f.left > 0:
		f.set.warn("%s was cut short while it was read: %d bytes are missing", f.name, f.left)
		f.left = 0
	case err != nil && !errors.Is(err, io.EOF) && f.some:
		f.set.warn("%s cannot be read to its end (%v): it was read up to there", f.name, err)
		err, f.left = io.EOF, 0
	}
	return n, err
}

// mostAtEnd is how much is read of a file that is followed after its context has
// ended, in bytes: what was written before, unless it is very far behind.
const mostAtEnd = 16 << 20

// tail is a file that is followed by its name. It ends with the context, where
// the file ended then.
type tail struct {
	ctx     context.Context
	left    *int64 // after the end of the context
	path    string
	file    *os.File
	closers *[]func()
	read    int64
	rotated bool // the old file is read to its end for the last time
}

// Read returns nothing and no error where nothing has come for now.
func (t *tail) Read(p []byte) (int, error) {
	if t.ctx.Err() != nil {
		return t.rest(p)
	}
	n, err := t.file.Read(p)
	t.read += int64(n)
	if n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	if t.next() {
		return 0, nil
	}
	select {
	case <-t.ctx.Done():
	case <-time.After(pause):
	}
	return 0, nil
}

// rest reads what was written before the context ended.
func (t *tail) rest(p []byte) (int, error) {
	if t.left == nil {
		t.left = new(int64)
		if info, err := t.file.Stat(); err == nil {
			*t.left = min(max(0, info.Size()-t.read), mostAtEnd)
		}
	}
	n, err := t.file.Read(p[:min(int64(len(p)), *t.left)])
	*t.left -= int64(n)
	if n == 0 || err != nil {
		return n, io.EOF
	}
	return n, nil
}

// next goes to the beginning of a file that was cut, or to the one that has
// taken the name of the old one.
func (t *tail) next() bool {
	own, err := t.file.Stat()
	if err != nil {
		return false
	}
	if own.Size() < t.read {
		if _, err := t.file.Seek(0, io.SeekStart); err == nil {
			t.read = 0
			return true
		}
	}
	named, err := os.Stat(t.path)
	if err != nil || os.SameFile(own, named) {
		t.rotated = false
		return false
	}
	if !t.rotated {
		// Its writer may have written between our reading and the renaming.
		t.rotated = true
		return true
	}
	file, err := os.Open(t.path)
	if err != nil {
		return false
	}
	_ = t.file.Close()
	t.file, t.read, t.rotated = file, 0, false
	return true
}

// patient reads from what may block for ever, and returns when the context ends
// or, of a log that is followed, when nothing has come for a while. The
// goroutine ends with its next Read after the context: a terminal cannot be
// interrupted.
type patient struct {
	ctx    context.Context
	came   chan piece
	back   chan []byte
	rest   piece
	follow bool
}

// piece is what one Read gave.
type piece struct {
	text  []byte
	whole []byte // the buffer, to be given back
	err   error
}

// pieceSize is as much as a pipe holds.
const pieceSize = 64 << 10

func newPatient(ctx context.Context, from io.Reader, follow bool) *patient {
	p := &patient{ctx: ctx, came: make(chan piece), back: make(chan []byte, 2), follow: follow}
	p.back <- make([]byte, pieceSize)
	p.back <- make([]byte, pieceSize)
	go func() {
		defer close(p.came)
		for {
			var buf []byte
			select {
			case buf = <-p.back:
			case <-ctx.Done():
				return
			}
			n, err := from.Read(buf)
			select {
			case p.came <- piece{text: buf[:n], whole: buf, err: err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Read gives what has come.
func (p *patient) Read(into []byte) (int, error) {
	for len(p.rest.text) == 0 {
		if p.rest.err != nil {
			return 0, p.rest.err
		}
		if p.rest.whole != nil {
			p.back <- p.rest.whole
			p.rest.whole = nil
		}
		var quiet <-chan time.Time
		if p.follow {
			quiet = time.After(pause)
		}
		select {
		case next, ok := <-p.came:
			if !ok {
				return 0, p.ended()
			}
			p.rest = next
		case <-quiet:
			return 0, nil
		case <-p.ctx.Done():
			return 0, p.ended()
		}
	}
	n := copy(into, p.rest.text)
	p.rest.text = p.rest.text[n:]
	return n, nil
}

// ended is how a log ends whose reading was stopped: one that is followed has no
// other end.
func (p *patient) ended() error {
	if p.follow || p.ctx.Err() == nil {
		return io.EOF
	}
	return p.ctx.Err()
}
