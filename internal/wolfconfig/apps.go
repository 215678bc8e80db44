package wolfconfig

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// moonlightProfile is the profile whose apps Moonlight lists in Wolf; those of
// others are in Wolf UI's menus.
const moonlightProfile = "moonlight-profile-id"

// maxApps bounds the list that a client is shown.
const maxApps = 1000

// apps reads the apps of every profile, Moonlight's own first.
func (r *reader) apps(document map[string]any) []App {
	var own, others []App
	for path, a := range r.tables(document, "", "apps") {
		own = r.add(own, a, App{path: path})
	}
	if part, ok := document["profiles"].(map[string]any); ok {
		// A piece of a file, as pages about an app show it.
		for path, a := range r.tables(part, "profiles", "apps") {
			own = r.add(own, a, App{path: path})
		}
		return r.distinct(own)
	}
	for at, profile := range r.tables(document, "", "profiles") {
		id := r.text(profile, at, "id")
		if id == moonlightProfile {
			id = ""
		}
		if pin, ok := profile["pin"]; ok && !empty(pin) {
			r.note(at+".pin", "Kennel asks for no PIN before an app: the apps of this profile are left out")
			continue
		}
		name := cmp.Or(r.text(profile, at, "name"), id)
		for path, a := range r.tables(profile, at, "apps") {
			one := App{Profile: id, profileName: name, path: path}
			if id == "" {
				own = r.add(own, a, one)
			} else {
				others = r.add(others, a, one)
			}
		}
	}
	return r.distinct(append(own, others...))
}

// add reads an app, unless Kennel cannot run it.
func (r *reader) add(all []App, table map[string]any, a App) []App {
	a.Title = strings.TrimSpace(r.text(table, a.path, "title"))
	a.Node = r.text(table, a.path, "render_node")
	a.icon, a.folder = r.icon(table, a.path), a.Title
	if !r.runner(table, &a) {
		return all
	}
	if resolved, err := config.ResolveApps([]config.App{a.App}); err != nil {
		r.note(a.path, "app %.64q is left out: %s", a.Title, problem(err))
		return all
	} else if len(resolved) == 1 {
		a.App = resolved[0]
	}
	return append(all, a)
}

// problem is what is wrong with an app, without where it would be in Kennel's file.
func problem(err error) string {
	if found, ok := errors.AsType[*config.Error](err); ok && len(found.Problems) > 0 {
		return found.Problems[0].Message
	}
	return err.Error()
}

// icon is a file's path; one that is relative counts from Wolf's state folder.
func (r *reader) icon(table map[string]any, at string) string {
	icon := r.text(table, at, "icon_png_path")
	switch {
	case strings.Contains(icon, "://"):
		r.note(at+".icon_png_path", "Kennel fetches nothing from the network: the app has the built-in picture")
		return ""
	case icon != "" && !path.IsAbs(icon) && !local(icon):
		r.note(at+".icon_png_path", "it leads out of Wolf's state folder: the app has the built-in picture")
		return ""
	}
	return icon
}

// runner reads how an app is started; false when it is left out.
func (r *reader) runner(table map[string]any, a *App) bool {
	at := a.path + ".runner"
	runner := r.table(table, a.path, "runner")
	kind := strings.ToLower(r.text(runner, at, "type"))
	if !r.flag(table, a.path, "start_virtual_compositor", true) {
		// A picture that GStreamer makes, to see whether streaming works.
		r.note(a.path+".start_virtual_compositor", "every app of Kennel has a display: its demo app takes the place of %.64q", a.Title)
		a.Runner = config.Runner{Type: config.RunnerDemo}
		return true
	}
	if source := r.text(r.table(table, a.path, "video"), a.path+".video", "source"); source != "" {
		r.note(a.path+".video.source", "%s", whyPipeline)
	}
	switch kind {
	case "process":
		a.Runner = config.Runner{Type: config.RunnerProcess, RunCmd: r.text(runner, at, "run_cmd")}
	case "docker":
		a.Runner = r.container(runner, at)
		if strings.Contains(a.Runner.Image, "/wolf-ui:") {
			r.note(at+".image", "Kennel shows every app in Moonlight's own list: Wolf UI is left out")
			return false
		}
	case "child_session":
		r.note(at+".type", "Kennel has no sessions within sessions: app %.64q is left out", a.Title)
		return false
	default:
		r.note(at+".type", "Kennel has no runner %.40q: app %.64q is left out", kind, a.Title)
		return false
	}
	return true
}

func (r *reader) container(runner map[string]any, at string) config.Runner {
	return config.Runner{
		Type: config.RunnerDocker, Name: r.text(runner, at, "name"), Image: r.text(runner, at, "image"),
		Mounts: r.texts(runner, at, "mounts"), Env: r.texts(runner, at, "env"),
		Devices: r.texts(runner, at, "devices"), Ports: r.texts(runner, at, "ports"),
		BaseCreateJSON: strings.TrimSpace(r.text(runner, at, "base_create_json")),
	}
}

// distinct makes titles and slugs unique: apps of several profiles that are the
// same are offered once, others get their profile's name.
func (r *reader) distinct(all []App) []App {
	var kept []App
	taken := func(title string) *App {
		for i := range kept {
			if strings.EqualFold(kept[i].Title, title) || kept[i].Slug == config.DerivedSlug(title) {
				return &kept[i]
			}
		}
		return nil
	}
	for _, a := range all {
		first := taken(a.Title)
		if first != nil && first.Profile == a.Profile && reflect.DeepEqual(first.Runner, a.Runner) {
			r.note(a.path, "app %.64q is there twice: it is offered once", a.Title)
			continue
		}
		if first != nil {
			if a.Title = r.anotherTitle(a, taken); a.Title == "" {
				continue
			}
		}
		if len(kept) == maxApps {
			r.note(a.path, "there are more than %d apps: this one and those after it are left out", maxApps)
			break
		}
		a.Slug, a.ID = "", 0
		resolved, err := config.ResolveApps([]config.App{a.App})
		if err != nil {
			r.note(a.path, "app %.64q is left out: %s", a.Title, problem(err))
			continue
		}
		a.App = resolved[0]
		kept = append(kept, a)
	}
	return kept
}

// maxNumbered bounds the apps of one title.
const maxNumbered = 50

// anotherTitle is one that no app has yet; empty where none can be found.
func (r *reader) anotherTitle(a App, taken func(string) *App) string {
	suffix := cmp.Or(a.profileName, a.Runner.Name, "2")
	title := fmt.Sprintf("%s (%s)", a.Title, suffix)
	for n := 2; taken(title) != nil; n++ {
		if n > maxNumbered {
			r.note(a.path+".title", "too many apps have this title: app %.64q is left out", a.Title)
			return ""
		}
		title = fmt.Sprintf("%s (%s %d)", a.Title, suffix, n)
	}
	r.note(a.path+".title", "another app has this title: it is offered as %.80q", title)
	return title
}

// maxProfiles bounds the profiles that Wolf's API tells.
const maxProfiles = 256

// profilesOf are the profiles that have apps, in the order of these. One whose id
// cannot be told is left to its apps' titles.
func profilesOf(apps []App) (all []config.WolfProfile) {
	for _, a := range apps {
		if a.Profile == "" {
			continue
		}
		at := slices.IndexFunc(all, func(p config.WolfProfile) bool { return p.ID == a.Profile })
		if at < 0 {
			one := config.Default()
			one.Wolf.Profiles = []config.WolfProfile{{ID: a.Profile, Name: a.profileName}}
			if len(all) == maxProfiles || one.Validate() != nil {
				continue
			}
			at, all = len(all), append(all, one.Wolf.Profiles[0])
		}
		all[at].Apps = append(all[at].Apps, a.Slug)
	}
	return all
}
