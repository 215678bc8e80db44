package host

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/store"
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func terminal(title string) config.App {
	return config.App{Title: title, Runner: config.Runner{Type: config.RunnerProcess, RunCmd: "foot -e 'top -d 1'"}}
}

func TestCatalogueKeepsWhatTheAPIAdds(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	ctx := soon(t)
	c, left, err := NewCatalogue(ctx, s, []config.App{config.Demo()})
	if err != nil || len(left) != 0 {
		t.Fatal(err, left)
	}
	added, err := c.Add(ctx, terminal("Terminal"))
	if err != nil || added.Slug != "terminal" || added.ID <= 0 || added.Source != FromAPI {
		t.Fatalf("added %+v, %v", added, err)
	}
	spec, err := c.Find(int32(added.ID))
	if err != nil || spec.Runner.Type != app.TypeProcess || len(spec.Runner.Args) != 3 || spec.Runner.Args[2] != "top -d 1" {
		t.Errorf("spec = %+v, %v", spec, err)
	}
	changed := terminal("Console")
	updated, err := c.Update(ctx, "terminal", changed)
	if err != nil || updated.ID != added.ID || updated.Title != "Console" {
		t.Errorf("updated %+v, %v", updated, err)
	}
	_ = s.Close()

	// A restart finds it again, unless the configuration has taken its title.
	s = openStore(t, dir)
	c, left, err = NewCatalogue(ctx, s, []config.App{config.Demo()})
	if err != nil || len(left) != 0 || len(c.Entries()) != 2 || c.Entries()[1].Title != "Console" {
		t.Errorf("after a restart: %+v, %v, %v", c.Entries(), left, err)
	}
	taken := terminal("Console")
	resolved, err := config.ResolveApps([]config.App{taken})
	if err != nil {
		t.Fatal(err)
	}
	if _, left, err = NewCatalogue(ctx, s, resolved); err != nil || len(left) != 1 || !strings.Contains(left[0].Error(), "terminal") {
		t.Errorf("left out: %v, %v", left, err)
	}
	if err := c.Delete(ctx, "terminal"); err != nil || len(c.Entries()) != 1 {
		t.Errorf("delete: %v", err)
	}
}

func TestCatalogueRefuses(t *testing.T) {
	c, _, err := NewCatalogue(soon(t), openStore(t, t.TempDir()), []config.App{config.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	ctx := soon(t)
	wrong := terminal("Broken")
	wrong.Runner.RunCmd = "foot | tee"
	for name, tt := range map[string]struct {
		do   func() error
		kind evidence.ErrorKind
	}{
		"same title": {func() error { _, err := c.Add(ctx, terminal("Demo")); return err }, evidence.Invalid},
		"shell":      {func() error { _, err := c.Add(ctx, wrong); return err }, evidence.Invalid},
		"no title":   {func() error { _, err := c.Add(ctx, terminal("")); return err }, evidence.Invalid},
		"config app": {func() error { return c.Delete(ctx, "demo") }, evidence.Conflict},
		"update":     {func() error { _, err := c.Update(ctx, "demo", terminal("X")); return err }, evidence.Conflict},
		"unknown":    {func() error { return c.Delete(ctx, "nothing") }, evidence.NotFound},
		"unknown id": {func() error { _, err := c.Find(7); return err }, evidence.NotFound},
		"no icon":    {func() error { _, err := c.Art(7); return err }, evidence.NotFound},
	} {
		if err := tt.do(); evidence.KindOf(err) != tt.kind || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(c.Entries()) != 1 {
		t.Errorf("entries = %+v", c.Entries())
	}
}
