package boxart

import (
	"bufio"
	"image"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Bounds of the search through .desktop files.
const (
	maxEntries   = 2000
	maxEntrySize = 256 << 10
)

// sizes of icons, best first.
var sizes = []string{"256x256", "512x512", "192x192", "128x128", "96x96", "72x72", "64x64", "48x48"}

// FindIcon finds the icon of a program by its .desktop file below root, which
// holds usr/share: the PNG that the entry names, or that of the hicolor theme.
func FindIcon(root, program string) (image.Image, error) {
	program = filepath.Base(program)
	entries, err := filepath.Glob(filepath.Join(root, "usr/share/applications/*.desktop"))
	if err != nil || program == "." || program == "/" {
		return nil, ErrNoIcon
	}
	// An entry of the program's own name comes before one that only starts it.
	own := filepath.Join(root, "usr/share/applications", program+".desktop")
	if i := slices.Index(entries, own); i >= 0 {
		entries[0], entries[i] = entries[i], entries[0]
	}
	for _, name := range entries[:min(len(entries), maxEntries)] {
		exec, icon := readEntry(name)
		if icon == "" || filepath.Base(exec) != program {
			continue
		}
		for _, candidate := range iconFiles(root, icon) {
			if img, err := LoadImage(candidate); err == nil {
				return img, nil
			}
		}
	}
	return nil, ErrNoIcon
}

// iconName keeps a theme's name from walking elsewhere.
var iconName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

func iconFiles(root, icon string) []string {
	if path.IsAbs(icon) {
		if path.Ext(icon) == ".png" {
			return []string{filepath.Join(root, icon)}
		}
		return nil
	}
	icon = strings.TrimSuffix(icon, ".png")
	if !iconName.MatchString(icon) {
		return nil
	}
	var all []string
	for _, size := range sizes {
		all = append(all, filepath.Join(root, "usr/share/icons/hicolor", size, "apps", icon+".png"))
	}
	return append(all, filepath.Join(root, "usr/share/pixmaps", icon+".png"))
}

// readEntry returns the program and the icon of the first group of a .desktop
// file, "" for what is not there.
func readEntry(name string) (program, icon string) {
	raw, err := read(name)
	if err != nil || len(raw) > maxEntrySize {
		return "", ""
	}
	return parseEntry(strings.NewReader(string(raw)))
}

func parseEntry(r io.Reader) (program, icon string) {
	inside := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inside = line == "[Desktop Entry]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok {
			continue
		}
		switch strings.TrimSpace(key) {
		case "Exec":
			if words := strings.Fields(value); len(words) > 0 {
				program = strings.Trim(words[0], `"`)
			}
		case "Icon":
			icon = strings.TrimSpace(value)
		}
	}
	return program, icon
}
