// Command hostile is a test program: an app that shows the demo and meanwhile
// tries everything that is not its own, or (as "victim") has something to hide,
// or (as "bystander") does no more.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/kennel-stream/kennel/internal/demo"
)

// Targets are what a hostile app tries, from $KENNEL_TARGETS.
type Targets struct {
	// Sockets are paths or, after an @, abstract names.
	Sockets []string
	// Files are tried for reading and writing, directories for listing.
	Files []string
	PIDs  []int
	// Bait is a process of the same user that is there to be killed; 0 for none.
	Bait int
}

// Attempt is one thing tried. Reached is the failure of whoever guards it.
type Attempt struct {
	What    string
	Reached bool
	How     string
}

func main() {
	act := attack
	if len(os.Args) > 1 {
		act = map[string]func() error{"victim": hide, "bystander": func() error { return nil }}[os.Args[1]]
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
	if err := demo.Run(context.Background(), demo.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// say prints one line that the test reads.
func say(kind string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte(err.Error())
	}
	fmt.Println(kind + " " + string(raw))
}

// hide makes what a session has: secrets in every place that it may write, and
// an X server's two sockets. It prints where they are.
func hide() error {
	var t Targets
	for _, dir := range []string{os.Getenv("HOME"), os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm"} {
		file := filepath.Join(dir, "victims-secret")
		if err := os.WriteFile(file, []byte("secret"), 0o666); err != nil {
			return err
		}
		t.Files = append(t.Files, file)
	}
	if err := os.MkdirAll("/tmp/.X11-unix", 0o1777); err != nil {
		return err
	}
	for _, name := range []string{"/tmp/.X11-unix/X4077", "@/tmp/.X11-unix/X4077"} {
		l, err := net.Listen("unix", name)
		if err != nil {
			return err
		}
		go answer(l)
		t.Sockets = append(t.Sockets, name)
	}
	t.Sockets = append(t.Sockets, filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("WAYLAND_DISPLAY")))
	t.PIDs = []int{os.Getpid()}
	say("VICTIM", t)
	return nil
}

func answer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

func attack() error {
	var t Targets
	if err := json.Unmarshal([]byte(os.Getenv("KENNEL_TARGETS")), &t); err != nil {
		return fmt.Errorf("read $KENNEL_TARGETS: %w", err)
	}
	for _, name := range t.Sockets {
		say("TRIED", connect(name))
	}
	for _, name := range t.Files {
		say("TRIED", read(name))
		say("TRIED", write(name))
	}
	for _, pid := range t.PIDs {
		for _, try := range looks {
			say("SEEN", attempt(try, pid))
		}
		for _, try := range meddlings {
			say("TRIED", attempt(try, pid))
		}
	}
	if t.Bait > 0 {
		for _, try := range blows {
			say("STRUCK", attempt(try, t.Bait))
		}
	}
	// What belongs to it must work, or the rest proves nothing.
	own := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("WAYLAND_DISPLAY"))
	say("OWN", connect(own))
	say("OWN", write("/tmp/own"))
	say("OWN", write("/dev/shm/own"))
	say("OWN", read(os.Getenv("HOME")))
	say("OWN", result("signal a child and learn of its end", killChild()))
	for _, file := range []string{"environ", "maps", "status"} {
		say("OWN", result("read "+file+" of this process", readFile(os.Getpid(), file)))
	}
	say("DONE", true)
	return nil
}
