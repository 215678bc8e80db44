package host

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/kennel-stream/kennel/internal/boxart"
	"github.com/kennel-stream/kennel/internal/config"
)

func TestBoxArt(t *testing.T) {
	dir := t.TempDir()
	own, broken := filepath.Join(dir, "own.png"), filepath.Join(dir, "broken.png")
	picture, err := boxart.Draw("Another", "another", nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, raw := range map[string][]byte{own: picture, broken: picture[:100]} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	withOwn, withBroken := terminal("Own"), terminal("Broken")
	withOwn.IconPNGPath, withBroken.IconPNGPath = own, broken
	apps, err := config.ResolveApps([]config.App{config.Demo(), withOwn, withBroken})
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := NewCatalogue(soon(t), openStore(t, t.TempDir()), apps)
	if err != nil {
		t.Fatal(err)
	}
	for i, wantFault := range []bool{false, false, true} {
		art, err := c.Art(int32(apps[i].ID))
		if err != nil || (art.Fault != nil) != wantFault {
			t.Errorf("%s: fault %v, error %v", apps[i].Title, art.Fault, err)
		}
		img, err := png.Decode(bytes.NewReader(art.PNG))
		if err != nil || img.Bounds() != image.Rect(0, 0, boxart.Width, boxart.Height) {
			t.Errorf("%s: %v", apps[i].Title, err)
		}
		again, err := c.Art(int32(apps[i].ID))
		if err != nil || !bytes.Equal(again.PNG, art.PNG) {
			t.Errorf("%s: another picture the second time: %v", apps[i].Title, err)
		}
	}
	if art, _ := c.Art(int32(apps[1].ID)); !bytes.Equal(art.PNG, picture) {
		t.Error("the configured file is not served as it is")
	}
	if n := len(c.art.drawn); n != 2 {
		t.Errorf("%d pictures are kept, want those of the apps without a file of their own", n)
	}
}
