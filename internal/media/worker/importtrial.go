package worker

import (
	"errors"
	"fmt"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

var errNoGPUBuffers = errors.New("no GPU buffers can be made here to try it with")

// tryImport answers which GPU buffers a path reads.
func (p *process) tryImport(trial media.ImportTrial) error {
	begun := monotonic()
	path, known := media.ImportPathNamed(trial.Path)
	if !known {
		return fmt.Errorf("%q is no way to import GPU buffers", trial.Path)
	}
	made, formats, err := importsOf(path, trial.Node)
	if err != nil {
		return media.Fault{ID: evidence.FaultEncoderInit, Detail: err.Error()}
	}
	_ = p.conn.SendJSON(sendTimeout, media.MessageReady, media.Ready{Element: made, WarmupNanos: monotonic() - begun, Formats: formats})
	return nil
}

// importsOf tries a path whose elements are installed.
func importsOf(path media.ImportPath, node string) (made string, formats []scene.Format, err error) {
	for _, element := range path.Elements {
		if !haveElement(element) {
			return "", nil, fmt.Errorf("GStreamer offers no element %s on this machine (package %s)", element, path.Package)
		}
	}
	return tryPath(path, node)
}

// tryPath reads buffers of every format that a path says it takes. made tells
// what they were.
func tryPath(path media.ImportPath, node string) (made string, works []scene.Format, err error) {
	m := newMaker(node)
	defer m.end()
	var c canvas
	defer c.close()
	offered := linearFormats()
	if path.Name != media.ImportCPU {
		if m.standsIn {
			return "", nil, errNoGPUBuffers
		}
		first, err := newImporter(path)
		if err != nil {
			return "", nil, err
		}
		defer first.close()
		offered = first.formats()
	}
	c.imports = importers{}
	defer func() {
		for _, i := range c.imports {
			i.close()
		}
	}()
	err = fmt.Errorf("it takes no pixel format of %s", m.name)
	for _, f := range offered {
		failure := tryFormat(&c, m, path.Name, f)
		switch {
		case failure == nil:
			works = append(works, f)
		case f.Modifier == scene.ModifierLinear || len(works) == 0:
			err = fmt.Errorf("%s: %w", f, failure)
		}
	}
	if len(works) == 0 {
		return m.name, nil, err
	}
	if path.Name == media.ImportCPU && !m.standsIn {
		// A card's own memory may be mapped, and be read slower than apps copy it.
		if err := fastEnough(m, works[0]); err != nil {
			return m.name, nil, err
		}
	}
	return m.name, works, nil
}

const (
	// slowest is what the processor must read of GPU memory, in bytes per second:
	// twice what 1920x1080 at 60 Hz takes.
	slowest   = 1 << 30
	speedSide = 1024
)

// fastEnough measures how fast the processor reads a GPU buffer.
func fastEnough(m *maker, f scene.Format) error {
	speed, err := readSpeed(m, f)
	if err == nil && speed < slowest {
		err = fmt.Errorf("the processor reads %s at %d MB/s, too slow for a stream", m.name, speed/1e6)
	}
	return err
}

// readSpeed is the best of some tries, in bytes per second: the machine may be
// busy.
func readSpeed(m *maker, f scene.Format) (best int64, err error) {
	b, files, err := m.make(f, speedSide)
	if err != nil {
		return 0, err
	}
	defer closeAll(files)
	s, err := mapSurface(b, files, nil)
	if err != nil {
		return 0, err
	}
	defer s.drop()
	if s.refused != nil {
		return 0, s.refused
	}
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.end()
	to := make([]byte, len(s.pixels))
	for range 8 {
		begun := monotonic()
		n := copy(to, s.pixels)
		best = max(best, int64(n)*1e9/max(1, monotonic()-begun))
	}
	return best, nil
}

// tryFormat reads one buffer.
func tryFormat(c *canvas, m *maker, path string, f scene.Format) error {
	b, files, err := m.make(f, trialSize)
	if err != nil {
		return err
	}
	defer closeAll(files)
	var imports []media.Import
	if path != media.ImportCPU {
		imports = []media.Import{{Path: path, Formats: []scene.Format{f}}}
	}
	s, err := mapSurface(b, files, imports)
	if err != nil {
		return err
	}
	defer s.drop()
	if s.refused != nil {
		return s.refused
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	var img pixel.Image
	if path == media.ImportCPU {
		img, err = c.source(s)
	} else {
		img, err = c.imports.read(s) // with no other way out
	}
	if err != nil {
		return err
	}
	return checkTrial(&img)
}
