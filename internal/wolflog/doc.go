// Package wolflog reads the lines of Wolf's log (games-on-whales) and of what
// prints into it: boost log lines of Wolf, Rust tracing lines of its compositor,
// GStreamer's and GLib's debug lines, sway's and supervisord's. It takes off
// what Docker, Compose or a journal put in front, and colours, and brings their
// five clocks to one: UTC time of day, UTC with a date, local time, time since
// the process started, and time since the app started.
package wolflog
