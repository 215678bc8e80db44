package logsource

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// TestWhatIsNoTextIsRefused: a sentence that says what it is and what to do.
func TestWhatIsNoTextIsRefused(t *testing.T) {
	tar := make([]byte, 512)
	copy(tar[257:], "ustar")
	for name, c := range map[string]struct{ text, want string }{
		"log.xz":      {"\xfd7zXZ\x00\x00\x04", "xz -dc "},
		"log.bz2":     {"BZh91AY&SY", "bzip2 -dc "},
		"log.zip":     {"PK\x03\x04\x14\x00", "unzip -p "},
		"log.tar":     {string(tar), "tar -xOf "},
		"log.tar.gz":  {compress(t, "gz", string(tar)), "tar -xOf "},
		"log.gz.gz":   {compress(t, "gz", compress(t, "gz", twoLines)), "gzip twice"},
		"log.zst.gz":  {compress(t, "gz", compress(t, "zst", twoLines)), "compressed twice"},
		"a.journal":   {"LPKSHHRH\x00\x00", "journalctl -o export --file "},
		"program":     {"\x7fELF\x02\x01\x01\x00\x10\x11\x12\x13", "no text but a binary file"},
		"picture":     {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no text but a binary file"},
		"program.zst": {compress(t, "zst", "\x7fELF\x02\x01\x01\x00\x10\x11\x12\x13"), "no text but a binary file"},
	} {
		_, err := Open(t.Context(), Options{}, write(t, name, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestOddTextIsRead: what is not what it should be and is a log all the same.
func TestOddTextIsRead(t *testing.T) {
	const line = "06:40:11.479059649 ERROR | größer 🐕\n"
	hole := strings.Repeat("\x00", 3*headSize)
	for name, c := range map[string]struct{ text, want string }{
		"utf-16":             {utf16Of(line, true), line},
		"utf-16, big-endian": {utf16Of(line, false), line},
		"utf-16, cut":        {utf16Of(line, true) + "x", line + "\ufffd"},
		"mark":               {"\ufeff" + line, line},
		"latin-1":            {"06:40:11.479059649 ERROR | gr\xf6\xdfer\n", "06:40:11.479059649 ERROR | gr\xf6\xdfer\n"},
		"hole":               {hole + line, hole + line},
		"colours":            {"\x1b[31;1m" + line + "\x1b[0m", "\x1b[31;1m" + line + "\x1b[0m"},
	} {
		path := write(t, name, c.text)
		got, warnings := readAll(t, Options{}, path)
		if got[name] != c.want || len(warnings) != 0 {
			t.Errorf("%s: %d bytes %.80q, want %d bytes %.80q; %q", name, len(got[name]), got[name], len(c.want), c.want, warnings)
		}
	}
}

// utf16Of writes a text as Windows does, with its mark in front.
func utf16Of(text string, little bool) string {
	var out []byte
	for _, r := range "\ufeff" + text {
		units := []rune{r}
		if r > 0xffff {
			units = []rune{0xd800 + (r-0x10000)>>10, 0xdc00 + (r-0x10000)&0x3ff}
		}
		for _, u := range units {
			if little {
				out = append(out, byte(u), byte(u>>8))
			} else {
				out = append(out, byte(u>>8), byte(u))
			}
		}
	}
	return string(out)
}

// TestStrangeLogs: what has no line of the right shape is marked.
func TestStrangeLogs(t *testing.T) {
	for text, want := range map[string]bool{
		"root:x:0:0:root:/root:/bin/bash\n":                                                        true,
		strings.Repeat("\x00", headSize):                                                           true,
		"some words\n06:40:11.479059649 ERROR | a\n":                                               false,
		"{\"log\":\"06:40:11.479059649 ERROR | a\\n\",\"stream\":\"stderr\"}\n":                    false,
		"time=2026-11-23T16:35:23.838Z level=WARN msg=x\n":                                         false,
		"wolf-1  | 2025-10-02T06:40:11.752176Z ERROR smithay::backend::renderer::gles: [GL] a\r\n": false,
	} {
		s, err := Open(t.Context(), Options{}, write(t, "log", text))
		if err != nil {
			t.Fatal(err)
		}
		if s.Sources[0].Strange != want {
			t.Errorf("%.60q is strange: %t", text, !want)
		}
		_ = s.Close()
	}
}

// TestBomb: what grows without end when decompressed ends with a warning, and
// what came before is read.
func TestBomb(t *testing.T) {
	// A frame of zeros, many times: zstd reads frames one after the other.
	var frame bytes.Buffer
	z, err := zstd.NewWriter(&frame, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(make([]byte, 256<<20)); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	bomb := compress(t, "zst", twoLines) + strings.Repeat(frame.String(), 1000)
	s, err := Open(t.Context(), Options{}, write(t, "bomb.zst", bomb))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	head := make([]byte, len(twoLines))
	if _, err := io.ReadFull(s.Sources[0].Reader, head); err != nil || string(head) != twoLines {
		t.Errorf("%v, %q", err, head)
	}
	rest, err := io.Copy(io.Discard, s.Sources[0].Reader)
	if err != nil || rest > bombSize+1<<20 {
		t.Errorf("%v, %d MiB were read", err, rest>>20)
	}
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "grows to more than") {
		t.Errorf("%q", w)
	}
}

// TestWindowTooBig: a frame that asks for more memory than there is to be used.
func TestWindowTooBig(t *testing.T) {
	// A frame's header with a window of 2 GiB (RFC 8878, section 3.1.1.1.2).
	text := "\x28\xb5\x2f\xfd\x00" + string([]byte{21 << 3}) + "\x01\x00\x00"
	_, err := Open(t.Context(), Options{}, write(t, "log.zst", text))
	if err == nil || !strings.Contains(err.Error(), "zstd -dc --long=31") {
		t.Errorf("%v", err)
	}
}

// TestChangesWhileItIsRead: one that grows is read up to where it ended, one that
// is rotated is read to its end, one that is cut is read up to there.
func TestChangesWhileItIsRead(t *testing.T) {
	long := strings.Repeat("06:40:11.479059649 ERROR | a line of a log\n", 20_000)
	for name, c := range map[string]struct {
		change   func(path string) error
		whole    bool
		warnings int
	}{
		"grows": {func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more")
				_ = f.Close()
			}
			return err
		}, true, 0},
		"is rotated": {func(path string) error {
			_ = os.Rename(path, path+".1")
			return os.WriteFile(path, []byte("new"), 0o600)
		}, true, 0},
		"is removed": {os.Remove, true, 0},
		"is cut":     {func(path string) error { return os.Truncate(path, 0) }, false, 1},
	} {
		path := write(t, "wolf.log", long)
		s, err := Open(t.Context(), Options{}, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.change(path); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(s.Sources[0].Reader)
		if err != nil || (len(text) == len(long)) != c.whole || len(s.Warnings()) != c.warnings || !strings.HasPrefix(long, string(text)) {
			t.Errorf("%s: %v, %d of %d bytes, %q", name, err, len(text), len(long), s.Warnings())
		}
		_ = s.Close()
	}
}

// TestPipes: one without a writer is not waited for without end, and one with a
// writer is read.
func TestPipes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Patience: time.Millisecond}, path)
	if err == nil || !strings.Contains(err.Error(), "is a pipe into which nobody has written for 1ms") {
		t.Errorf("without a writer: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ended, Options{Follow: true}, path); err == nil {
		t.Error("interrupted: no error")
	}
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(path, []byte(twoLines), 0o600) }()
	got, _ := readAll(t, Options{Patience: time.Minute}, path)
	if err := <-wrote; err != nil || got["pipe"] != twoLines {
		t.Errorf("%v, %q", err, got)
	}
}

// TestPlacesThatHoldNoLog: each with a sentence.
func TestPlacesThatHoldNoLog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]string{
		socket: "is a socket", "/dev/zero": "is a device", "/dev/null": "is empty", "/proc/self/mem": "is empty",
	} {
		if _, err := Open(t.Context(), Options{}, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// TestUnreadable: by a user who may not.
func TestUnreadable(t *testing.T) {
	path := write(t, "wolf.log", twoLines)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		if os.Getuid() == 0 {
			runtime.LockOSThread() // and never unlocked: the thread ends with this
			_ = unix.Setfsuid(65534)
		}
		_, err := Open(t.Context(), Options{}, path)
		failed <- err
	}()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "may not be read by this user: sudo cat ") {
		t.Errorf("%v", err)
	}
}
