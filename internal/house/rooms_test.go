package house

import (
	"slices"
	"strings"
	"testing"
)

// rooms says which other rooms the packages of a room may import. A room is a
// folder with all folders below it, unless one of those has a line of its own.
// Arrows point down only: a room stands below every room that it names.
// Tests may also import any room, except those of the two wire libraries.
var rooms = map[string][]string{
	// What the programs are put together from.
	"cmd/kennel": {
		"internal/app", "internal/appscan", "internal/barcode", "internal/bench", "internal/bundle", "internal/checkup", "internal/config", "internal/confine", "internal/connlimit", "internal/demo", "internal/diagnosis", "internal/discovery", "internal/display",
		"internal/display/compositor", "internal/drawing", "internal/engine", "internal/escape", "internal/evidence", "internal/guard", "internal/host", "internal/ipc", "internal/logsource", "internal/manual", "internal/media",
		"internal/meter", "internal/probe", "internal/process", "internal/scene", "internal/session", "internal/store", "internal/systemd", "internal/terminal",
		"internal/vitals", "internal/web", "internal/wolfapi", "internal/wolfconfig", "internal/wolflog", "moonlight",
	},
	"cmd/kennel-media": {"internal/evidence", "internal/ipc", "internal/media", "internal/media/worker", "internal/scene"},
	"e2e":              {"internal/demo"},
	"internal/house":   {},

	// What measures the whole.
	"internal/checkup": {
		"internal/config", "internal/confine", "internal/connlimit", "internal/discovery", "internal/evidence", "internal/media", "internal/pad", "internal/process", "internal/sound",
	},
	"internal/bundle": {"internal/diagnosis", "internal/engine", "internal/evidence", "internal/vitals", "internal/wolflog"},
	"internal/vitals": {"internal/diagnosis", "internal/engine", "internal/evidence", "internal/process"},
	"internal/bench":  {"internal/evidence", "internal/media", "internal/meter", "internal/probe", "internal/process", "internal/session", "internal/web"},

	// The faces of the host, and the programs that look at it from outside.
	"internal/web": {
		"internal/app", "internal/config", "internal/diagnosis", "internal/evidence", "internal/guard", "internal/host",
		"internal/media", "internal/meter", "internal/session", "internal/store",
	},
	"internal/wolfconfig": {"internal/config", "internal/store"},
	"internal/wolfapi":    {"internal/config", "internal/engine", "internal/evidence", "internal/host", "internal/session", "internal/store", "internal/web"},
	"internal/host": {
		"internal/app", "internal/boxart", "internal/config", "internal/connlimit", "internal/discovery", "internal/evidence", "internal/ipc", "internal/media", "internal/meter", "internal/pad",
		"internal/session", "internal/store", "moonlight",
	},
	"internal/guard": {
		"internal/config", "internal/diagnosis", "internal/evidence", "internal/meter", "internal/probe", "internal/process",
		"internal/session", "internal/store", "internal/wolflog",
	},
	"internal/probe": {
		"internal/barcode", "internal/evidence", "internal/ipc", "internal/media", "internal/process", "internal/scene", "internal/terminal", "moonlight",
	},
	"internal/demo": {"internal/barcode", "internal/pulse", "wayland"},

	// A session and what it is made of.
	"internal/session": {
		"internal/app", "internal/barcode", "internal/card", "internal/config", "internal/confine", "internal/diagnosis", "internal/display", "internal/evidence",
		"internal/ipc", "internal/media", "internal/meter", "internal/pad", "internal/process", "internal/scene", "internal/sound", "internal/store",
	},
	"internal/diagnosis": {"internal/drawing", "internal/escape", "internal/evidence", "internal/logscan", "internal/meter", "internal/store", "internal/wolflog"},
	"internal/display": {
		"internal/card", "internal/display/pixel", "internal/display/region", "internal/evidence", "internal/ipc", "internal/process", "internal/scene", "wayland",
	},
	"internal/display/compositor": {
		"internal/card", "internal/display", "internal/display/pixel", "internal/display/region", "internal/evidence", "internal/ipc", "internal/process", "internal/scene", "wayland",
	},
	"internal/media": {"internal/evidence", "internal/ipc", "internal/meter", "internal/process", "internal/scene"},
	"internal/media/worker": {
		"internal/display/pixel", "internal/display/region", "internal/evidence", "internal/ipc", "internal/media", "internal/meter", "internal/process",
		"internal/pulse", "internal/scene",
	},
	"internal/sound":   {"internal/evidence", "internal/process"},
	"internal/confine": {"internal/evidence", "internal/ipc", "internal/process"},
	"internal/app":     {"internal/config", "internal/confine", "internal/engine", "internal/evidence", "internal/ipc", "internal/meter", "internal/pad", "internal/process"},
	"internal/meter":   {"internal/evidence", "internal/process"},

	// The ground.
	"internal/appscan":             {"internal/config"},
	"internal/wolflog":             {"internal/evidence"},
	"internal/logsource":           {"internal/engine", "internal/evidence", "internal/wolflog"},
	"internal/engine":              {"internal/evidence"},
	"internal/engine/enginetest":   {"internal/process"},
	"internal/pad":                 {"internal/evidence"},
	"internal/pad/padtest":         {"internal/pad"},
	"internal/store":               {"internal/evidence"},
	"internal/config":              {"internal/evidence"},
	"internal/process":             {"internal/evidence", "internal/ipc"},
	"internal/process/processtest": {},
	"internal/ipc":                 {"internal/evidence"},
	"internal/scene":               {},
	"internal/display/pixel":       {"internal/display/region"},
	"internal/display/region":      {},
	"internal/discovery":           {},
	"internal/escape":              {},
	"internal/connlimit":           {},
	"internal/systemd":             {},
	"internal/logscan":             {},
	"internal/terminal":            {},
	"internal/manual":              {},
	"internal/boxart":              {"internal/lettering"},
	"internal/card":                {"internal/lettering"},
	"internal/lettering":           {},
	"internal/drawing":             {"internal/escape", "internal/lettering"},
	"internal/barcode":             {},
	"internal/pulse":               {},
	"internal/evidence":            {},

	// Libraries for everybody.
	"moonlight": {},
	"wayland":   {},
}

// foreign says who alone may import a package that is not ours.
var foreign = map[string][]string{
	"github.com/ebitengine/purego":  {"internal/media/worker", "cmd/kennel-media"},
	"github.com/jfreymuth/pulse":    {"internal/pulse"},
	"github.com/moby/moby":          {"internal/engine"},
	"github.com/containerd/errdefs": {"internal/engine"},
	"modernc.org/sqlite":            {"internal/store"},
	"github.com/pelletier/go-toml":  {"internal/config", "internal/guard", "internal/wolfconfig"},
	"github.com/spf13/cobra":        {"cmd/kennel", "internal/manual"},
}

// silent are packages that the wire libraries do without: they tell their
// caller everything and write nothing.
var silent = []string{"log", "log/slog", "os/exec"}

func TestEveryPackageHasARoom(t *testing.T) {
	for _, p := range packages(t) {
		if roomOf(p.dir) == "" {
			t.Errorf("%s belongs to no room: put it into one, or add a line to the table of rooms and to docs/architecture.md", p.dir)
		}
	}
}

func TestRoomsNameOnlyRoomsBelow(t *testing.T) {
	var visit func(room string, above []string)
	visit = func(room string, above []string) {
		if slices.Contains(above, room) {
			t.Fatalf("the table of rooms goes round: %s", strings.Join(append(above, room), " imports "))
		}
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s is allowed as an import but is no room", room)
		}
		for _, next := range allowed {
			visit(next, append(slices.Clone(above), room))
		}
	}
	for room := range rooms {
		visit(room, nil)
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		room := roomOf(p.dir)
		for _, file := range p.files {
			if file.test && room != "moonlight" && room != "wayland" {
				continue
			}
			for _, path := range file.imports() {
				target, ours := strings.CutPrefix(path, module+"/")
				if !ours {
					continue
				}
				if to := roomOf(target); to != room && !slices.Contains(rooms[room], to) {
					t.Errorf("%s imports %s, which is not below %s", file.name, target, room)
				}
			}
		}
	}
}

func TestForeignPackagesHaveOneDoor(t *testing.T) {
	for _, p := range packages(t) {
		room := roomOf(p.dir)
		for _, file := range p.files {
			for _, path := range file.imports() {
				for name, doors := range foreign {
					if within(path, name) && !file.test && !slices.Contains(doors, room) {
						t.Errorf("%s imports %s, which only %s may", file.name, path, strings.Join(doors, " and "))
					}
				}
				if (room == "moonlight" || room == "wayland") && !file.test && slices.Contains(silent, path) {
					t.Errorf("%s imports %s: a wire library neither logs nor starts programs", file.name, path)
				}
			}
		}
	}
}

// roomOf is the innermost room around a folder, or "".
func roomOf(dir string) string {
	best := ""
	for room := range rooms {
		if within(dir, room) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

// within tells whether a slash-separated path is root or lies below it.
func within(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
}
