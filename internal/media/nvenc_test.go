package media_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/media"
)

// TestWhyNVENCIsAbsent: a GPU whose driver refuses NVENC is told from one whose
// plugin is not installed.
func TestWhyNVENCIsAbsent(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	for _, name := range []string{"libcuda.so.1", "libnvidia-encode.so.1"} {
		build := exec.Command("gcc", "-shared", "-fPIC", "-w", "-o", filepath.Join(dir, name), filepath.Join("testdata", "nvenc.c"))
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build the stub of NVENC: %v\n%s", err, out)
		}
	}
	for mood, want := range map[string]string{
		"2":  "nvh264enc: the driver refuses it: NvEncOpenEncodeSessionEx: NV_ENC_ERR_UNSUPPORTED_DEVICE: this GPU has no NVENC (2)",
		"10": "NV_ENC_ERR_OUT_OF_MEMORY",
		"99": "NVENCSTATUS 99",
		"0":  "gstreamer1.0-plugins-bad",
	} {
		o := media.Options{Executable: b.exe, RegistryFile: b.reg, Env: []string{"LD_LIBRARY_PATH=" + dir, "NVENC_MOOD=" + mood}}
		_, err := media.Try(b.ctx, b.spawner, o, "nvh264enc")
		if err == nil {
			t.Skip("this machine has NVENC")
		}
		if !strings.Contains(err.Error(), want) || errors.Is(err, media.ErrEncoderMissing) != (mood == "0") {
			t.Errorf("status %s: %v", mood, err)
		}
	}
}
