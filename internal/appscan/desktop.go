package appscan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxEntry bounds how much of a desktop entry is read; those with many
// translations have some tens of kilobytes.
const maxEntry = 1 << 20

// entry is the group [Desktop Entry] of a file, without translations.
type entry struct {
	kind, name, exec, tryExec, dir string
	hidden, noDisplay, terminal    bool
	onlyShowIn                     bool
}

// Why a file is no desktop entry.
var (
	errNoEntry = errors.New("there is no group [Desktop Entry]")
	errNoUTF8  = errors.New("its name or command is not UTF-8")
)

// parseEntry reads a desktop entry (Desktop Entry Specification, "Basic format
// of the file"). Lines that are none of the format are passed over, as others do.
func parseEntry(r io.Reader) (entry, error) {
	var e entry
	lines := bufio.NewScanner(io.LimitReader(r, maxEntry))
	lines.Buffer(nil, maxEntry)
	inside, seen := false, false
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			if inside {
				break // actions follow
			}
			inside = line == "[Desktop Entry]"
			seen = seen || inside
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok || strings.HasPrefix(line, "#") {
			continue
		}
		e.set(strings.TrimSpace(key), strings.TrimSpace(value))
	}
	if err := lines.Err(); err != nil {
		return entry{}, fmt.Errorf("read: %w", err)
	}
	if !seen {
		return entry{}, errNoEntry
	}
	if !utf8.ValidString(e.name) || !utf8.ValidString(e.exec) || !utf8.ValidString(e.dir) {
		return entry{}, errNoUTF8
	}
	return e, nil
}

func (e *entry) set(key, value string) {
	switch key {
	case "Type":
		e.kind = value
	case "Name":
		e.name = unescape(value)
	case "Exec":
		e.exec = unescape(value)
	case "TryExec":
		e.tryExec = unescape(value)
	case "Path":
		e.dir = unescape(value)
	case "Hidden":
		e.hidden = value == "true"
	case "NoDisplay":
		e.noDisplay = value == "true"
	case "Terminal":
		e.terminal = value == "true"
	case "OnlyShowIn":
		e.onlyShowIn = strings.Trim(value, "; ") != ""
	}
}

// offered reports whether a menu would show it. Sessions run none of the
// registered desktops, so that OnlyShowIn rules an entry out and NotShowIn none.
func (e *entry) offered() bool {
	return e.kind == "Application" && e.name != "" && e.exec != "" && !e.hidden && !e.noDisplay && !e.onlyShowIn
}

// unescape undoes the escapes of values of type string ("Possible value types").
func unescape(value string) string {
	return strings.NewReplacer(`\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r", `\\`, `\`).Replace(value)
}
