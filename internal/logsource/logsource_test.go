package logsource

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

const twoLines = "19:05:01.000000001 INFO  | first\n19:05:02.000000001 ERROR | second\n"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func compress(t *testing.T, kind, text string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if kind == "zst" {
		w, _ = zstd.NewWriter(&out)
	}
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// readAll reads every source to its end.
func readAll(t *testing.T, o Options, args ...string) (map[string]string, []string) {
	t.Helper()
	s, err := Open(t.Context(), o, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := map[string]string{}
	for _, one := range s.Sources {
		text, err := io.ReadAll(one.Reader)
		if err != nil {
			t.Errorf("%s: %v", one.Name, err)
		}
		all[filepath.Base(one.Name)] = string(text)
	}
	return all, s.Warnings()
}

func TestFormsOfOneLog(t *testing.T) {
	stamped := "2025-10-02T06:40:11.752176000Z 19:05:01.000000001 INFO  | \"first\" <&> \x1b[0m ü🐕\n2025-10-02T06:40:12.000000000Z second\n"
	for name, c := range map[string]struct{ text, want string }{
		"plain.log":  {twoLines, twoLines},
		"no-end.log": {strings.TrimSuffix(twoLines, "\n"), strings.TrimSuffix(twoLines, "\n")},
		"log.gz":     {compress(t, "gz", twoLines), twoLines},
		"log.zst":    {compress(t, "zst", twoLines), twoLines},
		"c-json.log": {`{"log":"19:05:01.000000001 INFO  | \"first\" \u003c\u0026\u003e \u001b[0m ü\ud83d\udc15\n","stream":"stderr","time":"2025-10-02T06:40:11.752176Z"}` + "\n" +
			`{"log":"second\n","stream":"stderr","time":"2025-10-02T06:40:12Z"}` + "\n", stamped},
		"c-blanks.log": {`{"log": "second\n", "stream": "stderr", "time": "2025-10-02T06:40:12Z"}` + "\n" +
			` { "log" : "third\n" , "time"	: "2025-10-02T06:40:13Z" , "stream" : "stderr" }` + "\n", "2025-10-02T06:40:12.000000000Z second\n2025-10-02T06:40:13.000000000Z third\n"},
		"c-json.log.gz": {compress(t, "gz", `{"log":"second\n","stream":"stderr","time":"2025-10-02T06:40:12Z"}`+"\n"), "2025-10-02T06:40:12.000000000Z second\n"},
		"pieces.log": {
			`{"log":"one ","stream":"stderr","time":"2025-10-02T06:40:11Z"}` + "\n" + `{"log":"other\n","stream":"stdout","time":"2025-10-02T06:40:11Z"}` + "\n" +
				`{"log":"line\n","stream":"stderr","time":"2025-10-02T06:40:12Z"}` + "\n" + `{"log":"cut`,
			"\n2025-10-02T06:40:11.000000000Z other\n2025-10-02T06:40:12.000000000Z one line\n{\"log\":\"cut\n",
		},
		"cri.log": {
			"2025-10-02T08:40:11.752176123+02:00 stderr P 19:05:01 INFO  \n2025-10-02T08:40:11.752176124+02:00 stderr F | first\n",
			"\n2025-10-02T06:40:11.752176124Z 19:05:01 INFO  | first\n",
		},
		"journal.json": {
			`{"__REALTIME_TIMESTAMP":"1759387211752176","MESSAGE":"a\nb"}` + "\n" + `{"MESSAGE":[111,107],"__REALTIME_TIMESTAMP":"1759387211752176"}` + "\n",
			"2025-10-02T06:40:11.752176000Z a b\n2025-10-02T06:40:11.752176000Z ok\n",
		},
		"journal-export": {
			"__CURSOR=x\n__REALTIME_TIMESTAMP=1759387211752176\nMESSAGE\n" + string(binary.LittleEndian.AppendUint64(nil, 10)) + "one\ntwo\n\n\n" + "\n\n" +
				"__CURSOR=y\nMESSAGE=second\n__REALTIME_TIMESTAMP=1759387211752177\n\n",
			"2025-10-02T06:40:11.752176000Z one\n2025-10-02T06:40:11.752176000Z two\n2025-10-02T06:40:11.752176000Z \n2025-10-02T06:40:11.752176000Z \n2025-10-02T06:40:11.752176000Z \n\n\n\n\n\n2025-10-02T06:40:11.752177000Z second\n\n\n\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, name, c.text)
			got, warnings := readAll(t, Options{}, path)
			if diff := cmp.Diff(map[string]string{name: c.want}, got); diff != "" || len(warnings) != 0 {
				t.Errorf("%s\n%v", diff, warnings)
			}
			// The same through a pipe that gives single bytes.
			got, _ = readAll(t, Options{Stdin: iotest.OneByteReader(strings.NewReader(c.text))}, "-")
			if diff := cmp.Diff(map[string]string{"-": c.want}, got); diff != "" {
				t.Errorf("stdin: %s", diff)
			}
		})
	}
}

// TestJSONOfKennelIsItsText: what log/slog writes as JSON comes as what it writes
// as text, also out of a record of Docker's.
func TestJSONOfKennelIsItsText(t *testing.T) {
	var text, object bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&object, nil)} {
		for i, message := range []string{"stop ended", "a \"b\"\n=c", "ready", ""} {
			r := slog.NewRecord(time.Date(2026, 3, 3, 10, 0, i, 123e6, time.UTC), slog.Level(4*i-4), message, 0)
			r.AddAttrs(slog.String("session", "0193"), slog.String("empty", ""), slog.Any("of", []string{"one"}), slog.Group("took", slog.Int("files", 3), slog.Bool("ok", true)))
			if err := h.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := strings.ReplaceAll(text.String(), "of=[one]", `of="[\"one\"]"`)
	broken := `{"time":"2026-03-03T10:00:00Z","level":"INFO","msg":"cut` + "\n" + `{"time":"no","level":"INFO","msg":"x"}` + "\nno object\n"
	var docker strings.Builder
	for line := range strings.Lines(object.String()) {
		quoted, _ := json.Marshal(line)
		fmt.Fprintf(&docker, `{"log":%s,"stream":"stderr","time":"2026-03-03T10:00:00Z"}`+"\n", quoted)
	}
	stamped := regexp.MustCompile(`(?m)^time=`).ReplaceAllString(want, "2026-03-03T10:00:00.000000000Z time=")
	for name, c := range map[string]struct{ text, want string }{
		"own.json": {object.String() + broken, want + broken}, "other first": {"cut off\n" + object.String(), "cut off\n" + want}, "docker.json": {docker.String(), stamped},
	} {
		got, _ := readAll(t, Options{}, write(t, name, c.text))
		if diff := cmp.Diff(map[string]string{name: c.want}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got, _ := readAll(t, Options{}, write(t, "sse.log", twoLines)); got["sse.log"] != twoLines {
		t.Errorf("%q", got)
	}
}

func TestWhatCannotBeReadIsASentence(t *testing.T) {
	empty, dir := write(t, "empty.log", ""), t.TempDir()
	damaged := write(t, "damaged.gz", "\x1f\x8bnot gzip at all")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"missing":         {[]string{"/nonexistent/wolf.log"}, "there is no log /nonexistent/wolf.log: correct the name"},
		"empty":           {[]string{empty}, empty + " is empty"},
		"empty directory": {[]string{dir}, "is a directory without logs"},
		"pattern":         {[]string{dir + "/*.log"}, "no file fits"},
		"bad pattern":     {[]string{dir + "/[.log"}, "no pattern"},
		"damaged":         {[]string{damaged}, "begins as gzip"},
		"no stdin":        {[]string{"-"}, "no standard input"},
		"nothing":         {nil, "name a log"},
	} {
		if _, err := Open(t.Context(), Options{}, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, err := Open(t.Context(), Options{Docker: true, Sockets: []string{filepath.Join(dir, "docker.sock")}})
	if err == nil || !strings.Contains(err.Error(), "no container engine") {
		t.Errorf("docker: %v", err)
	}
}

func TestDamageIsReadUpToIt(t *testing.T) {
	// Text that does not compress, so that half of the file is half of the log.
	var long strings.Builder
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		fmt.Fprintf(&long, "line %d %x\n", i, dice.Uint64())
	}
	for _, kind := range []string{"gz", "zst"} {
		whole := compress(t, kind, long.String())
		path := write(t, "cut."+kind, whole[:len(whole)/2])
		got, warnings := readAll(t, Options{}, path)
		if text := got["cut."+kind]; len(text) < long.Len()/4 || !strings.HasPrefix(long.String(), text) {
			t.Errorf("%s: %d bytes of %d", kind, len(text), long.Len())
		}
		if len(warnings) != 1 || !strings.Contains(warnings[0], "ends in the middle") {
			t.Errorf("%s: %q", kind, warnings)
		}
	}
}

func TestDirectoryInOrderOfAge(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for i, name := range []string{"wolf.log.2.gz", "wolf.log.1", "wolf.log"} {
		text := fmt.Sprintf("%d\n", i)
		if strings.HasSuffix(name, ".gz") {
			text = compress(t, "gz", text)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.WriteFile(filepath.Join(dir, "config.toml"), []byte("x"), 0o600)
	s, err := Open(t.Context(), Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var order []string
	for _, one := range s.Sources {
		text, _ := io.ReadAll(one.Reader)
		order = append(order, filepath.Base(one.Name)+"="+strings.TrimSpace(string(text)))
	}
	if diff := cmp.Diff([]string{"wolf.log.2.gz=0", "wolf.log.1=1", "wolf.log=2"}, order); diff != "" {
		t.Error(diff)
	}
}

func TestProgressReachesTheWhole(t *testing.T) {
	a, b := write(t, "a.log", twoLines), write(t, "b.log.gz", compress(t, "gz", twoLines))
	var done, total int64
	readAll(t, Options{Progress: func(d, t int64) { done, total = d, t }}, a, b)
	if done == 0 || done != total {
		t.Errorf("%d of %d", done, total)
	}
}

// TestFollow: a file that grows, is rotated, and is cut.
func TestFollow(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := write(t, "wolf.log", "one\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Open(ctx, Options{Follow: true}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := ""
	until := func(want string) {
		t.Helper()
		buf := make([]byte, 100)
		for got != want {
			n, err := s.Sources[0].Reader.Read(buf)
			if got += string(buf[:n]); err != nil {
				t.Fatalf("got %q, want %q: %v", got, want, err)
			}
		}
	}
	add := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, _ = f.WriteString(text)
	}
	until("one\n")
	add("two\n")
	until("one\ntwo\n")
	add("three\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add("four\n")
	until("one\ntwo\nthree\nfour\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add("5\n")
	until("one\ntwo\nthree\nfour\n5\n")
	cancel()
	if _, err := s.Sources[0].Reader.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

// TestFollowAPipe: what waits is no hindrance to ending.
func TestFollowAPipe(t *testing.T) {
	defer goleak.VerifyNone(t)
	from, to := io.Pipe()
	defer to.Close()
	go func() { _, _ = io.WriteString(to, "one\n") }()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, Options{Follow: true, Stdin: from}, "-")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	buf, got, idle := make([]byte, 10), "", false
	for !idle || got == "" {
		n, err := s.Sources[0].Reader.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += string(buf[:n])
		idle = n == 0
	}
	cancel()
	if _, err := s.Sources[0].Reader.Read(buf); err != io.EOF || got != "one\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add([]byte(`{ "log" : "a\n", "stream": "stderr" }`))
	f.Add([]byte(`{"log":"a\u00e4\n","stream":"stderr","time":"2025-10-02T06:40:12Z"}`))
	f.Add([]byte("__CURSOR=1\nMESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00abc\n\n"))
	f.Add([]byte("2025-10-02T08:40:11.752176123+02:00 stderr P x\n"))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1","MESSAGE":[1,2]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := io.ReadAll(unwrap(text, bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		// A last line without an end may be given one; no other is made or lost.
		in, got := bytes.Count(text, []byte("\n")), bytes.Count(out, []byte("\n"))
		if got < in && !bytes.HasPrefix(bytes.TrimLeft(text, "\r\n"), []byte("__")) {
			t.Errorf("%d lines of %d: %q", got, in, out)
		}
	})
}

// FuzzOwnJSON: a line comes as one line, whatever it holds, and is lost never.
func FuzzOwnJSON(f *testing.F) {
	f.Add([]byte(`{"time":"2026-03-03T10:00:00.1Z","level":"INFO","msg":"stop ended","session":"0193","took":{"files":3}}`))
	f.Add([]byte(`x {"time":"2026-03-03T10:00:00Z","level":"WARN+1","msg":"a\nb","msg":"c","n":1e999,"l":[{}]}`))
	f.Add([]byte(`{"time":"2026-03-03T10:00:00Z","level":"INFO","msg":"","a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{}}}}}}}}}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.ReplaceAll(line, []byte("\n"), nil)
		out := newOwnJSON().convert(nil, line)
		if bytes.Count(out, []byte("\n")) != 1 || out[len(out)-1] != '\n' {
			t.Errorf("%q became %q", line, out)
		}
	})
}
