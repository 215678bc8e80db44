package main

import (
	"net"
	"os"
	"time"
)

func result(what string, err error) Attempt {
	if err != nil {
		return Attempt{What: what, How: err.Error()}
	}
	return Attempt{What: what, Reached: true}
}

func connect(name string) Attempt {
	c, err := net.DialTimeout("unix", name, 5*time.Second)
	if err == nil {
		// A server that checks who calls hangs up without a word.
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, err = c.Write([]byte{1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0}) // wl_display.get_registry
		if err == nil {
			_, err = c.Read(make([]byte, 64))
		}
		_ = c.Close()
	}
	return result("connect to "+name, err)
}

func read(name string) Attempt {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
			_, err = f.Readdirnames(-1)
		} else {
			_, err = f.Read(make([]byte, 16))
		}
	}
	return result("read "+name, err)
}

func write(name string) Attempt {
	flags := os.O_WRONLY | os.O_APPEND
	if name == "/tmp/own" || name == "/dev/shm/own" {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err == nil {
		_, err = f.WriteString("was here\n")
		_ = f.Close()
	}
	return result("write "+name, err)
}
