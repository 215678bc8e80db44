package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGeneratedCodeIsCurrent generates again and compares with what is there.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	files, err := generate("../../xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"server", "client"} {
		have, err := filepath.Glob("../../protocol/" + side + "/*.gen.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range have {
			name := side + "/" + filepath.Base(path)
			if files[name] == nil {
				t.Errorf("protocol/%s has no protocol file any more: delete it", name)
			}
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../protocol", name))
		if err != nil || string(got) != string(want) {
			t.Errorf("protocol/%s is not what wlgen makes: run go generate ./wayland/... (%v)", name, err)
		}
	}
}

func TestWriteMakesTheTree(t *testing.T) {
	dir := t.TempDir()
	if err := write(map[string][]byte{"server/x.gen.go": []byte("x")}, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "server", "x.gen.go")); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	for protocolName, want := range map[string][2]string{
		"wl_surface":     {"WlSurface", "wlSurface"},
		"set_app_id":     {"SetAppId", "setAppId"},
		"90":             {"90", "90"},
		"interface":      {"Interface", "interfaceArg"},
		"axis_value120":  {"AxisValue120", "axisValue120"},
		"zwp_x_v1":       {"ZwpXV1", "zwpXV1"},
		"trailing_part_": {"TrailingPart", "trailingPart"},
	} {
		if got := [2]string{goName(protocolName), argName(protocolName)}; got != want {
			t.Errorf("%s became %v, want %v", protocolName, got, want)
		}
	}
}

func TestSignature(t *testing.T) {
	m := &message{Args: []*arg{
		{Type: "int"},
		{Type: "string", AllowNull: true},
		{Type: "object", Interface: "wl_surface"},
		{Type: "object", AllowNull: true},
		{Type: "new_id", Interface: "wl_callback"},
		{Type: "new_id"},
		{Type: "fd"},
	}}
	if got := m.signature(); got != "iSoOnsunh" {
		t.Errorf("got %s", got)
	}
}

// TestMerge adds an event, an error and a version to an interface.
func TestMerge(t *testing.T) {
	base := func() *protocol {
		return &protocol{Name: "wayland", Interfaces: []*iface{{
			Name: "a", Version: 5,
			Events: []*message{{Name: "first"}},
			Enums:  []*enum{{Name: "error", Entries: []entry{{Name: "x", Value: "0"}}}},
		}}}
	}
	p := base()
	err := p.merge(&protocol{Interfaces: []*iface{{
		Name: "a", Version: 6,
		Events: []*message{{Name: "second", Since: 6}},
		Enums:  []*enum{{Name: "error", Entries: []entry{{Name: "y", Value: "1"}}}, {Name: "new"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := base()
	i := want.Interfaces[0]
	i.Version = 6
	i.Events = append(i.Events, &message{Name: "second", Since: 6})
	i.Enums[0].Entries = append(i.Enums[0].Entries, entry{Name: "y", Value: "1"})
	i.Enums = append(i.Enums, &enum{Name: "new"})
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, more := range map[string]*iface{
		"interface that is not there": {Name: "b", Version: 6},
		"version that is older":       {Name: "a", Version: 4},
	} {
		if base().merge(&protocol{Interfaces: []*iface{more}}) == nil {
			t.Errorf("merged an %s", name)
		}
	}
}

func TestBrokenProtocolFiles(t *testing.T) {
	for name, text := range map[string]string{"no XML": "<", "nothing in it": "<protocol name=\"x\"/>"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.xml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := generate(t.TempDir()); err == nil {
		t.Error("an empty folder: no error")
	}
}
