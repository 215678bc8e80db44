package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/e2e/wolfclient"
)

// TestWolfsClientsNeedNoPairing: a client that was paired with Wolf plays at
// once when Kennel takes Wolf's place, and pins the same certificate.
func TestWolfsClientsNeedNoPairing(t *testing.T) {
	me, port := t.TempDir(), freeBase(t)
	socket := filepath.Join(t.TempDir(), "wolf", "wolf.sock")
	t.Setenv("WOLF_SOCKET_PATH", socket)
	was := startServerIn(t, t.TempDir(), port, "")
	was.pair(me, "1234")
	status, err := was.api.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wolf := wolfDirectory(t, was.dir, me, status.UUID)
	was.stop()

	t.Run("imported", func(t *testing.T) {
		data := t.TempDir()
		out, errs, err := run(t.Context(), t, "import", "wolf", wolf, "--data", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		for _, line := range []string{"clients  1 taken over, 0 already there", "nobody has to pair again", "line 3: support_hevc: Kennel streams H.264"} {
			if !strings.Contains(out, line) {
				t.Errorf("%q is not in\n%s", line, out)
			}
		}
		if info, err := os.Stat(filepath.Join(data, "kennel.toml")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("kennel.toml: %v, %v", info, err)
		}
		if _, errs, err := run(t.Context(), t, "import", "wolf", wolf, "--data", data); err == nil || !strings.Contains(errs, "is there already") {
			t.Errorf("once more: %v\n%s", err, errs)
		}
		plays(t, startServerIn(t, data, port, ""), me, status.UUID)
	})
	t.Run("served", func(t *testing.T) {
		data := t.TempDir()
		s := start(t, exec.Command(kennel(t), "serve", "--wolf", wolf, "--data", data, "--port", fmt.Sprint(port)), data, port)
		knownToWolfsTools(t, socket)
		plays(t, s, me, status.UUID)
		if log := s.log.String(); !strings.Contains(log, `msg="not honoured"`) || !strings.Contains(log, "lines=[3] key=support_hevc") {
			t.Errorf("the log does not say what is not honoured:\n%s", log)
		}
	})
}

// knownToWolfsTools asks over Wolf's API, which is on without being configured:
// the client has the state folder that it has in Wolf.
func knownToWolfsTools(t *testing.T, socket string) {
	t.Helper()
	c, err := wolfclient.NewClientWithResponses("http://localhost/", wolfclient.WithHTTPClient(overSocket(socket)))
	if err != nil {
		t.Fatal(err)
	}
	clients, err := c.GetApiV1ClientsWithResponse(t.Context())
	if err != nil || clients.JSON200 == nil || len(clients.JSON200.Clients) != 1 || clients.JSON200.Clients[0].AppStateFolder != "1" {
		t.Errorf("clients: %v, %+v", err, clients)
	}
}

func plays(t *testing.T, s *server, me, uuid string) {
	t.Helper()
	if r := s.probe(me, "--app", "Terminal", "--seconds", "2", "--keys", "1"); !r.OK {
		t.Errorf("%+v", r)
	}
	status, err := s.api.Status(t.Context())
	if err != nil || status.UUID != uuid || status.Hostname != "Den" {
		t.Errorf("%+v, %v", status, err)
	}
	s.stop()
}

// wolfDirectory is what Wolf would have with the key of a host and a client.
func wolfDirectory(t *testing.T, host, client, uuid string) string {
	t.Helper()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "cfg")
	if err := os.Mkdir(cfg, 0o700); err != nil {
		t.Fatal(err)
	}
	move := func(from, to string) []byte {
		data, err := os.ReadFile(from)
		if err == nil && to != "" {
			err = os.WriteFile(filepath.Join(cfg, to), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	move(filepath.Join(host, "host.crt"), "cert.pem")
	move(filepath.Join(host, "host.key"), "key.pem")
	text := fmt.Sprintf(`config_version = 6
hostname = "Den"
support_hevc = true
uuid = %q
[[paired_clients]]
app_state_folder = "1"
client_cert = '''%s'''
[[profiles]]
id = "moonlight-profile-id"
[[profiles.apps]]
title = "Terminal"
[profiles.apps.runner]
type = "process"
run_cmd = "%s demo"
`, uuid, move(filepath.Join(client, "client.crt"), ""), kennel(t))
	if err := os.WriteFile(filepath.Join(cfg, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
