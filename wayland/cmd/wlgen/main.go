// Command wlgen generates the typed Wayland objects: package wlserver in
// wayland/protocol/server and wlclient in wayland/protocol/client, one file
// for each protocol file in wayland/xml. Run it from the folder wayland.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// additions is merged into the core protocol.
const additions = "kennel-additions.xml"

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: wlgen, in the folder that has xml/ and protocol/")
		os.Exit(2)
	}
	files, err := generate("xml")
	if err == nil {
		err = write(files, "protocol")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wlgen:", err)
		os.Exit(1)
	}
}

// generate returns the sources by path below protocol/, from the protocol
// files in dir.
func generate(dir string) (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		return nil, fmt.Errorf("find protocol files in %s: %w", dir, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("find protocol files in %s: there are none; run wlgen in the folder wayland", dir)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		base := filepath.Base(path)
		if base == additions {
			continue
		}
		p, err := load(path)
		if err != nil {
			return nil, err
		}
		name := strings.ReplaceAll(strings.TrimSuffix(base, ".xml"), "-", "_") + ".gen.go"
		if files["server/"+name], err = serverCode(p, base); err != nil {
			return nil, err
		}
		if files["client/"+name], err = clientCode(p, base); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// load reads a protocol file, with the additions if it is the core protocol.
func load(path string) (*protocol, error) {
	p, err := readProtocol(path)
	if err != nil {
		return nil, err
	}
	p.nameEnums()
	if p.Name != "wayland" {
		return p, nil
	}
	more, err := readProtocol(filepath.Join(filepath.Dir(path), additions))
	if err != nil {
		return nil, err
	}
	return p, p.merge(more)
}

func write(files map[string][]byte, dir string) error {
	for name, src := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write generated code: %w", err)
		}
		if err := os.WriteFile(path, src, 0o644); err != nil {
			return fmt.Errorf("write generated code: %w", err)
		}
	}
	return nil
}
