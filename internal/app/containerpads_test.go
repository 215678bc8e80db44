package app

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/pad/padtest"
)

// TestGamepadsOfContainers: only an app that asks for them may open input devices,
// and none makes nodes by itself.
func TestGamepadsOfContainers(t *testing.T) {
	dir := t.TempDir() + "/udev"
	described, err := pad.Open(pad.Options{Machine: padtest.New(t).Machine(), Directory: dir, Note: func(...string) {}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	close(over)
	defer described.Run(over)
	plain, err := pad.Open(pad.Options{Machine: padtest.New(t).Machine(), Note: func(...string) {}})
	if err != nil {
		t.Fatal(err)
	}
	without := padtest.New(t)
	if err := os.Remove(without.Path("dev/uinput")); err != nil {
		t.Fatal(err)
	}
	refused, err := pad.Open(pad.Options{Machine: without.Machine(), Directory: t.TempDir() + "/udev", Note: func(...string) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Run(over)
	given := engine.Spec{Without: []string{"MKNOD"}, DeviceRules: []string{"c 13:* rmw"}}
	bound := given
	bound.Binds = []engine.Bind{{Source: dir, Target: "/run/udev", ReadOnly: true}}
	hosts := engine.Bind{Source: "/run/udev", Target: "/run/udev", ReadOnly: true}
	own := given
	own.Binds = []engine.Bind{hosts}
	based := given
	based.Base = `{"HostConfig":{"Binds":["/run/udev:/run/udev"]}}`
	for _, c := range []struct {
		name      string
		asks      bool
		pads      *pad.Set
		got, want engine.Spec
	}{
		{"not asked for", false, described, engine.Spec{}, engine.Spec{}},
		{"a session without", true, nil, engine.Spec{}, engine.Spec{}},
		{"a session whose apps are processes", true, plain, engine.Spec{}, engine.Spec{}},
		{"a machine without uinput", true, refused, engine.Spec{}, engine.Spec{}},
		{"asked for", true, described, engine.Spec{}, bound},
		{"a /run/udev of its own", true, described, engine.Spec{Binds: []engine.Bind{hosts}}, own},
		{"one in base_create_json", true, described, engine.Spec{Base: based.Base}, based},
	} {
		spec := Spec{Runner: RunnerSpec{Type: TypeDocker, Gamepads: c.asks, Container: &ContainerSpec{}}}
		givePads(&c.got, padsOf(spec, Place{Pads: c.pads}))
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
