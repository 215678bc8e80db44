package wolfconfig

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// environment is what Wolf is told by variables.
type environment struct {
	values map[string]string
	notes  []Note
}

// newEnvironment takes variables, each NAME=VALUE; later ones count.
func newEnvironment(variables []string) *environment {
	e := &environment{values: map[string]string{}}
	for _, kv := range variables {
		if name, value, ok := strings.Cut(kv, "="); ok && value != "" {
			e.values[name] = value
		}
	}
	return e
}

// Variables that others than Wolf have, too, are not listed when they are unused.
var unusedVariables = map[string]string{
	"WOLF_CFG_FOLDER":                     "Kennel writes no backtraces there: a crash is in the log and in the session's events",
	"WOLF_ENCODER_NODE":                   "Kennel's encoders take the first GPU that works",
	"WOLF_USE_ZERO_COPY":                  "Kennel takes the first way that works from the display to the encoder",
	"WOLF_DOCKER_FAKE_UDEV_PATH":          "Kennel tells containers of their gamepads itself",
	"WOLF_PULSE_IMAGE":                    "Kennel runs a sound server of each session's own, in no container",
	"WOLF_PULSE_CONTAINER_TIMEOUT_MS":     "Kennel runs a sound server of each session's own, in no container",
	"WOLF_STOP_CONTAINER_ON_EXIT":         "Kennel keeps a paused app for limits.lease, and then stops it",
	"WOLF_WAYLAND_SOCKET_WAIT_TIMEOUT_MS": "Kennel's display is ready before the app starts",
	"WOLF_SKIP_WAYLAND_SOCKET_WAIT":       "Kennel's display is ready before the app starts",
	"WOLF_INTERNAL_MAC":                   "Kennel tells Moonlight the address of the interface that it is reached by",
	"WOLF_USE_RTSP_FAKE_IP":               "Kennel tells clients apart by their keys, not by an address",
	"WOLF_ENABLE_VIDEO_PACING":            "Kennel always paces",
	"WOLF_DEFAULT_RUN_UID":                whyUser,
	"WOLF_DEFAULT_RUN_GID":                whyUser,
}

// take reads a variable that is used.
func (e *environment) take(name string) string {
	value := e.values[name]
	delete(e.values, name)
	return value
}

func (e *environment) note(name, why string, args ...any) {
	e.notes = append(e.notes, Note{Key: name, Why: fmt.Sprintf(why, args...)})
}

// port reads the number of a port; otherwise where the variable is not set.
func (e *environment) port(name string, otherwise int) int {
	text := e.take(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		e.note(name, "%.40q is no port: it is %d", text, otherwise)
		return otherwise
	}
	return n
}

// path reads an absolute path.
func (e *environment) path(name string) string {
	text := e.take(name)
	if text != "" && !filepath.IsAbs(text) {
		e.note(name, "%.80q is not an absolute path: it is left out", text)
		return ""
	}
	return text
}

// Wolf's ports that are not Moonlight's usual ones (data-structures.hpp).
const (
	wolfHTTPS   = 47984
	wolfHTTP    = 47989
	wolfControl = 47999
	wolfRTSP    = 48010
	wolfVideo   = 48100
	wolfAudio   = 48200
)

// apply puts the variables over a configuration. socket is that of the API where
// no variable names one.
func (e *environment) apply(c *config.Config, socket string) {
	c.Ports = config.Ports{
		Base: config.DefaultBasePort,
		HTTP: e.port("WOLF_HTTP_PORT", wolfHTTP), HTTPS: e.port("WOLF_HTTPS_PORT", wolfHTTPS), RTSP: e.port("WOLF_RTSP_SETUP_PORT", wolfRTSP),
		Video: e.port("WOLF_VIDEO_PING_PORT", wolfVideo), Control: e.port("WOLF_CONTROL_PORT", wolfControl), Audio: e.port("WOLF_AUDIO_PING_PORT", wolfAudio),
	}
	if address := e.take("WOLF_INTERNAL_IP"); address != "" {
		if _, err := netip.ParseAddr(address); err != nil {
			e.note("WOLF_INTERNAL_IP", "%.40q is no IP address: it is left out", address)
		} else {
			c.Announce.Address = address
		}
	}
	c.Docker.Socket = e.path("WOLF_DOCKER_SOCKET")
	c.Wolf.Socket = cmp.Or(e.path("WOLF_SOCKET_PATH"), socket)
	e.level(c)
}

func (e *environment) level(c *config.Config) {
	text := e.take("WOLF_LOG_LEVEL")
	switch strings.ToUpper(text) {
	case "":
	case "TRACE", "DEBUG":
		c.Log.Level = config.LevelDebug
	case "INFO":
		c.Log.Level = config.LevelInfo
	case "WARNING":
		c.Log.Level = config.LevelWarn
	case "ERROR":
		c.Log.Level = config.LevelError
	default:
		e.note("WOLF_LOG_LEVEL", "%.40q is no level: it is %s", text, c.Log.Level)
	}
}

// rest notes Wolf's variables that nobody has taken.
func (e *environment) rest() []Note {
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		why, known := unusedVariables[name]
		switch {
		case known:
			e.note(name, "%s", why)
		case strings.HasPrefix(name, "WOLF_"):
			e.note(name, "Kennel does not know this variable")
		}
	}
	return e.notes
}
