package media_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// share announces GPU memory of one colour under an id; its planes are sealed
// memory that stands in for a dma-buf.
func (s *screen) share(id uint32, width, height int, format uint32, modifier uint64, word uint32) {
	s.Helper()
	const offset, gap = 4096, 64
	stride := 4*width + gap
	fd, pixels := memfd(s, offset+stride*height, unix.F_SEAL_SHRINK)
	defer unix.Close(fd)
	for at := offset; at+4 <= len(pixels); at += 4 {
		binary.LittleEndian.PutUint32(pixels[at:], word)
	}
	b := scene.Buffer{
		Generation: 1, ID: id, Kind: scene.DMABuf, Width: uint32(width), Height: uint32(height), Format: format, Modifier: modifier,
		Planes: []scene.Plane{{Offset: offset, Stride: uint32(stride)}},
	}
	s.send(scene.MessageBuffer, b.Append(nil), fd)
}

// lay shows layers.
func (s *screen) lay(layers ...scene.Layer) {
	s.Helper()
	s.sequence++
	sc := s.scene(0)
	sc.Layers = layers
	s.send(scene.MessageScene, sc.Append(nil))
}

func layer(id uint32, x, y, width, height int) scene.Layer {
	return scene.Layer{
		Buffer: id, Source: scene.Rect{Width: int32(width) << 8, Height: int32(height) << 8},
		Destination: scene.Rect{X: int32(x), Y: int32(y), Width: int32(width), Height: int32(height)},
	}
}

// watcher decodes what an encoder makes.
type watcher struct {
	testing.TB
	e *media.Encoding
	d *media.Decoding
}

// until reads frames until the colours of the left and the right half are
// those, given as Y, U and V.
func (w *watcher) until(what string, left, right [3]int) {
	w.Helper()
	var seen [2][3]int
	near := func(a, b [3]int) bool {
		for i := range a {
			if d := a[i] - b[i]; d < -3 || d > 3 {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(patience); !near(seen[0], left) || !near(seen[1], right); {
		if time.Now().After(deadline) {
			w.Fatalf("%s: the halves are %v, want %v and %v", what, seen, left, right)
		}
		var f ipc.Frame
		read(w, w.e, &f)
		must(w, w.d.Decode(w.Context(), f.Data, f.Sequence, func(p *media.Picture) {
			pw := p.Width
			half := func(x0, x1 int) [3]int {
				return [3]int{mean(p.Y(), pw, x0+8, x1-8), mean(p.U(), pw/2, x0/2+4, x1/2-4), mean(p.V(), pw/2, x0/2+4, x1/2-4)}
			}
			seen = [2][3]int{half(0, pw/2), half(pw/2, pw)}
		}))
	}
}

// Colours in BT.709, limited range.
var (
	yuvBlack = [3]int{16, 128, 128}
	yuvRed   = [3]int{63, 102, 240}
	yuvGreen = [3]int{173, 42, 26}
	yuvBlue  = [3]int{32, 240, 118}
)

// TestGPUBuffersAreEncoded shows GPU buffers of every pixel format, alone and
// among other layers, and one that cannot be read.
func TestGPUBuffersAreEncoded(t *testing.T) {
	b := newBench(t)
	d := b.decoder("")
	spec := small(60)
	e, s := b.encoding(spec)
	w := &watcher{t, e, d}
	must(t, e.Start())
	width, height := spec.Width, spec.Height
	for i, c := range []struct {
		name         string
		format, word uint32
		want         [3]int
	}{
		{"XRGB", scene.FormatXRGB8888, 0x00ff0000, yuvRed},
		{"ARGB", scene.FormatARGB8888, 0xff0000ff, yuvBlue},
		{"XBGR", scene.FormatXBGR8888, 0x000000ff, yuvRed},
		{"ABGR", scene.FormatABGR8888, 0xff00ff00, yuvGreen},
	} {
		id := uint32(10 + i)
		s.share(id, width, height, c.format, 0, c.word)
		s.lay(layer(id, 0, 0, width, height))
		w.until(c.name, c.want, c.want)
	}
	// Our own below, a client's above, half as wide.
	s.show(grey(0))
	s.share(20, width/2, height, scene.FormatARGB8888, 0, 0xff00ff00)
	s.lay(layer(uint32(s.sequence%ring), 0, 0, width, height), layer(20, width/2, 0, width/2, height))
	w.until("half", yuvBlack, yuvGreen)
	// One that only a GPU could read is left out; the stream goes on.
	s.share(21, width/2, height, scene.FormatXRGB8888, 1<<56|1, 0xffffff)
	s.lay(layer(20, 0, 0, width/2, height), layer(21, width/2, 0, width/2, height))
	w.until("left out", yuvGreen, yuvBlack)
	if faults := faultsOf(e); faults != "" {
		t.Errorf("faults%s", strings.TrimPrefix(faults, ";"))
	}
}

// TestImportPathsAreTried has the processor's path work with what stands in for
// GPU buffers, and every other one say why it does not where there is no GPU.
func TestImportPathsAreTried(t *testing.T) {
	b := newBench(t)
	o := media.Options{Executable: b.exe, RegistryFile: b.reg}
	node, _ := media.FindRenderNode("/")
	for _, path := range media.ImportPaths() {
		ready, err := media.TryImport(b.ctx, b.spawner, o, media.ImportTrial{Path: path.Name, Node: node.Path})
		t.Logf("%s: %v of %s, %v", path.Name, ready.Formats, ready.Element, err)
		switch {
		case err == nil && (len(ready.Formats) == 0 || ready.Element == ""):
			t.Errorf("%s works with %v of %q", path.Name, ready.Formats, ready.Element)
		case err != nil && node.Path == "" && path.Name == media.ImportCPU:
			t.Errorf("%s: %v", path.Name, err)
		case err != nil && strings.Contains(err.Error(), "kennel-"):
			t.Errorf("%s: a reason for people has a fault's name: %v", path.Name, err)
		}
	}
	if _, err := media.TryImport(b.ctx, b.spawner, o, media.ImportTrial{Path: "magic"}); err == nil {
		t.Error("a path that does not exist works")
	}
}

func TestFindRenderNode(t *testing.T) {
	root := t.TempDir()
	if _, ok := media.FindRenderNode(root); ok {
		t.Error("a GPU in an empty directory")
	}
	dri := filepath.Join(root, "dev/dri")
	must(t, os.MkdirAll(dri, 0o755))
	must(t, os.WriteFile(filepath.Join(dri, "renderD128"), nil, 0o666))
	if _, ok := media.FindRenderNode(root); ok {
		t.Error("an ordinary file is a GPU")
	}
	for minor, mode := range map[int]uint32{130: 0o660, 129: 0o600} {
		if err := unix.Mknod(filepath.Join(dri, fmt.Sprint("renderD", minor)), unix.S_IFCHR|mode, int(unix.Mkdev(226, uint32(minor)))); err != nil {
			t.Skipf("devices cannot be made: %v", err)
		}
	}
	want := media.RenderNode{Path: filepath.Join(dri, "renderD129"), Device: unix.Mkdev(226, 129)}
	if got, ok := media.FindRenderNode(root); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	must(t, os.Chmod(filepath.Join(dri, "renderD129"), 0o660))
	must(t, os.Chown(filepath.Join(dri, "renderD129"), 0, 107))
	if got, _ := media.FindRenderNode(root); got.Group != 107 {
		t.Errorf("group %d", got.Group)
	}
}
