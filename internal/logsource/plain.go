package logsource

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/kennel-stream/kennel/internal/evidence"
)

var errEmpty = errors.New("empty")

const (
	// headSize is as much of a log as tells what it is.
	headSize = 64 << 10
	// zstdMemory bounds the window that a frame may ask for.
	zstdMemory = 64 << 20
)

// plain takes off compression and the records of transports.
func (s *Set) plain(name string, from io.Reader) (io.Reader, error) {
	head, whole, err := peek(from, 4)
	switch {
	case err != nil:
		return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	case len(head) == 0 && !s.options.Follow:
		return nil, errEmpty
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(finite{whole})
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "%s begins as gzip and cannot be read as such: %w", name, err)
		}
		whole = &tolerant{r: z, set: s, name: name}
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(finite{whole}, zstd.WithDecoderMaxMemory(zstdMemory), zstd.WithDecoderMaxWindow(zstdMemory), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "%s begins as zstd and cannot be read as such: %w", name, err)
		}
		s.closers = append(s.closers, z.Close)
		whole = &tolerant{r: z, set: s, name: name}
	}
	head, whole, err = peek(whole, headSize)
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	}
	if len(head) == 0 && !s.options.Follow {
		return nil, errEmpty
	}
	return unwrap(head, whole), nil
}

// peek reads up to so many bytes, and gives them back to the reader. Of a log
// that is followed it takes what is there.
func peek(from io.Reader, most int) (head []byte, whole io.Reader, err error) {
	head = make([]byte, most)
	n := 0
	for n < most && err == nil {
		var more int
		more, err = from.Read(head[n:])
		n += more
		if more == 0 && err == nil {
			break
		}
	}
	head = head[:n]
	if errors.Is(err, io.EOF) {
		return head, bytes.NewReader(head), nil
	}
	return head, &joined{head: head, rest: from}, err
}

// joined reads what was peeked at, then the rest; unlike io.MultiReader it hands
// on a Read of nothing.
type joined struct {
	head []byte
	rest io.Reader
}

func (j *joined) Read(p []byte) (int, error) {
	if len(j.head) > 0 {
		n := copy(p, j.head)
		j.head = j.head[n:]
		return n, nil
	}
	return j.rest.Read(p)
}

// finite ends where nothing more comes for now: what is compressed is not
// followed.
type finite struct{ r io.Reader }

func (f finite) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// tolerant ends a compressed log where it is damaged, with a warning: what was
// readable is worth a diagnosis.
type tolerant struct {
	r    io.Reader
	set  *Set
	name string
	some bool
	err  error
}

func (t *tolerant) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	t.some = t.some || n > 0
	switch {
	case err == nil || errors.Is(err, io.EOF):
	case !t.some:
		err = evidence.Errorf(evidence.Invalid, "nothing of it can be decompressed: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		t.set.warn("%s ends in the middle of its compressed data: what is there was read, and the end of the log is missing", t.name)
		err = io.EOF
	default:
		t.set.warn("%s is damaged (%v): it was read up to there", t.name, err)
		err = io.EOF
	}
	t.err = err
	return n, err
}
