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
	if len(works) > 0 {
		err = nil
	}
	return m.name, works, err
}

// tryFormat reads one buffer.
func tryFormat(c *canvas, m *maker, path string, f scene.Format) error {
	b, files, err := m.make(f)
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
