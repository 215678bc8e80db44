// Package systemd tells the service manager how a service fares (sd_notify(3)).
// Without a service manager every call does nothing.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// States of sd_notify(3).
const (
	Ready     = "READY=1"
	Stopping  = "STOPPING=1"
	Reloading = "RELOADING=1"
	Watchdog  = "WATCHDOG=1"
)

// Manager is the service manager that started this process.
type Manager struct {
	socket   string
	watchdog time.Duration
}

// FromEnvironment reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and
// takes them out of the environment, since children must not speak for us.
func FromEnvironment() Manager {
	m := Manager{socket: os.Getenv("NOTIFY_SOCKET")}
	micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err == nil && micros > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.watchdog = time.Duration(micros) * time.Microsecond
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name)
	}
	return m
}

// Notify sends states and, with STATUS=, a line for people.
func (m Manager) Notify(states ...string) error {
	if m.socket == "" {
		return nil
	}
	name := m.socket
	if rest, abstract := strings.CutPrefix(name, "@"); abstract {
		name = "\x00" + rest
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// Status is a line that systemctl status shows.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// Since goes with Reloading: CLOCK_MONOTONIC in nanoseconds.
func Since(monotonic int64) string {
	return "MONOTONIC_USEC=" + strconv.FormatInt(monotonic/1000, 10)
}

// KeepWatch feeds the watchdog twice per period while alive says that the main
// loops turn, until ctx ends. It returns at once where no watchdog is set.
func (m Manager) KeepWatch(ctx context.Context, alive func(context.Context) error) {
	if m.socket == "" || m.watchdog <= 0 {
		return
	}
	tick := time.NewTicker(m.watchdog / 2)
	defer tick.Stop()
	for {
		look, cancel := context.WithTimeout(ctx, m.watchdog/2)
		err := alive(look)
		cancel()
		if err == nil {
			_ = m.Notify(Watchdog)
		} else if ctx.Err() == nil {
			_ = m.Notify(Status("not well: " + err.Error()))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
