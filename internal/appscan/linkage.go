package appscan

import (
	"debug/elf"
	"io"
	"os"
	"strings"
)

// linkage is what a program's libraries say about how it draws.
type linkage struct{ x11Only, gtk4, qtQuick bool }

// xPrograms are programs of X11 that do not name its libraries themselves:
// scripts, and those that another library draws for.
var xPrograms = map[string]bool{"uxterm": true, "lxterm": true, "koi8rxterm": true, "display-im6.q16": true}

// linkageOf reads the names of the libraries that a program is linked with. A
// toolkit that is loaded later, and what a script starts, stay unknown.
func linkageOf(program, base string) (l linkage) {
	l.x11Only = xPrograms[base]
	file, err := os.Open(program)
	if err != nil {
		return l
	}
	defer file.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(file, magic); err != nil || string(magic) != elf.ELFMAG {
		return l
	}
	image, err := elf.NewFile(file)
	if err != nil {
		return l
	}
	libraries, err := image.ImportedLibraries()
	if err != nil {
		return l
	}
	both := false // a toolkit that speaks Wayland as well
	for _, name := range libraries {
		switch library, _, _ := strings.Cut(name, ".so"); library {
		case "libX11", "libXt", "libXaw", "libXaw7", "libxcb", "libgtk-x11-2.0":
			l.x11Only = true
		case "libgtk-4":
			l.gtk4, both = true, true
		case "libQt5Quick", "libQt6Quick":
			l.qtQuick, both = true, true
		case "libwayland-client", "libgtk-3", "libQt5Gui", "libQt6Gui", "libQt5Widgets", "libQt6Widgets", "libSDL2-2.0", "libSDL3", "libglfw":
			both = true
		}
	}
	l.x11Only = l.x11Only && !both
	return l
}
