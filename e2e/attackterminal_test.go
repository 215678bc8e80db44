package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// escapes would set the title of a terminal, clear it, and ring its bell.
const escapes = "\x1b]0;pwned\x07 \x1b[2J \u009d0;pwned\u009c \x9b2J \a end"

// obeyed are the parts of it that no terminal must get.
var obeyed = []string{"\x1b]", "\x1b[2J", "\x07", "\u009d", "\u009c", "\x9b2J"}

// looksAt runs commands on a terminal that show the session of a hostile app, and
// fails for whatever of the app the terminal would obey (A9).
func (s *siege) looksAt(id string) {
	s.t.Helper()
	for _, args := range [][]string{{"sessions"}, {"sessions", "show", id}} {
		seen := onTerminal(s.t, append(args, "--data", s.host.dir)...)
		if len(args) > 1 && !strings.Contains(seen, "pwned") {
			s.t.Errorf("kennel %s shows nothing of the app: %q", args, seen)
		}
		for _, part := range obeyed {
			if strings.Contains(seen, part) {
				s.t.Errorf("kennel %s gives %q to the terminal", args, part)
			}
		}
	}
}

// onTerminal runs a kennel command with a terminal of its own, and returns what
// that got.
func onTerminal(t testing.TB, args ...string) string {
	t.Helper()
	seen, err := tryOnTerminal(t, args...)
	if err != nil {
		t.Errorf("kennel %s: %v\n%q", args, err, seen)
	}
	return seen
}

// tryOnTerminal is onTerminal for a command that may end with another status.
func tryOnTerminal(t testing.TB, args ...string) (string, error) {
	t.Helper()
	person, program, err := pseudoTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, kennel(t), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	err = cmd.Start()
	_ = program.Close()
	if err != nil {
		t.Fatal(err)
	}
	seen, _ := io.ReadAll(person) // it ends with EIO when the program is gone
	return string(seen), cmd.Wait()
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
	if err != nil {
		_ = person.Close()
	}
	return person, program, err
}
