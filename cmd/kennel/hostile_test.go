package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kennel-stream/kennel/internal/logscan/loggen"
)

// hostile KIND LOG FILE makes of a log a FILE as no log should be.
func hostile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hostile KIND LOG FILE")
	}
	log := []byte(ts.ReadFile(args[1]))
	file, err := os.Create(ts.MkAbs(args[2]))
	ts.Check(err)
	ts.Check(writeHostile(file, args[0], log))
	ts.Check(file.Close())
}

// longLine is the length of a line that no program should write.
const longLine = 1 << 30

// manySessions is how many a log has that was never cut.
const manySessions = 20_000

func writeHostile(file *os.File, kind string, log []byte) error {
	switch kind {
	case "one-line":
		// The log, and then a line that has no end: of holes, so that it takes no
		// room on the disk.
		if _, err := file.Write(log); err != nil {
			return err
		}
		return file.Truncate(int64(len(log)) + longLine)
	case "long-line":
		if _, err := file.WriteString("06:40:00.000000000 INFO  | "); err != nil {
			return err
		}
		if _, err := file.Seek(longLine, io.SeekStart); err != nil {
			return err
		}
		_, err := file.Write(append([]byte("\n"), log...))
		return err
	case "json-line":
		if _, err := file.WriteString(`{"log":"06:40:00.000000000 INFO  | `); err != nil {
			return err
		}
		if _, err := file.Seek(longLine/4, io.SeekStart); err != nil {
			return err
		}
		_, err := file.WriteString("\n")
		for line := range bytes.Lines(log) {
			if err == nil {
				_, err = fmt.Fprintf(file, "{\"log\":%s,\"stream\":\"stderr\"}\n", strconv.Quote(string(line)))
			}
		}
		return err
	case "many-lives":
		_, err := file.Write(bytes.Repeat(log, manySessions))
		return err
	case "many-sessions":
		start, session, _ := bytes.Cut(log, []byte("\n"))
		session = append([]byte("06:40:09.000000000 DEBUG | 10.0.0.2 [GET] HTTPS://10.0.0.1/launch\n"), session...)
		_, err := file.Write(append(append(start, '\n'), bytes.Repeat(session, manySessions)...))
		return err
	case "dense":
		return loggen.Write(file, loggen.Options{Size: 64 << 20, Debug: true, Dense: true, Broken: true, Seed: 1})
	case "nuls":
		_, err := file.Write(bytes.ReplaceAll(log, []byte("\n"), []byte("\x00\x00\n\x00\x00")))
		return err
	case "latin-1":
		_, err := file.Write(bytes.ReplaceAll(log, []byte("\n"), []byte(" \xe4\xf6\xff\n")))
		return err
	case "cut.gz", "cut.zst":
		return writeCut(file, kind, log)
	case "bomb":
		z, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		_, _ = z.Write(log)
		for range 3 << 10 {
			_, err = z.Write(make([]byte, 1<<20))
		}
		return errors.Join(err, z.Close())
	}
	return fmt.Errorf("no kind %q", kind)
}

// writeCut compresses a log with much behind it, and leaves out the end.
func writeCut(file *os.File, kind string, log []byte) error {
	var packed bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&packed)
	if kind == "cut.zst" {
		var err error
		if z, err = zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	}
	_, _ = z.Write(log)
	for i := range 100_000 {
		_, _ = fmt.Fprintf(z, "%d %d\n", i, i*i*i)
	}
	if err := z.Close(); err != nil {
		return err
	}
	_, err := file.Write(packed.Bytes()[:packed.Len()*9/10])
	return err
}

// lean MIB STATUS COMMAND... runs a command that must end with that exit status,
// and never have more than so much memory.
func lean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: lean MIB STATUS COMMAND...")
	}
	most, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	bin, _, _ := strings.Cut(ts.Getenv("PATH"), ":")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(bin+"/"+args[2], args[3:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &stdout, &stderr
	ts.Check(cmd.Start())
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- highWater(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	close(ended)
	used := <-peak
	_, _ = ts.Stdout().Write(stdout.Bytes())
	_, _ = ts.Stderr().Write(stderr.Bytes())
	if cmd.ProcessState == nil {
		ts.Check(err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit status %s, want %s", got, args[1])
	}
	if used == 0 || used > most {
		ts.Fatalf("%d MiB of memory, at most %d may be used", used, most)
	}
}

// highWater is the most memory that a process had until it ended, in MiB. The
// kernel's own figure, ru_maxrss, is none of the program's: a child begins with
// what its parent had when it was started (exec_mmap in fs/exec.c).
func highWater(pid int, ended <-chan struct{}) (mib int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
			kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
			if n, err := strconv.ParseInt(kib, 10, 64); err == nil {
				mib = n >> 10
			}
		}
		select {
		case <-tick.C:
		case <-ended:
			return mib
		}
	}
}
