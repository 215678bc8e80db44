package wolfapi

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/web"
)

const firefox = `{"title":"Firefox","id":"ff","support_hdr":false,"icon_png_path":"https://example.org/x.png","h264_gst_pipeline":"a","hevc_gst_pipeline":"b",
	"av1_gst_pipeline":"c","render_node":"/dev/dri/renderD128","opus_gst_pipeline":"d","start_virtual_compositor":true,"start_audio_server":true,
	"runner":{"type":"docker","name":"WolfFirefox","image":"ghcr.io/games-on-whales/firefox:edge","mounts":["/srv/films:/films:ro"],
	"env":["RUN_SWAY=1"],"devices":["/dev/dri/renderD128"],"ports":["8080:80/tcp"],"base_create_json":"{\"HostConfig\":{\"IpcMode\":\"host\"}}"},
	"something":"newer"}`

func TestApps(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	w.ok("apps/add", firefox)
	w.ok("apps/add", `{"title":"Shell","id":"42","runner":{"type":"Process","run_cmd":"foot --title 'My shell'"}}`)
	w.ok("apps/add", `{"title":"Shell again","id":42,"runner":{"type":"process","run_cmd":"foot"}}`) // replaces it
	var list AppList
	if status := w.call("apps", "", &list); status != 200 || !list.Success || len(list.Apps) != 3 {
		t.Fatalf("apps: %d %+v", status, list)
	}
	json := `{"HostConfig":{"IpcMode":"host"}}`
	want := []App{
		{Title: "Demo", ID: "788346166", StartVirtualCompositor: true, StartAudioServer: true, Runner: Runner{Type: "process", Process: ProcessRunner{Type: "process", RunCmd: "kennel demo"}}},
		{Title: "Firefox", ID: "ff", StartVirtualCompositor: true, StartAudioServer: true, Runner: Runner{Type: "docker", Docker: DockerRunner{
			Type: "docker", Name: "WolfFirefox", Image: "ghcr.io/games-on-whales/firefox:edge", Mounts: []string{"/srv/films:/films:ro"},
			Env: []string{"RUN_SWAY=1"}, Devices: []string{"/dev/dri/renderD128"}, Ports: []string{"8080:80/tcp"}, BaseCreateJSON: &json,
		}}},
		{Title: "Shell again", ID: "42", StartVirtualCompositor: true, StartAudioServer: true, Runner: Runner{Type: "process", Process: ProcessRunner{Type: "process", RunCmd: "foot"}}},
	}
	if diff := cmp.Diff(want, list.Apps); diff != "" {
		t.Error(diff)
	}
	if e := d.catalogue.Entries()[2]; e.ID != 42 {
		t.Errorf("moonlight sees the id %d", e.ID)
	}
	var profiles ProfileList
	if w.call("profiles", "", &profiles); len(profiles.Profiles) != 1 || len(profiles.Profiles[0].Apps) != 3 {
		t.Errorf("profiles = %+v", profiles)
	}
	d.users = []config.WolfProfile{{ID: "user", Name: "Anna", Apps: []string{"wolf-ff", "gone"}}, {ID: "none"}}
	w.call("profiles", "", &profiles)
	if diff := cmp.Diff([]Profile{{Name: "Anna", ID: "user", Apps: []App{list.Apps[1]}}, {ID: "none", Apps: []App{}}}, profiles.Profiles); diff != "" {
		t.Error(diff)
	}
	w.ok("apps/delete", `{"id":"ff"}`)
	w.ok("apps/delete", `{"id":"ff"}`) // as Wolf, which does not look
	w.ok("apps/delete", `{"id":"42"}`)
	w.no("apps/delete", `{"id":"788346166"}`, 500, "is in the configuration file")
	w.no("apps/delete", `{}`, 500, "name the app's id")
	w.no("apps/add", `{"title":"Demo","id":"d","runner":{"type":"process","run_cmd":"foot"}}`, 500, "also the title")
	w.no("apps/add", `{"title":"X","id":"x","runner":{"type":"process","run_cmd":"foot | tee"}}`, 500, "no shell runs this command")
	w.no("apps/add", `{"title":"X","id":"x"}`, 500, "has no type")
	w.no("apps/add", `{"title":"X","id":"x","runner":{"type":"child_session","parent_session_id":"1"}}`, 500, `no runner "child_session"`)
	w.no("apps/add", `{"title":7}`, 500, "read the request's json")
	w.no("apps/add", `{`, 500, "read the request's json")
	w.no("apps/add", `"`+strings.Repeat("x", maxBody)+`"`, 500, "too large")
	if n := len(d.catalogue.Entries()); n != 1 {
		t.Errorf("%d apps are left", n)
	}
}

func TestClients(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	var list ClientList
	w.call("clients", "", &list)
	neutral := Settings{
		RunUID: 61000, RunGID: 61000, ControllersOverride: []Controller{}, MouseAcceleration: 1, VScrollAcceleration: 1, HScrollAcceleration: 1,
		MotionControllerOverride: "AUTO",
	}
	if diff := cmp.Diff(ClientList{true, []Client{{"1", "annas", neutral}, {"2", bert, neutral}}}, list); diff != "" {
		t.Error(diff)
	}
	var pending PendingList
	w.call("pair/pending", "", &pending)
	if diff := cmp.Diff(PendingList{true, []Pending{{"c0ffee01", "192.0.2.7"}}}, pending); diff != "" {
		t.Error(diff)
	}
	w.ok("pair/client", `{"pair_secret":"c0ffee01","pin":"0042"}`)
	w.no("pair/client", `{"pair_secret":"deadbeef","pin":"0042"}`, 500, "no client is waiting")
	w.no("pair/client", `{"pin":"0042"}`, 500, "pair_secret")
	if diff := cmp.Diff(web.Accept{PIN: "0042", Request: "c0ffee01"}, d.accepted[0]); diff != "" || len(d.accepted) != 2 {
		t.Errorf("accepted %+v", d.accepted)
	}
	w.ok("clients/settings", `{"client_id":"1","app_state_folder":null,"settings":null}`)
	w.ok("clients/settings", `{"client_id":"1","app_state_folder":"annas","settings":{}}`)
	w.no("clients/settings", `{"client_id":"1","app_state_folder":null,"settings":{"mouse_acceleration":2.0}}`, 400, "keeps no settings")
	w.no("clients/settings", `{"client_id":"1","app_state_folder":null,"settings":{"motion_controller_override":"PS"}}`, 400, "keeps no settings")
	w.no("clients/settings", `{"client_id":"1","app_state_folder":"elsewhere"}`, 400, "keeps no settings")
	w.no("clients/settings", `{"client_id":"7"}`, 404, "no client")
	w.no("unpair/client", `{"client_id":"7"}`, 404, "no client")
	w.ok("unpair/client", `{"client_id":"1"}`)
}

func TestSessions(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	d.streams = []Stream{streaming()}
	var list SessionList
	w.call("sessions", "", &list)
	if len(list.Sessions) != 1 || *list.Sessions[0].ClientID != "1" || *list.Sessions[0].AppID != "788346166" || list.Sessions[0].ClientIP != "192.0.2.7" || list.Sessions[0].AudioChannelCount != 6 {
		t.Errorf("sessions = %+v", list)
	}
	w.ok("sessions/pause", `{"session_id":"1"}`)
	w.ok("sessions/pause", `{"session_id":1}`) // as older tools write it
	if len(d.paused) != 2 || d.paused[0] != "018f" {
		t.Errorf("paused %q", d.paused)
	}
	w.ok("sessions/stop", `{"session_id":"1"}`)
	w.no("sessions/stop", `{"session_id":"1"}`, 500, "no session")
	w.no("sessions/pause", `{"session_id":"018f"}`, 500, "no session")

	const order = `{"client_ip":"192.0.2.9","aes_key":"000102030405060708090a0b0c0d0e0f","aes_iv":"%s","rtsp_fake_ip":"%s","video_width":1920,"video_height":1080,"video_refresh_rate":60,"audio_channel_count":%d,"app_id":"%s"%s}`
	w.ok("sessions/add", fmt.Sprintf(order, "-221927770", "105.84.160.14", 2, "788346166", `,"client_id":"2"`))
	want := host.Order{
		Client: bert, App: int32(config.Demo().ID), Width: 1920, Height: 1080, FPS: 60, Channels: 2,
		Key: [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, KeyID: -221927770, Address: netip.MustParseAddr("105.84.160.14"),
		ClientAddress: netip.MustParseAddr("192.0.2.9"),
	}
	if len(d.orders) != 1 || d.orders[0] != want {
		t.Errorf("ordered %+v, want %+v", d.orders, want)
	}
	var created SessionCreated
	if w.call("sessions/add", fmt.Sprintf(order, "4294967295", "", 0, "788346166", ""), &created); created.SessionID != "9" || d.orders[1].Client != "" || d.orders[1].KeyID != -1 {
		t.Errorf("without a client: %+v, %+v", created, d.orders[1])
	}
	w.ok("sessions/add", `{"video_width":1280,"video_height":720,"video_refresh_rate":60,"audio_channel_count":2}`)
	if empty := d.orders[2]; empty.App != 0 || empty.Width != 1280 {
		t.Errorf("without an app: %+v", empty)
	}
	for words, body := range map[string]string{
		"no app has the id": fmt.Sprintf(order, "1", "", 2, "7", ""), "no client": fmt.Sprintf(order, "1", "", 2, "788346166", `,"client_id":"7"`),
		"write 2, 6 or 8": fmt.Sprintf(order, "1", "", 3, "788346166", ""), "no IP address": fmt.Sprintf(order, "1", "fake", 2, "788346166", ""),
		"aes_iv": fmt.Sprintf(order, "4294967296", "", 2, "788346166", ""), "aes_key": `{"aes_key":"00","app_id":"788346166"}`,
	} {
		w.no("sessions/add", body, 500, words)
	}
}

func TestRunners(t *testing.T) {
	d := newDesk(t)
	d.streams = []Stream{streaming()}
	w := serve(t, d)
	w.ok("runners/start", `{"session_id":"1","stop_stream_when_over":true,"runner":{"type":"process","run_cmd":"/usr/bin/foot -e top"}}`)
	w.ok("runners/start", `{"session_id":"1","runner":{"type":"docker","image":"ghcr.io/games-on-whales/firefox:edge"}}`)
	if diff := cmp.Diff([]string{"018f foot process true", "018f firefox:edge docker false"}, d.ran); diff != "" {
		t.Error(diff)
	}
	w.no("runners/start", `{"session_id":"1"}`, 500, "has no type")
	w.no("runners/start", `{"session_id":"5"}`, 500, "no session")
}

// TestWhatIsNotThere says so, in Wolf's shape.
func TestWhatIsNotThere(t *testing.T) {
	d := newDesk(t)
	d.streams = []Stream{streaming()}
	w := serve(t, d)
	w.no("profiles/add", `{"name":"x","id":"1","icon_png_path":"","apps":[]}`, 500, "[[wolf.profiles]]")
	w.no("profiles/remove", `{"id":"1"}`, 500, "[[wolf.profiles]]")
	w.no("sessions/start", `{"session_id":"1"}`, 500, "by RTSP alone")
	for _, path := range []string{"create", "join", "leave", "pause", "resume", "stop"} {
		w.no("lobbies/"+path, `{}`, 500, "no lobbies")
	}
	w.no("system/health", "", 404, "has no call GET /api/v1/system/health")
	w.no("apps", "{}", 404, "has no call POST")
	var lobbies LobbyList
	if status := w.call("lobbies", "", &lobbies); status != 200 || !lobbies.Success || lobbies.Lobbies == nil || len(lobbies.Lobbies) != 0 {
		t.Errorf("lobbies = %d %+v", status, lobbies)
	}
}
