package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// check reports what is wrong with one app whose slug and id are filled in.
func (a App) check(path string, found *problems) {
	if a.Title == "" || len(a.Title) > maxTitle || !printable(a.Title) || strings.TrimSpace(a.Title) != a.Title {
		found.addf(path+".title", "%q is not a title; write 1 to %d printable characters without spaces around them", clip(a.Title), maxTitle)
	}
	if a.ID < 1 || a.ID > 1<<31-1 {
		found.addf(path+".id", "%d is not an app id; use 1 to %d, or leave it out to derive it from the slug", a.ID, 1<<31-1)
	}
	if !validSlug(a.Slug) {
		found.addf(path+".slug", "%q is not a slug; write 1 to %d of a-z, 0-9 and hyphens, beginning and ending with a letter or digit", clip(a.Slug), maxSlug)
	}
	if a.IconPNGPath != "" {
		found.absolute(path+".icon_png_path", a.IconPNGPath)
	}
	a.Runner.check(path+".runner", found)
}

func (r Runner) check(path string, found *problems) {
	switch r.Type {
	case RunnerDemo:
		if r.RunCmd != "" || len(r.Args) > 0 || r.User != "" || r.Dir != "" || r.Gamepads || r.MemoryMiB != 0 || r.PIDs != 0 || r.TmpMiB != 0 || r.HomeMiB != 0 {
			found.addf(path, "the demo takes env, on_exit and on_crash and no other key beside type = %q", RunnerDemo)
		}
		r.checkSurroundings(path, found)
	case RunnerProcess:
		r.checkCommand(path, found)
		r.checkSurroundings(path, found)
	case RunnerDocker:
		r.checkContainer(path, found)
		r.checkSurroundings(path, found)
	case "":
		if !found.under(path) {
			found.addf(path+".type", "missing; use %q, %q or %q", RunnerProcess, RunnerDocker, RunnerDemo)
		}
	default:
		found.oneOf(path+".type", r.Type, RunnerProcess, RunnerDocker, RunnerDemo)
	}
	r.checkLimits(path, found)
	if r.Type != RunnerDocker {
		r.checkNoContainer(path, found)
	}
}

func (r Runner) checkCommand(path string, found *problems) {
	switch {
	case r.RunCmd == "" && len(r.Args) == 0 && r.Type == RunnerDocker:
		return // the image has one
	case r.RunCmd == "" && len(r.Args) == 0:
		if !found.under(path) {
			found.add(path, `has no command; write run_cmd = "program argument" or args = ["program", "argument"]`)
		}
		return
	case r.RunCmd != "" && len(r.Args) > 0:
		found.add(path+".args", "run_cmd is set as well; keep one of the two")
		return
	case len(r.RunCmd) > maxString:
		found.addf(path+".run_cmd", "is longer than %d bytes", maxString)
		return
	}
	if r.RunCmd != "" {
		if _, err := SplitCommand(r.RunCmd); err != nil {
			found.add(path+".run_cmd", err.Error())
		}
		return
	}
	if r.Args[0] == "" {
		found.add(path+".args[0]", "is empty; the first word is the program to run")
	}
	for i, arg := range r.Args {
		if len(arg) > maxString || strings.Contains(arg, "\x00") {
			found.addf(fmt.Sprintf("%s.args[%d]", path, i), "is longer than %d bytes or holds a zero byte", maxString)
		}
	}
}

func (r Runner) checkSurroundings(path string, found *problems) {
	names := map[string]bool{}
	for i, variable := range r.Env {
		at := fmt.Sprintf("%s.env[%d]", path, i)
		name, _, ok := strings.Cut(variable, "=")
		switch {
		case !ok || name == "" || len(variable) > maxString || strings.Contains(variable, "\x00") || strings.ContainsAny(name, " \t\r\n"):
			found.addf(at, "%q is not a variable; write \"NAME=value\", at most %d bytes", clip(variable), maxString)
		case names[name]:
			found.addf(at, "%s is set twice", clip(name))
		}
		names[name] = true
	}
	if r.User != "" && (len(r.User) > maxWord || !printable(r.User) || strings.ContainsAny(r.User, ":/ ")) {
		found.addf(path+".user", "%q is not a user name; leave it out to run the app under the session's own user id", clip(r.User))
	}
	for key, policy := range map[string]string{"on_exit": r.OnExit, "on_crash": r.OnCrash} {
		if policy != "" {
			found.oneOf(path+"."+key, policy, PolicyEnd, PolicyRestart, PolicyCard)
		}
	}
	if r.Dir != "" {
		found.absolute(path+".dir", r.Dir)
	}
}

// absolute reports a path of the file system that is not absolute or not usable.
func (p *problems) absolute(path, value string) {
	if len(value) > maxString || strings.Contains(value, "\x00") || !filepath.IsAbs(value) {
		p.addf(path, "%q is not an absolute path; begin it with /", clip(value))
	}
}

// under tells whether something at or below path was already reported.
func (p *problems) under(path string) bool {
	for _, problem := range p.list {
		rest, ok := strings.CutPrefix(problem.Path, path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// checkUnique reports apps that share a title, a slug or an id, once per app.
func checkUnique(apps []App, found *problems) {
	titles, slugs, ids := map[string]int{}, map[string]int{}, map[int]int{}
	for i, app := range apps {
		path := fmt.Sprintf("apps[%d]", i)
		if other, ok := titles[app.Title]; ok {
			found.addf(path+".title", "%q is also the title of app %d; give every app its own", clip(app.Title), other+1)
		} else if other, ok := slugs[app.Slug]; ok {
			found.addf(path+".slug", "%q is also the slug of %q; write a slug of its own for one of them", clip(app.Slug), clip(apps[other].Title))
		} else if other, ok := ids[app.ID]; ok {
			found.addf(path+".id", "%d is also the id of %q; write an id of its own for %q", app.ID, clip(apps[other].Title), clip(app.Title))
		}
		titles[app.Title], slugs[app.Slug], ids[app.ID] = i, i, i
	}
}

func validSlug(slug string) bool {
	if slug == "" || len(slug) > maxSlug || strings.Trim(slug, "-") != slug {
		return false
	}
	return !strings.ContainsFunc(slug, func(r rune) bool { return !slugRune(r) })
}

func slugRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-'
}
