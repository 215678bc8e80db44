package wolfconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/config"
)

// Options are what an import depends on beside the files of Wolf.
type Options struct {
	// Environ are Wolf's variables, each NAME=VALUE; others are passed over.
	Environ []string
	// Links is an absolute directory of Kennel's in which each client's id leads
	// to its state folder of Wolf (Source.Keep makes them).
	Links string
	// Socket is where Wolf's API is served when WOLF_SOCKET_PATH does not say: Wolf
	// always serves it. Empty for nowhere.
	Socket string
	// Root tells that Kennel will run as root: containers begin as root then, as
	// the images made for Wolf want, and become another by themselves.
	Root bool
	// Devices lists the files that a pattern matches; nil for those of this machine.
	Devices func(pattern string) []string
}

// Source is everything that a host took from Wolf.
type Source struct {
	// Path is the config.toml that was read.
	Path string
	// State is Wolf's state folder, in which the apps' homes are.
	State string
	// Config is what Kennel runs with. It is valid.
	Config config.Config
	// UUID and Clients are as in File.
	UUID    string
	Clients []Client
	// CertPEM and KeyPEM are the host's; nil where Wolf's are not there.
	CertPEM, KeyPEM []byte
	// Version is that of the file, 0 for none.
	Version int
	// Notes are all that is not honoured.
	Notes []Note

	links string
}

// Read reads Wolf's directory (/etc/wolf or its cfg), or its config.toml, and
// the key and certificate beside it.
func Read(dir string, o Options) (*Source, error) {
	env := newEnvironment(o.Environ)
	file, err := find(dir, env.take("WOLF_CFG_FILE"))
	if err != nil {
		return nil, err
	}
	data, err := readFile(file, MaxFile)
	if err != nil {
		return nil, fmt.Errorf("read Wolf's configuration: %w", err)
	}
	f, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	s := &Source{Path: file, UUID: f.UUID, Clients: f.Clients, Version: f.Version, Notes: f.Notes, links: o.Links}
	s.State = stateFolder(file, env.path("HOST_APPS_STATE_FOLDER"))
	s.readIdentity(env)
	s.configure(f, env, o)
	s.Notes = append(s.Notes, env.rest()...)
	if err := s.Config.Validate(); err != nil {
		return nil, fmt.Errorf("make a configuration of Wolf's %s: %w", file, err)
	}
	return s, nil
}

// find is where config.toml is.
func find(dir, named string) (string, error) {
	if dir == "" && named != "" {
		dir = named
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find Wolf's configuration: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("find Wolf's configuration: %w; name the directory that Wolf has as /etc/wolf", err)
	}
	if !info.IsDir() {
		return dir, nil
	}
	for _, path := range []string{filepath.Join(dir, "config.toml"), filepath.Join(dir, "cfg", "config.toml")} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find Wolf's configuration: neither config.toml nor cfg/config.toml is in %s; name the directory that Wolf has as /etc/wolf", dir)
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a file", path))
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d KiB", path, most>>10)
	}
	return data, err
}

// stateFolder is what Wolf has as /etc/wolf: above cfg, unless it is named.
func stateFolder(file, named string) string {
	if named != "" {
		return named
	}
	dir := filepath.Dir(file)
	if filepath.Base(dir) == "cfg" {
		return filepath.Dir(dir)
	}
	return dir
}

// maxKey bounds a PEM file.
const maxKey = 64 << 10

// readIdentity reads the certificate that clients know the host by.
func (s *Source) readIdentity(env *environment) {
	beside := func(variable, name string) string {
		if path := env.path(variable); path != "" {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
		return filepath.Join(filepath.Dir(s.Path), name)
	}
	certPath, keyPath := beside("WOLF_PRIVATE_CERT_FILE", "cert.pem"), beside("WOLF_PRIVATE_KEY_FILE", "key.pem")
	cert, certErr := readFile(certPath, maxKey)
	key, keyErr := readFile(keyPath, maxKey)
	err := errors.Join(certErr, keyErr)
	if err == nil {
		_, err = tls.X509KeyPair(cert, key)
	}
	if err == nil {
		s.CertPEM, s.KeyPEM = cert, key
		return
	}
	why := "cannot be used"
	if errors.Is(err, fs.ErrNotExist) {
		why = "are not there"
	} else if errors.Is(err, fs.ErrPermission) {
		why = "may not be read by this user"
	}
	s.Notes = append(s.Notes, Note{Key: filepath.Base(certPath) + " and " + filepath.Base(keyPath), Why: why + ": clients that were paired with Wolf have to pair again"})
}

// configure makes Kennel's configuration.
func (s *Source) configure(f *File, env *environment, o Options) {
	c := config.Default()
	if f.Hostname != "" {
		c.Hostname = f.Hostname
	}
	env.apply(&c, o.Socket)
	c.Wolf.Profiles = f.Profiles
	if f.Encoders != nil {
		c.Video.Encoders = f.Encoders
	}
	gpu := gpuDevices(env, o.Devices)
	c.Apps = nil
	for _, a := range f.Apps {
		c.Apps = append(c.Apps, s.app(a, gpu, o))
	}
	if len(c.Apps) == 0 {
		c.Apps = []config.App{config.Demo()}
		s.Notes = append(s.Notes, Note{Key: "apps", Why: "none is left: Kennel's demo app is offered"})
	}
	s.Config = c
}

// app is an app with what Wolf would add to it on this machine.
func (s *Source) app(a App, gpu gpus, o Options) config.App {
	one := a.App
	one.IconPNGPath = s.icon(a)
	one.Runner.Gamepads = one.Runner.Type != config.RunnerDemo // Wolf gives them to every app
	if one.Runner.Type != config.RunnerDocker {
		return one
	}
	if o.Root {
		// As Wolf runs them; images made for it become another user by themselves.
		one.Runner.User, one.Runner.NewPrivileges = "root", true
	}
	gpu.give(a.Node, &one.Runner)
	if !mountsHome(one.Runner.Mounts) {
		one.Runner.State = s.stateOf(a)
	}
	if resolved, err := config.ResolveApps([]config.App{one}); err == nil {
		return resolved[0]
	} else if one.Runner.State != "" {
		s.Notes = append(s.Notes, Note{Key: "apps[]", Why: fmt.Sprintf("app %.64q begins with a new state: %s", a.Title, problem(err))})
	}
	one.Runner.State, one.Runner.GPUs, one.Runner.Devices, one.Runner.Mounts = "", "", a.Runner.Devices, a.Runner.Mounts
	return one
}

func mountsHome(mounts []string) bool {
	return slices.ContainsFunc(mounts, func(m string) bool {
		parts := strings.Split(m, ":")
		return len(parts) > 1 && filepath.Clean(parts[1]) == "/home/retro"
	})
}

// stateOf is where Wolf has an app's home: by client for Moonlight's own apps,
// by profile for others.
func (s *Source) stateOf(a App) string {
	switch {
	case !local(a.folder) || strings.ContainsRune(a.folder, '/'):
		return ""
	case a.Profile == "" && s.links != "":
		return filepath.Join(s.links, "{client}", a.folder)
	case a.Profile != "" && local(a.Profile) && !strings.ContainsRune(a.Profile, '/'):
		return filepath.Join(s.State, "profile_data", a.Profile, a.folder)
	}
	return ""
}

// icon is a picture that is there.
func (s *Source) icon(a App) string {
	if a.icon == "" {
		return ""
	}
	path := a.icon
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.State, path)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		s.Notes = append(s.Notes, Note{Key: "apps[].icon_png_path", Why: fmt.Sprintf("%s is not there: app %.64q has the built-in picture", path, a.Title)})
		return ""
	}
	return path
}
