package wolfapi

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/web"
)

func (a *api) apps(ctx context.Context) (AppList, error) {
	apps, err := a.offered(ctx)
	return AppList{Success: true, Apps: apps}, err
}

func (a *api) offered(ctx context.Context) ([]App, error) {
	entries, err := a.backend.Apps(ctx)
	if err != nil {
		return nil, err
	}
	apps := make([]App, 0, len(entries))
	for _, e := range entries {
		apps = append(apps, appOf(e.App))
	}
	return apps, nil
}

// appOf is an app in Wolf's words.
func appOf(c config.App) App {
	app := App{Title: c.Title, ID: idOf(c), StartVirtualCompositor: true, StartAudioServer: true, Runner: runnerOf(c.Runner)}
	if c.IconPNGPath != "" {
		app.IconPNGPath = &c.IconPNGPath
	}
	return app
}

func runnerOf(r config.Runner) Runner {
	switch r.Type {
	case config.RunnerDocker:
		d := DockerRunner{Type: runnerDocker, Name: r.Name, Image: r.Image, Mounts: r.Mounts, Env: r.Env, Devices: r.Devices, Ports: r.Ports}
		if r.BaseCreateJSON != "" {
			d.BaseCreateJSON = &r.BaseCreateJSON
		}
		return Runner{Type: runnerDocker, Docker: d}
	case config.RunnerDemo:
		return Runner{Type: runnerProcess, Process: ProcessRunner{RunCmd: "kennel demo"}}
	}
	command := r.RunCmd
	if command == "" {
		command = quoted(r.Args)
	}
	return Runner{Type: runnerProcess, Process: ProcessRunner{RunCmd: command}}
}

// quoted joins words to a command line that splits into them again.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		if words[i] = arg; arg == "" || strings.ContainsAny(arg, " \t\r\n'\"\\|&;<>()$`*?[]~#") {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// addApp adds an app, or replaces one of the same id that was added before:
// Wolf forgets such apps with its process, so tools add them at every start.
func (a *api) addApp(ctx context.Context, request App) (Success, error) {
	app, err := configOf(request)
	if err != nil {
		return Success{}, err
	}
	if old, ok, err := a.app(ctx, request.ID); err != nil {
		return Success{}, err
	} else if ok && request.ID != "" {
		app.Slug, app.ID = old.Slug, old.ID
		_, err := a.backend.UpdateApp(ctx, old.Slug, app)
		return Success{Success: err == nil}, err
	}
	if err := nameApp(&app, string(request.ID)); err != nil {
		return Success{}, err
	}
	_, err = a.backend.AddApp(ctx, app)
	return Success{Success: err == nil}, err
}

// configOf is an app in Kennel's words. What is not used is in the table of
// the documentation.
func configOf(request App) (config.App, error) {
	app := config.App{Title: strings.TrimSpace(request.Title)}
	if path := request.IconPNGPath; path != nil && filepath.IsAbs(*path) {
		app.IconPNGPath = *path
	}
	switch request.Runner.Type {
	case runnerProcess:
		app.Runner = config.Runner{Type: config.RunnerProcess, RunCmd: request.Runner.Process.RunCmd, Gamepads: true}
	case runnerDocker:
		d := request.Runner.Docker
		app.Runner = config.Runner{
			Type: config.RunnerDocker, Name: d.Name, Image: d.Image, Mounts: d.Mounts, Env: d.Env, Devices: d.Devices, Ports: d.Ports, GPUs: "auto", Gamepads: true,
		}
		if d.BaseCreateJSON != nil {
			app.Runner.BaseCreateJSON = *d.BaseCreateJSON
		}
		if os.Geteuid() == 0 {
			// Images made for Wolf begin as root, and become PUID by themselves. Some
			// have sudo for the rest.
			app.Runner.User, app.Runner.NewPrivileges = "root", true
		}
	case "":
		return config.App{}, evidence.Errorf(evidence.Invalid, "app %.64q: its runner has no type: write \"process\" or \"docker\"", request.Title)
	default:
		return config.App{}, unsupported("app %.64q: Kennel has no runner %.64q: write \"process\" or \"docker\"", request.Title, request.Runner.Type)
	}
	return app, nil
}

// app finds an app by its id in Wolf.
func (a *api) app(ctx context.Context, id Key) (web.App, bool, error) {
	entries, err := a.backend.Apps(ctx)
	if err != nil {
		return web.App{}, false, err
	}
	for _, e := range entries {
		if idOf(e.App) == id {
			return e, true, nil
		}
	}
	return web.App{}, false, nil
}

// removeApp succeeds for an app that does not exist, as Wolf does: tools delete
// before they add.
func (a *api) removeApp(ctx context.Context, request AppDelete) (Success, error) {
	if request.ID == "" {
		return Success{}, evidence.Errorf(evidence.Invalid, "name the app's id")
	}
	app, ok, err := a.app(ctx, request.ID)
	if err == nil && ok {
		err = a.backend.DeleteApp(ctx, app.Slug)
	}
	return Success{Success: err == nil}, err
}

// profileID is that of the one profile of a host that has none of its own.
const profileID = "kennel"

// profiles are those of the configuration. Moonlight's own list, which has all
// apps, is left out, as Wolf does.
func (a *api) profiles(ctx context.Context) (ProfileList, error) {
	entries, err := a.backend.Apps(ctx)
	if err != nil {
		return ProfileList{}, err
	}
	apps := map[string]App{}
	everything := Profile{Name: "Kennel", ID: profileID, Apps: []App{}}
	for _, e := range entries {
		apps[e.Slug] = appOf(e.App)
		everything.Apps = append(everything.Apps, apps[e.Slug])
	}
	list := ProfileList{Success: true}
	for _, p := range a.backend.Profiles() {
		one := Profile{Name: p.Name, ID: Key(p.ID), Apps: []App{}}
		for _, slug := range p.Apps {
			if app, ok := apps[slug]; ok {
				one.Apps = append(one.Apps, app)
			}
		}
		list.Profiles = append(list.Profiles, one)
	}
	if list.Profiles == nil {
		list.Profiles = []Profile{everything}
	}
	return list, nil
}

func (a *api) addProfile(context.Context, Profile) (Success, error) {
	return Success{}, unsupported("Kennel's profiles are those of its configuration: write one as [[wolf.profiles]], or add the apps by apps/add, where every client sees them")
}

func (a *api) removeProfile(context.Context, ProfileRemove) (Success, error) {
	return Success{}, unsupported("Kennel's profiles are those of its configuration: remove the one of [[wolf.profiles]]")
}
