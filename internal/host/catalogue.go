package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/store"
)

// Sources of an app.
const (
	// FromConfig marks an app of the configuration file.
	FromConfig = "config"
	// FromAPI marks an app that was added over the API.
	FromAPI = "api"
)

// Entry is an app on offer.
type Entry struct {
	config.App
	Source string
}

// Catalogue is what clients may launch: the apps of the configuration, and
// those that were added over the API, which the store keeps.
type Catalogue struct {
	store *store.Store

	mu      sync.Mutex // covers entries, and a change from check to store
	entries []Entry
	art     artCache
}

// NewCatalogue joins the configuration's apps with those of the store. An app
// of the store whose title, slug or id the configuration has taken meanwhile
// is left out, with the reason in the returned list.
func NewCatalogue(ctx context.Context, s *store.Store, apps []config.App) (c *Catalogue, leftOut []error, err error) {
	c = &Catalogue{store: s}
	leftOut, err = c.Reload(ctx, apps)
	return c, leftOut, err
}

// Reload puts other apps in the place of the configuration's. Sessions that run
// one that is gone go on. The reasons are as those of NewCatalogue; after an
// error everything is as it was.
func (c *Catalogue) Reload(ctx context.Context, apps []config.App) (leftOut []error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stored, err := c.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	c.entries = nil
	for _, a := range apps {
		c.entries = append(c.entries, Entry{a, FromConfig})
	}
	for _, a := range stored {
		entry := config.App{Title: a.Title, ID: a.ID, Slug: a.Slug, IconPNGPath: a.IconPNGPath}
		if err := json.Unmarshal(a.Runner, &entry.Runner); err != nil {
			leftOut = append(leftOut, fmt.Errorf("app %q of the database: %w", a.Slug, err))
			continue
		}
		if _, err := c.with(entry, ""); err != nil {
			leftOut = append(leftOut, fmt.Errorf("app %q of the database: %w", a.Slug, err))
			continue
		}
		c.entries = append(c.entries, Entry{entry, FromAPI})
	}
	return leftOut, nil
}

// with checks an app against all others but the one with the slug replaced,
// and returns it with its slug and id filled in.
func (c *Catalogue) with(a config.App, replaced string) (config.App, error) {
	var all []config.App
	for _, e := range c.entries {
		if e.Slug != replaced {
			all = append(all, e.App)
		}
	}
	resolved, err := config.ResolveApps(append(all, a))
	if err != nil {
		if problems, ok := errors.AsType[*config.Error](err); ok && len(problems.Problems) > 0 {
			// The index of the app among all others means nothing to the caller.
			return config.App{}, evidence.Errorf(evidence.Invalid, "app %q: %s", a.Title, problems.Problems[len(problems.Problems)-1].Message)
		}
		return config.App{}, evidence.Errorf(evidence.Invalid, "app %q: %w", a.Title, err)
	}
	return resolved[len(resolved)-1], nil
}

// Entries lists the apps on offer.
func (c *Catalogue) Entries() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.entries)
}

// Find returns the app with that id.
func (c *Catalogue) Find(id int32) (app.Spec, error) {
	for _, e := range c.Entries() {
		if e.ID == int(id) {
			return specOf(e)
		}
	}
	return app.Spec{}, evidence.Errorf(evidence.NotFound, "this host has no app with the id %d: refresh the list of apps", id)
}

// Bounds of an app's id come from the configuration's own check.
func specOf(e Entry) (app.Spec, error) {
	args, err := e.Runner.Command()
	if err != nil {
		return app.Spec{}, evidence.Errorf(evidence.Invalid, "app %q: %w", e.Title, err)
	}
	return app.Spec{
		ID: int32(e.ID), Slug: e.Slug, Title: e.Title,
		Runner: app.RunnerSpec{
			Type: e.Runner.Type, Args: args, Env: e.Runner.Env, User: e.Runner.User, Dir: e.Runner.Dir, NewPrivileges: e.Runner.NewPrivileges,
			Gamepads: e.Runner.Gamepads, Limits: limitsOf(e.Runner),
			OnExit: app.Policy(e.Runner.OnExit), OnCrash: app.Policy(e.Runner.OnCrash), Container: containerOf(e.Runner),
		},
	}, nil
}

// limitsOf are those of an app that runs as a process.
func limitsOf(r config.Runner) app.Limits {
	if r.Type == config.RunnerDocker {
		return app.Limits{}
	}
	return app.Limits{PIDs: r.PIDs, MemoryMiB: r.MemoryMiB, TmpMiB: r.TmpMiB, HomeMiB: r.HomeMiB}
}

// containerOf is what a container is made of, nil for other runners.
func containerOf(r config.Runner) *app.ContainerSpec {
	if r.Type != config.RunnerDocker {
		return nil
	}
	return &app.ContainerSpec{
		Image: r.Image, Name: r.Name, Pull: r.Pull, Mounts: r.Mounts, Devices: r.Devices, Ports: r.Ports, GPUs: r.GPUs, Network: r.Network,
		MemoryMiB: r.MemoryMiB, CPUs: r.CPUs, PIDs: r.PIDs, Capabilities: r.Capabilities, SecurityOpt: r.SecurityOpt, ReadOnly: r.ReadOnly, State: r.State, Home: r.Home,
		BaseCreateJSON: r.BaseCreateJSON,
	}
}

// Add adds an app; its slug and id are derived when they are empty.
func (c *Catalogue) Add(ctx context.Context, a config.App) (Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resolved, err := c.with(a, "")
	if err != nil {
		return Entry{}, err
	}
	if err := c.put(ctx, resolved); err != nil {
		return Entry{}, err
	}
	entry := Entry{resolved, FromAPI}
	c.entries = append(c.entries, entry)
	return entry, nil
}

// Update replaces an app that was added over the API.
func (c *Catalogue) Update(ctx context.Context, slug string, a config.App) (Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.changeable(slug)
	if err != nil {
		return Entry{}, err
	}
	if a.Slug == "" {
		a.Slug = slug
	}
	if a.Slug != slug {
		return Entry{}, evidence.Errorf(evidence.Invalid, "the slug of app %q cannot be changed to %q: add another app", slug, a.Slug)
	}
	if a.ID == 0 {
		// Clients remember apps by id.
		a.ID = c.entries[i].ID
	}
	resolved, err := c.with(a, slug)
	if err != nil {
		return Entry{}, err
	}
	if err := c.put(ctx, resolved); err != nil {
		return Entry{}, err
	}
	c.entries[i] = Entry{resolved, FromAPI}
	return c.entries[i], nil
}

// Delete removes an app that was added over the API. Sessions that run it go on.
func (c *Catalogue) Delete(ctx context.Context, slug string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.changeable(slug)
	if err != nil {
		return err
	}
	if err := c.store.DeleteApp(ctx, slug); err != nil {
		return err
	}
	c.entries = slices.Delete(c.entries, i, i+1)
	return nil
}

func (c *Catalogue) changeable(slug string) (int, error) {
	i := slices.IndexFunc(c.entries, func(e Entry) bool { return e.Slug == slug })
	switch {
	case i < 0:
		return 0, evidence.Errorf(evidence.NotFound, "there is no app %q: kennel apps list shows all", slug)
	case c.entries[i].Source != FromAPI:
		return 0, evidence.Errorf(evidence.Conflict, "app %q is in the configuration file: change it there", slug)
	}
	return i, nil
}

func (c *Catalogue) put(ctx context.Context, a config.App) error {
	runner, err := json.Marshal(a.Runner)
	if err != nil {
		return fmt.Errorf("save app %q: %w", a.Slug, err)
	}
	return c.store.PutApp(ctx, store.App{Slug: a.Slug, ID: a.ID, Title: a.Title, IconPNGPath: a.IconPNGPath, Runner: runner, UpdatedAt: time.Now()})
}
