package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// headerSize is that of a frame's header: the stream, three zeros, the length.
	headerSize = 8
	// mostFrame bounds what a frame may announce; engines split at 16 KiB.
	mostFrame = 1 << 20
)

// demultiplexer makes one stream of the two in a container's log (Docker Engine
// API, "attach to a container", stream format). Lines of one do not get into the
// middle of lines of the other.
type demultiplexer struct {
	from  io.ReadCloser
	ready []byte
	open  [3][]byte // a line of each stream whose end has not come
	err   error
}

// Read gives what has come, whole lines only.
func (d *demultiplexer) Read(p []byte) (int, error) {
	for len(d.ready) == 0 && d.err == nil {
		d.err = d.frame()
		if errors.Is(d.err, io.EOF) {
			for i := range d.open {
				d.ready = append(d.ready, d.open[i]...)
			}
		}
	}
	if len(d.ready) == 0 {
		return 0, d.err
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

func (d *demultiplexer) frame() error {
	var header [headerSize]byte
	if _, err := io.ReadFull(d.from, header[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF // the engine went away in the middle
		}
		return err
	}
	size := binary.BigEndian.Uint32(header[4:])
	if header[0] > 2 || header[1]|header[2]|header[3] != 0 || size > mostFrame {
		return fmt.Errorf("the engine's log is not in frames: % x", header)
	}
	line := &d.open[header[0]]
	begin := len(*line)
	*line = append(*line, make([]byte, size)...)
	n, err := io.ReadFull(d.from, (*line)[begin:])
	*line = (*line)[:begin+n]
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	end := bytes.LastIndexByte(*line, '\n') + 1
	if end == 0 && len(*line) > mostFrame {
		end = len(*line)
	}
	d.ready = append(d.ready[:0], (*line)[:end]...)
	*line = append((*line)[:0], (*line)[end:]...)
	return nil
}

// Close ends the stream.
func (d *demultiplexer) Close() error { return d.from.Close() }
