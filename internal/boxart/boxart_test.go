package boxart

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func drawn(t *testing.T, title, slug string, icon image.Image) *image.RGBA {
	t.Helper()
	raw, err := Draw(title, slug, icon)
	if err != nil {
		t.Fatal(err)
	}
	// Looked at by a person: KENNEL_ART names a folder to keep the pictures in.
	if dir := os.Getenv("KENNEL_ART"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, slug+".png"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, Width, Height) {
		t.Fatalf("box art is %v", img.Bounds())
	}
	if len(raw) > 512<<10 {
		t.Errorf("box art has %d bytes", len(raw))
	}
	return img.(*image.RGBA)
}

// ink counts the white pixels of the title, and those at its side margins.
func ink(img *image.RGBA) (inside, outside int) {
	for y := titleTop; y < Height; y++ {
		for x := range Width {
			if img.RGBAAt(x, y) != (color.RGBA{255, 255, 255, 255}) {
				continue
			}
			if x < margin/2 || x >= Width-margin/2 || y >= titleTop+titleRoom+20 {
				outside++
			} else {
				inside++
			}
		}
	}
	return inside, outside
}

func TestTitlesFit(t *testing.T) {
	for slug, title := range map[string]string{
		"demo": "Demo", "desktop": "Sway Desktop", "chromium": "Chromium Web Browser",
		"long":  strings.Repeat("Extraordinary ", 9),
		"word":  strings.Repeat("Donaudampfschiff", 8),
		"umbra": "Größe & Ümläute",
	} {
		img := image.NewRGBA(image.Rect(0, 0, Width, Height))
		if err := paintTitle(img, title); err != nil {
			t.Fatal(err)
		}
		if inside, outside := ink(img); inside < 500 || outside > 0 {
			t.Errorf("%s: %d pixels of the title are inside, %d outside", slug, inside, outside)
		}
	}
}

func TestWhatTheFontLacksIsLeftOut(t *testing.T) {
	if inside, _ := ink(drawn(t, "日本語 \u0000", "lacking", nil)); inside > 0 {
		t.Errorf("%d pixels are drawn for glyphs that the font lacks", inside)
	}
}

func TestAppsDifferInColour(t *testing.T) {
	seen := map[[2]color.RGBA]string{}
	for _, slug := range []string{"demo", "terminal", "desktop", "chromium", "mpv", "glmark2", "xterm", "weston"} {
		l := lookOf(slug)
		at := [2]color.RGBA{l.ground(10, 10), l.ground(Width-10, Height-10)}
		for other, name := range seen {
			if distance(at[0], other[0])+distance(at[1], other[1]) < 24 {
				t.Errorf("%s and %s look alike: %v, %v", slug, name, at, other)
			}
		}
		seen[at] = slug
	}
}

func distance(a, b color.RGBA) int {
	part := func(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
	return part(a.R, b.R) + part(a.G, b.G) + part(a.B, b.B)
}

func TestTheIconIsInTheMiddle(t *testing.T) {
	icon := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := range icon.Pix {
		icon.Pix[i] = []uint8{200, 10, 30, 255}[i%4]
	}
	if got := drawn(t, "Icon", "icon", icon).RGBAAt(Width/2, tileTop+tile/2); got != (color.RGBA{200, 10, 30, 255}) {
		t.Errorf("the middle of the tile is %v", got)
	}
}

func TestInitials(t *testing.T) {
	for title, want := range map[string]string{"Demo": "D", "web browser 3": "WB", "(x) y": "XY", "--": "", "": ""} {
		if got := initials(title); got != want {
			t.Errorf("initials(%q) = %q, want %q", title, got, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := Draw("Good", "good", nil)
	if err != nil {
		t.Fatal(err)
	}
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 8192, 4096))); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe.png")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		write("text.png", []byte("hello")):               "not a PNG",
		write("half.png", good[:len(good)/2]):            "not a whole PNG",
		write("large.png", make([]byte, maxBytes+1)):     "more than 8 MiB",
		write("bomb.png", huge.Bytes()):                  "8192x4096 pixels",
		write("photo.png", []byte("\xff\xd8\xff\xe0JF")): "not a PNG",
		filepath.Join(dir, "none.png"):                   "no such file",
		dir:                                              "not a file",
		pipe:                                             "not a file",
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %q", path, err, want)
		}
	}
	raw, err := Load(write("good.png", good))
	if err != nil || !bytes.Equal(raw, good) {
		t.Errorf("a good picture: %d bytes, %v", len(raw), err)
	}
}

func TestFindIcon(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(root, "usr/share", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	picture := func(size int) string {
		var out bytes.Buffer
		if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, size, size))); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	put("applications/org.example.Term.desktop", "[Desktop Entry]\nName=T\nExec=/usr/bin/term --new %u\nIcon=term\n[Desktop Action x]\nExec=other\nIcon=other\n")
	put("applications/evil.desktop", "[Desktop Entry]\nExec=evil\nIcon=../../../etc/secret\n")
	put("applications/vector.desktop", "[Desktop Entry]\nExec=vector\nIcon=/usr/share/pixmaps/vector.svg\n")
	put("icons/hicolor/48x48/apps/term.png", picture(48))
	put("icons/hicolor/128x128/apps/term.png", picture(128))
	put("icons/hicolor/256x256/apps/term.png", "broken")
	img, err := FindIcon(root, "term")
	if err != nil || img.Bounds().Dx() != 128 {
		t.Errorf("the icon of term: %v, %v", img, err)
	}
	for _, program := range []string{"other", "evil", "vector", "", "/"} {
		if _, err := FindIcon(root, program); !errors.Is(err, ErrNoIcon) {
			t.Errorf("the icon of %q: %v", program, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add("[Desktop Entry]\nExec=foot\nIcon=foot\n")
	f.Add("[Desktop Entry]\nExec=\"a b\" %f\nIcon=/x.png")
	f.Fuzz(func(t *testing.T, text string) {
		_, icon := parseEntry(strings.NewReader(text))
		for _, file := range iconFiles("/top", icon) {
			if !strings.HasPrefix(file, "/top/") {
				t.Errorf("icon %q is looked for at %s", icon, file)
			}
		}
	})
}
