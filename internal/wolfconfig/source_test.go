package wolfconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// wolf is a directory as Wolf has it, with its key and one paired client.
func wolf(t *testing.T, more string) (dir string, host, client *gamestream.Identity) {
	t.Helper()
	dir = t.TempDir()
	host, client = identity(t), identity(t)
	cert, key := host.PEM()
	clientCert, _ := client.PEM()
	put(t, filepath.Join(dir, "cfg", "cert.pem"), string(cert))
	put(t, filepath.Join(dir, "cfg", "key.pem"), string(key))
	put(t, filepath.Join(dir, "cfg", "config.toml"), fmt.Sprintf(`hostname = "Den"
uuid = "0f75f4d1-e28e-410a-b318-c0579f18f8d1"
config_version = 7
[[paired_clients]]
client_cert = '''%s'''
app_state_folder = "16531021386011371178"
[[profiles]]
id = "moonlight-profile-id"
[[profiles.apps]]
title = "Steam"
icon_png_path = "icons/steam.png"
[profiles.apps.runner]
type = "docker"
name = "WolfSteam"
image = "ghcr.io/games-on-whales/steam:edge"
env = ["RUN_SWAY=1"]
`, clientCert)+more)
	return dir, host, client
}

func identity(t *testing.T) *gamestream.Identity {
	t.Helper()
	id, err := gamestream.NewHostIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func devices(pattern string) []string {
	var found []string
	for _, path := range []string{"/dev/dri/card0", "/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/nvidia0", "/dev/nvidiactl"} {
		if ok, _ := filepath.Match(pattern, path); ok {
			found = append(found, path)
		}
	}
	return found
}

func TestRead(t *testing.T) {
	dir, _, _ := wolf(t, "[[profiles]]\nid = 'user'\nname = 'User'\n[[profiles.apps]]\ntitle = 'Firefox'\nrender_node = '/dev/dri/renderD129'\n[profiles.apps.runner]\ntype = 'docker'\nimage = 'firefox'\nmounts = ['/srv/x:/home/retro:rw']\n")
	put(t, filepath.Join(dir, "icons", "steam.png"), "png")
	s, err := Read(dir, Options{
		Environ: []string{"WOLF_HTTP_PORT=50989", "WOLF_LOG_LEVEL=TRACE", "WOLF_INTERNAL_IP=192.0.2.1", "NVIDIA_DRIVER_VOLUME_NAME=nvidia-driver-vol", "WOLF_INTERNAL_MAC=aa", "WOLF_NEW=1", "WOLF_RTSP_SETUP_PORT=x", "LANG=C", "WOLF_SOCKET_PATH=/run/wolf.sock"},
		Links:   "/data/links", Root: true, Devices: devices, Socket: "/run/usual.sock",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config
	if c.Hostname != "Den" || c.Log.Level != "debug" || c.Announce.Address != "192.0.2.1" || c.Wolf.Socket != "/run/wolf.sock" {
		t.Errorf("%+v", c)
	}
	if want := (config.PortPlan{HTTP: 50989, HTTPS: 47984, RTSP: 48010, Video: 48100, Control: 47999, Audio: 48200}); c.Ports.Plan() != want {
		t.Errorf("ports: %+v", c.Ports.Plan())
	}
	if want := []config.WolfProfile{{ID: "user", Name: "User", Apps: []string{"firefox"}}}; !cmp.Equal(c.Wolf.Profiles, want) {
		t.Errorf("profiles: %+v", c.Wolf.Profiles)
	}
	steam, firefox := c.Apps[0], c.Apps[1]
	if steam.IconPNGPath != filepath.Join(dir, "icons", "steam.png") || steam.Runner.State != "/data/links/{client}/Steam" || steam.Runner.User != "root" ||
		steam.Runner.GPUs != "auto" || len(steam.Runner.Devices) > 0 || !steam.Runner.NewPrivileges || !steam.Runner.Gamepads ||
		!slices.Equal(steam.Runner.Mounts, []string{"nvidia-driver-vol:/usr/nvidia"}) {
		t.Errorf("steam: %+v", steam)
	}
	if !slices.Equal(firefox.Runner.Devices, []string{"/dev/dri/renderD129"}) || firefox.Runner.GPUs != "" {
		t.Errorf("firefox wants one of two GPUs, and gets %v and %q", firefox.Runner.Devices, firefox.Runner.GPUs)
	}
	if firefox.Runner.State != "" {
		t.Errorf("firefox has a home already, and gets %s", firefox.Runner.State)
	}
	var notes []string
	for _, n := range s.Notes {
		notes = append(notes, n.String())
	}
	want := []string{
		`WOLF_RTSP_SETUP_PORT: "x" is no port: it is 48010`,
		"WOLF_INTERNAL_MAC: Kennel tells Moonlight the address of the interface that it is reached by",
		"WOLF_NEW: Kennel does not know this variable",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
	text, err := s.TOML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse("kennel.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	again.Log.Level = c.Log.Level
	if diff := cmp.Diff(c.Apps, again.Apps); diff != "" {
		t.Error(diff)
	}
	if c.Ports != again.Ports || again.Wolf.Socket != "/run/wolf.sock" {
		t.Errorf("%+v", again)
	}
}

func TestWhereItIs(t *testing.T) {
	dir, _, _ := wolf(t, "")
	for _, path := range []string{dir, filepath.Join(dir, "cfg"), filepath.Join(dir, "cfg", "config.toml")} {
		if s, err := Read(path, Options{}); err != nil || s.State != dir || s.CertPEM == nil {
			t.Errorf("%s: %+v, %v", path, s, err)
		}
	}
	if _, err := Read(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "/etc/wolf") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "nowhere"), Options{}); err == nil {
		t.Error("nothing was read")
	}
	if err := os.Remove(filepath.Join(dir, "cfg", "key.pem")); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(dir, Options{}); err != nil || s.CertPEM != nil || !strings.Contains(fmt.Sprint(s.Notes), "pair again") {
		t.Errorf("without a key: %+v, %v", s, err)
	}
}

func TestKeep(t *testing.T) {
	dir, host, client := wolf(t, "")
	data := t.TempDir()
	s, err := Read(dir, Options{Links: filepath.Join(data, "wolf-state")})
	if err != nil {
		t.Fatal(err)
	}
	st := database(t, data)
	defer st.Close()
	for i, want := range []Kept{{Clients: 1, Identity: true}, {Known: 1, Identity: true}} {
		if k, err := s.Keep(t.Context(), st); err != nil || !cmp.Equal(k, want) {
			t.Errorf("time %d: %+v, %v", i+1, k, err)
		}
	}
	cert, _ := client.PEM()
	known, err := st.Clients(t.Context())
	if err != nil || len(known) != 1 || string(known[0].CertPEM) != string(cert) {
		t.Fatalf("%+v, %v", known, err)
	}
	if to, err := os.Readlink(filepath.Join(data, "wolf-state", known[0].ID)); err != nil || to != dir+"/./16531021386011371178" {
		t.Errorf("the state is at %s, %v", to, err)
	}
	if who, err := st.Host(t.Context()); err != nil || who.UUID != "0f75f4d1-e28e-410a-b318-c0579f18f8d1" {
		t.Errorf("%+v, %v", who, err)
	}
	hostCert, _ := host.PEM()
	if own := read(t, filepath.Join(data, "host.crt")); string(own) != string(hostCert) {
		t.Error("the host has another certificate")
	}
	if info, err := os.Stat(filepath.Join(data, "host.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
}

// TestKeepBeside: a host that is somebody already stays who it is.
func TestKeepBeside(t *testing.T) {
	dir, _, _ := wolf(t, "")
	s, err := Read(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	st := database(t, t.TempDir())
	defer st.Close()
	own, ownKey := identity(t).PEM()
	if _, _, err := st.LoadOrCreateIdentity(func() ([]byte, []byte, error) { return own, ownKey, nil }); err != nil {
		t.Fatal(err)
	}
	k, err := s.Keep(t.Context(), st)
	if err != nil || k.Identity || k.Clients != 1 || !strings.Contains(fmt.Sprint(k.Notes), "pair again") {
		t.Errorf("%+v, %v", k, err)
	}
	if who, err := st.Host(t.Context()); err != nil || who.UUID == s.UUID {
		t.Errorf("%+v, %v", who, err)
	}
}

func database(t *testing.T, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestTheAPIIsOn where no variable names its socket, and is written so.
func TestTheAPIIsOn(t *testing.T) {
	dir, _, _ := wolf(t, "")
	s, err := Read(dir, Options{Socket: "/run/usual.sock"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.TOML()
	if err != nil || s.Config.Wolf.Socket != "/run/usual.sock" || !strings.Contains(string(text), "socket = '/run/usual.sock'") {
		t.Errorf("the socket is %q, %v, in\n%s", s.Config.Wolf.Socket, err, text)
	}
	if s, err = Read(dir, Options{}); err != nil || s.Config.Wolf.Socket != "" {
		t.Errorf("without a usual path the socket is %q, %v", s.Config.Wolf.Socket, err)
	}
}
