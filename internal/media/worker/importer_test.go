package worker

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// TestDRMFormats reads caps as elements of GStreamer 1.24 print them.
func TestDRMFormats(t *testing.T) {
	const x, ytiled = scene.FormatXRGB8888, 0x0100000000000002
	for caps, want := range map[string][]scene.Format{
		// glupload on an Intel GPU, shortened.
		"video/x-raw(memory:DMABuf), format=(string)DMA_DRM, drm-format=(string){ XR24, XR24:0x0100000000000002, NV12:0x0100000000000002, AB24 }, width=(int)[ 1, 2147483647 ]; video/x-raw, format=(string)RGBA": {
			{FourCC: x}, {FourCC: x, Modifier: ytiled}, {FourCC: scene.FormatABGR8888},
		},
		"video/x-raw(memory:DMABuf), drm-format=(string)XR24, width=(int)64": {{FourCC: x}},
		// Two structures name the same format.
		"video/x-raw(memory:DMABuf), drm-format=(string){ AR24 }; video/x-raw(memory:DMABuf), drm-format=(string){ AR24, XR24:0x0 }": {
			{FourCC: scene.FormatARGB8888}, {FourCC: x},
		},
		"video/x-raw, format=(string){ BGRx }":                           nil,
		"drm-format=(string){ XR24:0x00ffffffffffffff, XR24:zz, XR2, , ": nil,
		"": nil,
	} {
		if diff := cmp.Diff(want, parseDRMFormats(caps)); diff != "" {
			t.Errorf("%s: %s", caps, diff)
		}
	}
}

func FuzzDRMFormats(f *testing.F) {
	f.Add("drm-format=(string){ XR24, XR24:0x0100000000000002 }")
	f.Add("drm-format=XR24, drm-format={ AB24")
	f.Fuzz(func(t *testing.T, caps string) {
		formats := parseDRMFormats(caps)
		if len(formats) > maxDRMFormats {
			t.Fatalf("%d formats", len(formats))
		}
		for _, want := range formats {
			if got, ok := parseDRMName(drmName(want)); !ok || got != want {
				t.Errorf("%v is printed as %s, which is %v, %v", want, drmName(want), got, ok)
			}
		}
	})
}

func TestImportCaps(t *testing.T) {
	f := scene.Format{FourCC: scene.FormatABGR8888, Modifier: 0x0100000000000002}
	for _, c := range []struct {
		version, want string
	}{
		{"1.26.3", "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=AB24:0x0100000000000002,width=640,height=360,"},
		{"1.24.0", "format=DMA_DRM,"},
		{"1.23.90", "format=DMA_DRM,"},
		{"2.0", "format=DMA_DRM,"},
		{"1.22.0", "video/x-raw(memory:DMABuf),format=RGBA,width=640,height=360,"},
		{"1.9.1", "format=RGBA,"},
		{"odd", "format=RGBA,"},
	} {
		if got := importCaps(modernImport(c.version), f, 640, 360); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.version, got, c.want)
		}
	}
	f.Modifier = scene.ModifierLinear
	if got := importCaps(true, f, 2, 2); !strings.Contains(got, "drm-format=AB24,") {
		t.Errorf("linear: %s", got)
	}
}

// TestImporterReadsThroughGStreamer runs GPU buffers, for which memory stands
// in, through an element of the processor: to it they are ordinary pictures in
// memory that is mapped from files.
func TestImporterReadsThroughGStreamer(t *testing.T) {
	if err := load(); err != nil {
		t.Skipf("no GStreamer: %v", err)
	}
	readTrials(t, media.ImportPath{Name: "test", Pipeline: "videoflip name=head"})
}

// TestImporterReadsThroughGL does the same with OpenGL, which may be drawn by
// the processor.
func TestImporterReadsThroughGL(t *testing.T) {
	if err := load(); err != nil {
		t.Skipf("no GStreamer: %v", err)
	}
	path, _ := media.ImportPathNamed("gl")
	for _, element := range path.Elements {
		if !haveElement(element) {
			t.Skipf("%s is not installed (package %s)", element, path.Package)
		}
	}
	readTrials(t, path)
}

// readTrials reads every linear format by a path.
func readTrials(t *testing.T, path media.ImportPath) {
	t.Helper()
	for _, f := range linearFormats() {
		i, err := newImporter(path)
		if err != nil {
			t.Fatal(err)
		}
		i.caps = func(_ bool, f scene.Format, width, height int) string {
			return strings.Replace(importCaps(false, f, width, height), "(memory:DMABuf)", "", 1)
		}
		b, files, err := linearMaker(allocStandIn)(f, trialSize)
		if err != nil {
			t.Fatal(err)
		}
		s := &surface{Buffer: b, holds: 1, files: files, path: "test"}
		for range 3 {
			img, err := i.read(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkTrial(&img); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
		i.close()
		s.drop()
	}
}

// TestSlowMemoryIsNotOffered measures memory that is as fast as any.
func TestSlowMemoryIsNotOffered(t *testing.T) {
	m := &maker{name: "memory", make: linearMaker(allocStandIn)}
	f := scene.Format{FourCC: scene.FormatXRGB8888}
	speed, err := readSpeed(m, f)
	t.Logf("%d MB/s", speed/1e6)
	if err != nil || speed < 50e6 { // far below what any processor does
		t.Errorf("%d bytes per second, %v", speed, err)
	}
	f.Modifier = 7
	if err := fastEnough(m, f); err == nil {
		t.Error("memory that cannot be had is fast enough")
	}
}

// TestFailingPathLeavesTheProcessor has a path that does not exist for a buffer
// that the processor reads as well, and for one that it does not.
func TestFailingPathLeavesTheProcessor(t *testing.T) {
	if err := load(); err != nil {
		t.Skipf("no GStreamer: %v", err)
	}
	x := scene.Format{FourCC: scene.FormatXRGB8888}
	b, files, err := linearMaker(allocStandIn)(x, trialSize)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	s, err := mapSurface(b, files, []media.Import{{Path: "none", Formats: []scene.Format{x}}})
	if err != nil || s.path != "none" {
		t.Fatalf("%+v, %v", s, err)
	}
	var refused string
	var reading uint64
	notes := &trail{}
	c := canvas{imports: importers{}, trail: notes, refuse: func(_ uint32, reason string) {
		refused, reading = reason, notes[media.TrailReads].Load()
	}}
	defer c.close()
	p := &picture{width: trialSize, height: trialSize, layers: []shown{whole(s, scene.Rect{Width: trialSize, Height: trialSize})}}
	for range 2 {
		if err := c.compose(p); err != nil {
			t.Fatal(err)
		}
		if err := checkTrial(&c.image); err != nil || s.path != "" {
			t.Errorf("path %q, %v", s.path, err)
		}
	}
	s.drop()
	tiled := scene.Format{FourCC: scene.FormatXRGB8888, Modifier: 7}
	b.Modifier, b.ID = tiled.Modifier, 41
	if s, err = mapSurface(b, files, []media.Import{{Path: "none", Formats: []scene.Format{tiled}}}); err != nil {
		t.Fatal(err)
	}
	p.layers[0].surface = s
	err = errors.Join(c.compose(p), c.compose(p)) // the first one finds out
	if err != nil || refused == "" || c.at(5, 5) != 0 {
		t.Errorf("refused %q, %06x, %v", refused, c.at(5, 5), err)
	}
	// Whoever dies there is known by what it was reading.
	if after := notes[media.TrailReads].Load(); reading != 42 || after != 0 {
		t.Errorf("noted %d while it was read, %d afterwards", reading, after)
	}
	s.drop()
}
