package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// bases are the ports that scripts of this process use.
type bases struct {
	mu   sync.Mutex
	used map[int]bool
}

var taken = bases{used: map[int]bool{}}

func (b *bases) add(base int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.used[base]
	b.used[base] = true
	return !was
}

// t0 is for what bounds itself.
func t0() context.Context { return context.Background() }

// onTerminal TYPED COMMAND runs a command on a terminal of 80 by 24, and types
// once it says that it listens. What it wrote is the standard output. ^C in
// TYPED is Ctrl-C. A TERM with sixel in its name says that it has it. With ! the
// command must end with another status than 0.
func onTerminal(ts *testscript.TestScript, neg bool, args []string) {
	person, program, err := pseudoTerminal()
	ts.Check(err)
	defer person.Close()
	path, err := exec.LookPath(ts.Getenv("PATH")[:strings.Index(ts.Getenv("PATH"), ":")] + "/" + args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[2:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, name := range []string{"PATH", "HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TERM"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	_ = program.Close()
	var seen strings.Builder
	buf := make([]byte, 1<<16)
	for typed := false; ; {
		n, err := person.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			break // the program's side is closed
		}
		if strings.Contains(string(buf[:n]), "\x1b[c") && strings.Contains(ts.Getenv("TERM"), "sixel") {
			_, err := person.WriteString("\x1b[?62;4;22c")
			ts.Check(err)
		}
		if !typed && strings.Contains(seen.String(), "Ctrl-C ends") {
			typed = true
			_, err := person.WriteString(strings.ReplaceAll(args[0], "^C", "\x03"))
			ts.Check(err)
		}
	}
	err = cmd.Wait()
	_, _ = ts.Stdout().Write([]byte(strings.ReplaceAll(seen.String(), "\r\n", "\n")))
	if exit, ok := errors.AsType[*exec.ExitError](err); neg && ok && exit.Exited() {
		return
	} else if neg {
		ts.Fatalf("want another exit status than 0, got: %v", err)
	}
	ts.Check(err)
}

func pseudoTerminal() (person, program *os.File, err error) {
	if person, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24})
	}
	if err != nil {
		_ = person.Close()
	}
	return person, program, err
}
