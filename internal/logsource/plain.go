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
	packed := &measured{r: from}
	head, whole, err := peek(packed, 4)
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
		whole = &tolerant{r: z, set: s, name: name, packed: packed}
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(finite{whole}, zstd.WithDecoderMaxMemory(zstdMemory), zstd.WithDecoderMaxWindow(zstdMemory), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "%s begins as zstd and cannot be read as such: %w", name, err)
		}
		s.closers = append(s.closers, z.Close)
		whole = &tolerant{r: z, set: s, name: name, packed: packed}
	}
	return s.lines(name, whole)
}

// lines takes off the records of transports, and refuses what is no text.
func (s *Set) lines(name string, whole io.Reader) (io.Reader, error) {
	head, whole, err := peek(whole, headSize)
	switch {
	case err != nil:
		return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	case len(head) == 0 && !s.options.Follow:
		return nil, errEmpty
	}
	if text := decoded(head, whole); text != whole {
		if head, whole, err = peek(text, headSize); err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
		}
	}
	if err := refuse(name, head); err != nil {
		return nil, err
	}
	bare := unwrap(head, whole)
	if bare != whole {
		if head, bare, err = peek(bare, headSize); err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
		}
	}
	if !s.options.Follow {
		if bare, err = s.tidy(name, head, bare); err != nil {
			return nil, err
		}
		if head, bare, err = peek(bare, headSize); err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
		}
	}
	// Of a log that is followed perhaps nothing is there yet.
	if isOwnJSON(head) || s.options.Follow {
		return &converter{from: bare, records: newOwnJSON()}, nil
	}
	return bare, nil
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

// measured counts what is read through it.
type measured struct {
	r io.Reader
	n int64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

// A log that is more than so many bytes, and more than so many times as long as
// its compressed form, is none: real ones shrink to a twentieth or so.
const (
	bombSize  = 1 << 30
	bombRatio = 400
)

// tolerant ends a compressed log where it is damaged, with a warning: what was
// readable is worth a diagnosis.
type tolerant struct {
	r      io.Reader
	packed *measured
	set    *Set
	name   string
	out    int64
	err    error
}

func (t *tolerant) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	t.out += int64(n)
	switch {
	case err == nil && t.out > bombSize && t.out/bombRatio > t.packed.n:
		t.set.warn("%s grows to more than %d times its size: it was read up to there; if it is a log all the same, decompress it into a file and name that", t.name, bombRatio)
		err = io.EOF
	case err == nil || errors.Is(err, io.EOF):
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		err = evidence.Errorf(evidence.Invalid, "it needs more than %d MiB of memory to decompress: zstd -dc --long=31 %s | kennel doctor -", zstdMemory>>20, t.name)
	case t.out == 0:
		err = evidence.Errorf(evidence.Invalid, "nothing of it can be decompressed (%w): copy it anew", err)
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
