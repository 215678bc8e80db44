package wolfconfig

import (
	"fmt"

	"github.com/pelletier/go-toml/v2"

	"github.com/kennel-stream/kennel/internal/config"
)

// written are the keys that an import sets; all others keep Kennel's defaults.
type written struct {
	Version  int             `toml:"version"`
	Hostname string          `toml:"hostname"`
	Ports    config.Ports    `toml:"ports"`
	Announce writtenAnnounce `toml:"announce,omitempty"`
	Log      writtenLog      `toml:"log,omitempty"`
	Video    writtenVideo    `toml:"video"`
	Docker   writtenDocker   `toml:"docker,omitempty"`
	Wolf     writtenWolf     `toml:"wolf,omitempty"`
	Apps     []writtenApp    `toml:"apps"`
}

type writtenAnnounce struct {
	Address string `toml:"address,omitempty"`
}

type writtenLog struct {
	Level string `toml:"level,omitempty"`
}

type writtenVideo struct {
	Encoders []string `toml:"encoders"`
}

type writtenDocker struct {
	Socket string `toml:"socket,omitempty"`
}

type writtenWolf struct {
	Socket   string               `toml:"socket,omitempty"`
	Profiles []config.WolfProfile `toml:"profiles,omitempty"`
}

type writtenApp struct {
	Title       string        `toml:"title"`
	IconPNGPath string        `toml:"icon_png_path,omitempty"`
	Runner      writtenRunner `toml:"runner"`
}

type writtenRunner struct {
	Type           string   `toml:"type"`
	RunCmd         string   `toml:"run_cmd,omitempty"`
	User           string   `toml:"user,omitempty"`
	Image          string   `toml:"image,omitempty"`
	Name           string   `toml:"name,omitempty"`
	State          string   `toml:"state,omitempty"`
	Env            []string `toml:"env,omitempty,multiline"`
	Mounts         []string `toml:"mounts,omitempty,multiline"`
	Devices        []string `toml:"devices,omitempty"`
	GPUs           string   `toml:"gpus,omitempty"`
	NewPrivileges  bool     `toml:"new_privileges,omitempty"`
	Gamepads       bool     `toml:"gamepads,omitempty"`
	Ports          []string `toml:"ports,omitempty"`
	BaseCreateJSON string   `toml:"base_create_json,omitempty,multiline"`
}

// TOML is the configuration as a file for kennel serve, with what is not
// honoured in its comments.
func (s *Source) TOML() ([]byte, error) {
	c := s.Config
	w := written{
		Version: c.Version, Hostname: c.Hostname, Ports: c.Ports, Announce: writtenAnnounce{c.Announce.Address},
		Video: writtenVideo{c.Video.Encoders}, Docker: writtenDocker{c.Docker.Socket}, Wolf: writtenWolf{c.Wolf.Socket, c.Wolf.Profiles},
	}
	if c.Log.Level != config.LevelInfo {
		w.Log.Level = c.Log.Level
	}
	for _, a := range c.Apps {
		r := a.Runner
		w.Apps = append(w.Apps, writtenApp{Title: a.Title, IconPNGPath: a.IconPNGPath, Runner: writtenRunner{
			Type: r.Type, RunCmd: r.RunCmd, User: r.User, Image: r.Image, Name: r.Name, State: r.State, Env: r.Env,
			Mounts: r.Mounts, Devices: r.Devices, GPUs: r.GPUs, NewPrivileges: r.NewPrivileges, Gamepads: r.Gamepads, Ports: r.Ports, BaseCreateJSON: r.BaseCreateJSON,
		}})
	}
	body, err := toml.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	text := append(s.header(), body...)
	if len(text) > config.MaxFile {
		return nil, fmt.Errorf("write the configuration: it is larger than %d KiB, with %d apps; remove some from %s", config.MaxFile>>10, len(c.Apps), s.Path)
	}
	// What is written must be read again as it is meant.
	if _, err := config.Parse("the configuration made of "+s.Path, text); err != nil {
		return nil, err
	}
	return text, nil
}
