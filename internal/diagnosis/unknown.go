package diagnosis

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// UnknownError is the id of the fault of a line that calls itself an error, or is of a
// crash, and shows no fault that the catalogue knows.
const UnknownError = "unknown-error"

// debugMark is in each of Wolf's lines of level DEBUG.
const debugMark = "BUG | "

// errorLiterals are in lines that may call themselves errors. All have eight
// bytes or more, because the shortest literal decides the speed of the search.
var errorLiterals = []string{
	// Wolf's own levels, and those of copies that lost a blank.
	"ERROR | ", "FATAL | ", "ERROR: |",
	// Rust's tracing, GStreamer with and without colours, sway, GLib.
	"Z ERROR ", "mERROR  ", "mERROR\x1b", " ERROR  ", " ERROR: ", " [ERROR] ", "-CRITICAL **", ": CRITICAL **", "-ERROR **", "> error: ",
	"0 ERROR ", "1 ERROR ", "2 ERROR ", "3 ERROR ", "4 ERROR ", "5 ERROR ", "6 ERROR ", "7 ERROR ", "8 ERROR ", "9 ERROR ",
	// Kennel's own.
	"level=ERROR",
	// Crashes and aborts.
	"Segmentation fault", "core dumped", "Assertion `", "assertion failed", "Assertion failed", "stack smashing detected", "AddressSanitizer", "std::bad_alloc",
	"Traceback (most recent call", "stack backtrace:", "symbol lookup error", "; not expected)", "Out of memory: Killed process", "oom-kill:", "pure virtual method called",
	"Bus error (core", "rust_begin_unwind", "core::panicking::", "Illegal instruction", "fatal runtime error",
}

// crash knows what no level stands before.
var crash = regexp.MustCompile("(?:Segmentation fault|core dumped|Assertion `|[Aa]ssertion failed|stack smashing|AddressSanitizer|std::bad_alloc|Traceback \\(most|stack backtrace:|symbol lookup error|; not expected\\)|Killed process|oom-kill:|pure virtual method|Bus error|rust_begin_unwind|core::panicking::|Illegal instruction|fatal runtime error)")

// isError tells whether a line is an error of the host's, by its level or its
// words. What apps print of themselves is told apart by its shape.
func isError(l *wolflog.Line) bool {
	switch l.Shape {
	case wolflog.GLib:
		return l.Level != "WARNING" && l.Level != "Message"
	case wolflog.GStreamer:
		return l.Level == "ERROR" || l.Level == "WARN" && strings.HasPrefix(l.Message, "error: ")
	case wolflog.Supervisor:
		return strings.HasSuffix(l.Message, "; not expected)")
	case wolflog.Free:
		return crash.MatchString(l.Message) || freeError.MatchString(l.Message)
	}
	return slices.Contains([]wolflog.Level{"ERROR", "FATAL", "CRITICAL"}, l.Level) || crash.MatchString(l.Message)
}

// freeError is a line of no known shape that has a level all the same.
var freeError = regexp.MustCompile(`(?:^|\s)(?:ERROR|FATAL)(?::| \|)`)

// lastStamped is the last line with a time in a piece of a log, nil for none.
func lastStamped(text []byte) *wolflog.Line {
	lines := bytes.Split(text, []byte("\n"))
	for _, raw := range slices.Backward(lines[min(1, len(lines)-1):]) {
		if l := wolflog.Parse(string(raw)); l.Clock == wolflog.UTCDay || l.Clock == wolflog.UTCDate {
			return &l
		}
	}
	return nil
}
