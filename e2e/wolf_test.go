package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/e2e/wolfclient"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
)

// wolfHost is a host that is driven by Wolf's API, with a client that was
// generated from the description of that API.
type wolfHost struct {
	*server
	api  *wolfclient.ClientWithResponses
	http *http.Client
}

func startWolfHost(t *testing.T, config string) *wolfHost {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "wolf", "wolf.sock")
	s := startServer(t, fmt.Sprintf("version = 1\n[wolf]\nsocket = %q\n", socket)+config)
	over := overSocket(socket)
	c, err := wolfclient.NewClientWithResponses("http://localhost/", wolfclient.WithHTTPClient(over))
	if err != nil {
		t.Fatal(err)
	}
	return &wolfHost{server: s, api: c, http: over}
}

// overSocket is a client of whatever is served on a socket.
func overSocket(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
}

// wolfEvents are what GET events told so far.
type wolfEvents struct {
	mu  sync.Mutex // covers all
	all []string
}

// listen reads events until the test ends.
func (h *wolfHost) listen(ctx context.Context) *wolfEvents {
	h.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/events", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if res.Header.Get("Content-Type") != "text/event-stream" || len(res.TransferEncoding) > 0 {
		h.t.Errorf("events come as %q, encoded %q", res.Header.Get("Content-Type"), res.TransferEncoding)
	}
	events := &wolfEvents{}
	go func() {
		defer res.Body.Close()
		name := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "event: wolf::core::events::"); ok {
				name = rest
			}
			if rest, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events.mu.Lock()
				events.all = append(events.all, name+" "+rest)
				events.mu.Unlock()
			}
		}
	}()
	return events
}

// await waits for an event that begins with a name and holds every word.
func (e *wolfEvents) await(t *testing.T, name string, words ...string) {
	t.Helper()
	waitFor(t, "the event "+name+" with "+strings.Join(words, ", "), func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
	next:
		for _, event := range e.all {
			if !strings.HasPrefix(event, name+" ") {
				continue
			}
			for _, word := range words {
				if !strings.Contains(event, word) {
					continue next
				}
			}
			return true
		}
		return false
	})
}

// pairByAPI lets an identity pair: the PIN goes the way of Wolf's tools.
func (h *wolfHost) pairByAPI(identity, pin string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	paired := make(chan error, 1)
	go func() {
		_, stderr, err := run(ctx, h.t, "probe", h.addr(), "--identity", identity, "--pair", pin, "--seconds", "0")
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, stderr)
		}
		paired <- err
	}()
	secret := ""
	waitFor(h.t, "a pairing request", func() bool {
		pending, err := h.api.GetApiV1PairPendingWithResponse(ctx)
		if err != nil || pending.JSON200 == nil || len(pending.JSON200.Requests) != 1 {
			return false
		}
		secret = pending.JSON200.Requests[0].PairSecret
		return pending.JSON200.Requests[0].ClientIp == "127.0.0.1"
	})
	done, err := h.api.PostApiV1PairClientWithResponse(ctx, wolfclient.WolfApiPairRequest{PairSecret: secret, Pin: pin})
	if err != nil || done.JSON200 == nil || !done.JSON200.Success {
		h.t.Fatalf("pair/client: %v, %s", err, done.Body)
	}
	if err := <-paired; err != nil {
		h.t.Fatalf("pair: %v", err)
	}
}

// agent is an app as tools of Wolf add it.
func agent(t *testing.T, id, title string) wolfclient.RflReflectorWolfCoreEventsAppReflType {
	t.Helper()
	app := wolfclient.RflReflectorWolfCoreEventsAppReflType{
		Id: id, Title: title, StartVirtualCompositor: true, StartAudioServer: true, RenderNode: "/dev/dri/renderD128",
		H264GstPipeline: "x264enc ! appsink", OpusGstPipeline: "opusenc ! appsink",
	}
	if err := app.Runner.FromWolfConfigAppCMDTagged(wolfclient.WolfConfigAppCMDTagged{Type: "process", RunCmd: kennel(t) + " demo"}); err != nil {
		t.Fatal(err)
	}
	return app
}

func (h *wolfHost) addApp(app wolfclient.RflReflectorWolfCoreEventsAppReflType) {
	h.t.Helper()
	added, err := h.api.PostApiV1AppsAddWithResponse(h.t.Context(), app)
	if err != nil || added.JSON200 == nil || !added.JSON200.Success {
		h.t.Fatalf("apps/add: %v, %s", err, added.Body)
	}
}

func (h *wolfHost) deleteApp(id string) {
	h.t.Helper()
	gone, err := h.api.PostApiV1AppsDeleteWithResponse(h.t.Context(), wolfclient.WolfApiAppDeleteRequest{Id: id})
	if err != nil || gone.JSON200 == nil || !gone.JSON200.Success {
		h.t.Fatalf("apps/delete: %v, %s", err, gone.Body)
	}
}

// apps lists the apps as id:title.
func (h *wolfHost) apps() (all []string) {
	h.t.Helper()
	res, err := h.api.GetApiV1AppsWithResponse(h.t.Context())
	if err != nil || res.JSON200 == nil || !res.JSON200.Success {
		h.t.Fatalf("apps: %v, %s", err, res.Body)
	}
	for _, a := range res.JSON200.Apps {
		all = append(all, a.Id+":"+a.Title)
	}
	return all
}

func (h *wolfHost) sessions() []wolfclient.RflReflectorWolfCoreEventsStreamSessionReflType {
	h.t.Helper()
	res, err := h.api.GetApiV1SessionsWithResponse(h.t.Context())
	if err != nil || res.JSON200 == nil || !res.JSON200.Success {
		h.t.Fatalf("sessions: %v, %s", err, res.Body)
	}
	return res.JSON200.Sessions
}

// TestWolfsToolsDriveKennel is the connection that this project began with: a
// request over the API deletes and adds an external agent's app, then a client
// launches it.
func TestWolfsToolsDriveKennel(t *testing.T) {
	const id, title = "378473508", "External Agent"
	t.Run("process", func(t *testing.T) { driveByWolf(t, startWolfHost(t, ""), agent(t, id, title), "process") })
	t.Run("container", func(t *testing.T) {
		d := enginetest.Start(t)
		d.Import("zed-agent:latest", map[string]string{"/usr/bin/kennel": kennel(t)})
		app, create := agent(t, id, title), `{"Cmd":["kennel","demo"],"HostConfig":{"NetworkMode":"none"}}`
		if err := app.Runner.FromWolfConfigAppDockerTagged(wolfclient.WolfConfigAppDockerTagged{
			Type: "docker", Name: "zed-external-01k6hs0zyb", Image: "zed-agent:latest", Env: []string{"RUN_SWAY=1"}, BaseCreateJson: &create,
			Mounts: []string{}, Devices: []string{}, Ports: []string{},
		}); err != nil {
			t.Fatal(err)
		}
		h := startWolfHost(t, fmt.Sprintf("[docker]\nsocket = %q\n", d.Socket))
		h.imagesByAPI("zed-agent:latest")
		driveByWolf(t, h, app, "docker")
	})
}

func driveByWolf(t *testing.T, h *wolfHost, app wolfclient.RflReflectorWolfCoreEventsAppReflType, runner string) {
	id, title := app.Id, app.Title
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := h.listen(ctx)
	me := t.TempDir()
	h.pairByAPI(me, "1234")
	events.await(t, "PairSignal", `"client_ip":"127.0.0.1"`)
	before := h.look()

	h.deleteApp(id) // as tools do, whether it is there or not
	h.addApp(app)
	h.addApp(app) // once more, as after a restart of Wolf
	if apps := h.apps(); len(apps) != 2 || apps[1] != id+":"+title {
		t.Fatalf("apps = %q", apps)
	}
	b := h.background(me, "--app", title, "--mode", "640x360x30", "--seconds", "60", "--keys", "2")
	live := h.streaming()

	clients, err := h.api.GetApiV1ClientsWithResponse(ctx)
	if err != nil || clients.JSON200 == nil || len(clients.JSON200.Clients) != 1 {
		t.Fatalf("clients: %v, %+v", err, clients)
	}
	client := clients.JSON200.Clients[0]
	if client.AppStateFolder != clientID(t, me) {
		t.Errorf("client = %+v", client)
	}
	sessions := h.sessions()
	if len(sessions) != 1 {
		t.Fatalf("%d sessions", len(sessions))
	}
	s := sessions[0]
	if s.AppId == nil || *s.AppId != id || s.ClientId == nil || *s.ClientId != client.ClientId || s.VideoWidth != 640 || s.VideoHeight != 360 ||
		s.VideoRefreshRate != 30 || s.AudioChannelCount != 2 || s.ClientIp != "127.0.0.1" || s.AesKey != "" {
		t.Errorf("session = %+v", s)
	}
	me64 := fmt.Sprintf("%q", *s.ClientId)
	events.await(t, "StreamSession", `"app_id":"`+id+`"`, `"client_id":`+me64, `"video_width":640`)
	events.await(t, "StartRunner", `"type":"`+runner+`"`, me64)
	events.await(t, "VideoSession", `"session_id":`+me64, `"width":640`)
	events.await(t, "AudioSession", `"session_id":`+me64)

	h.inputByAPI(*s.ClientId)
	h.runBeside(live.ID, app, *s.ClientId)
	stopped, err := h.api.PostApiV1SessionsStopWithResponse(ctx, wolfclient.WolfApiStreamSessionStopRequest{SessionId: *s.ClientId})
	if err != nil || stopped.JSON200 == nil || !stopped.JSON200.Success {
		t.Fatalf("sessions/stop: %v, %s", err, stopped.Body)
	}
	events.await(t, "StopStreamEvent", me64)
	if left := h.sessions(); len(left) != 0 {
		t.Errorf("sessions after the stop: %+v", left)
	}
	<-b.done
	if d := h.ended(live.ID); d.End != "stopped" {
		t.Errorf("the session ended by %s", d.End)
	}
	h.deleteApp(id)
	if apps := h.apps(); len(apps) != 1 {
		t.Errorf("apps after the delete: %q", apps)
	}
	h.expectSame(t, before)
}

// inputByAPI hands a session a movement of the pointer, which it takes, and a
// gamepad, which it takes where the machine makes gamepads.
func (h *wolfHost) inputByAPI(session string) {
	h.t.Helper()
	gamepad := "uinput"
	if f, err := os.OpenFile("/dev/uinput", os.O_WRONLY, 0); err == nil {
		_ = f.Close()
		gamepad = ""
	}
	for packet, refused := range map[string]string{
		"06020c00000000080700000000010002":                                             "",
		"060222000000001e0c0000001a000000010014000010000000000000000000009c0000005500": gamepad,
		"0602": "read the input packet",
	} {
		done, err := h.api.PostApiV1SessionsInputWithResponse(h.t.Context(), wolfclient.WolfApiStreamSessionHandleInputRequest{SessionId: session, InputPacketHex: packet})
		if err != nil {
			h.t.Fatal(err)
		}
		if refused == "" && done.JSON200 == nil || refused != "" && (done.JSON500 == nil || !strings.Contains(done.JSON500.Error, refused)) {
			h.t.Errorf("sessions/input %s: %s", packet, done.Body)
		}
	}
}

// imagesByAPI looks at an image that is there, and fetches one that nobody has.
func (h *wolfHost) imagesByAPI(image string) {
	h.t.Helper()
	res, err := h.http.Get("http://localhost/api/v1/docker/images/inspect?image_name=" + image)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(text), `"RepoTags":["`+image) {
		h.t.Errorf("inspect: %s %.300s, %v", res.Status, text, err)
	}
	pulled, err := h.api.PostApiV1DockerImagesPullWithResponse(h.t.Context(), wolfclient.WolfApiDockerPullImageRequest{ImageName: "127.0.0.1:1/no/image:here"})
	if err != nil || pulled.JSON500 == nil || !strings.Contains(pulled.JSON500.Error, "fetch the image 127.0.0.1:1/no/image:here") {
		h.t.Errorf("pull: %v, %s", err, pulled.Body)
	}
}

// runBeside starts a second app in a session and waits until it is there.
func (h *wolfHost) runBeside(session string, app wolfclient.RflReflectorWolfCoreEventsAppReflType, id string) {
	h.t.Helper()
	h.runApp(app, id)
	waitFor(h.t, "a second app", func() bool { return h.demos(session) == 2 })
}

func (h *wolfHost) runApp(app wolfclient.RflReflectorWolfCoreEventsAppReflType, id string) {
	h.t.Helper()
	var request wolfclient.WolfApiRunnerStartRequest
	raw, err := app.Runner.MarshalJSON()
	if err == nil {
		err = request.Runner.UnmarshalJSON(raw)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	request.SessionId = id
	started, err := h.api.PostApiV1RunnersStartWithResponse(h.t.Context(), request)
	if err != nil || started.JSON200 == nil || !started.JSON200.Success {
		h.t.Fatalf("runners/start: %v, %s", err, started.Body)
	}
}

// demos counts the demo apps of a session.
func (h *wolfHost) demos(session string) (n int) {
	d, err := h.server.api.Session(h.t.Context(), session)
	if err != nil {
		return -1
	}
	for _, pid := range d.Processes {
		if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasSuffix(string(cmdline), "kennel\x00demo\x00") {
			n++
		}
	}
	return n
}

// TestWolfsEmptySessions: a tool adds a session without an app, starts one in
// it, and stops the session with it.
func TestWolfsEmptySessions(t *testing.T) {
	t.Parallel() // nothing in it is timed
	h := startWolfHost(t, "")
	me := t.TempDir()
	h.pairByAPI(me, "1234")
	before := h.look()
	clients, err := h.api.GetApiV1ClientsWithResponse(t.Context())
	if err != nil || clients.JSON200 == nil || len(clients.JSON200.Clients) != 1 {
		t.Fatalf("clients: %v", err)
	}
	id := clients.JSON200.Clients[0].ClientId
	created, err := h.api.PostApiV1SessionsAddWithResponse(t.Context(), wolfclient.RflReflectorWolfCoreEventsStreamSessionReflType{
		ClientId: &id, VideoWidth: 640, VideoHeight: 360, VideoRefreshRate: 30, AudioChannelCount: 2, AesKey: strings.Repeat("ab", 16), AesIv: "1",
	})
	if err != nil || created.JSON200 == nil || created.JSON200.SessionId != id {
		t.Fatalf("sessions/add: %v, %s", err, created.Body)
	}
	all, err := h.server.api.Sessions(t.Context(), false)
	if err != nil || len(all) != 1 || all[0].Title != "Empty session" {
		t.Fatalf("sessions: %+v, %v", all, err)
	}
	h.runApp(agent(t, "x", "Agent"), id)
	waitFor(t, "the app in the session", func() bool { return h.demos(all[0].ID) == 1 })
	if stopped, err := h.api.PostApiV1SessionsStopWithResponse(t.Context(), wolfclient.WolfApiStreamSessionStopRequest{SessionId: id}); err != nil || stopped.JSON200 == nil {
		t.Errorf("sessions/stop: %v, %+v", err, stopped)
	}
	h.expectSame(t, before)
}

// TestWolfsSessionsAreOrderedAndPaused: a session that a tool adds is there for
// its client to come back to, and pausing sends the client away but keeps the app.
func TestWolfsSessionsAreOrderedAndPaused(t *testing.T) {
	h := startWolfHost(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := h.listen(ctx)
	me := t.TempDir()
	h.pairByAPI(me, "1234")
	before := h.look()
	clients, err := h.api.GetApiV1ClientsWithResponse(ctx)
	if err != nil || clients.JSON200 == nil || len(clients.JSON200.Clients) != 1 {
		t.Fatalf("clients: %v", err)
	}
	app, _, _ := strings.Cut(h.apps()[0], ":")
	order := wolfclient.RflReflectorWolfCoreEventsStreamSessionReflType{
		AppId: &app, ClientId: &clients.JSON200.Clients[0].ClientId, VideoWidth: 640, VideoHeight: 360, VideoRefreshRate: 30, AudioChannelCount: 2,
		AesKey: strings.Repeat("ab", 16), AesIv: "-1202587803",
	}
	created, err := h.api.PostApiV1SessionsAddWithResponse(ctx, order)
	if err != nil || created.JSON200 == nil || created.JSON200.SessionId != clients.JSON200.Clients[0].ClientId {
		t.Fatalf("sessions/add: %v, %s", err, created.Body)
	}
	if again, err := h.api.PostApiV1SessionsAddWithResponse(ctx, order); err != nil || again.JSON500 == nil || !strings.Contains(again.JSON500.Error, "already have a session") {
		t.Errorf("sessions/add once more: %v, %+v", err, again)
	}
	b := h.background(me, "--app", "Demo", "--mode", "640x360x30", "--seconds", "60", "--keys", "0", "--keep")
	live := h.streaming()
	id := created.JSON200.SessionId
	events.await(t, "ResumeStreamEvent", id)
	paused, err := h.api.PostApiV1SessionsPauseWithResponse(ctx, wolfclient.WolfApiStreamSessionPauseRequest{SessionId: id})
	if err != nil || paused.JSON200 == nil || !paused.JSON200.Success {
		t.Fatalf("sessions/pause: %v, %s", err, paused.Body)
	}
	<-b.done
	events.await(t, "PauseStreamEvent", id)
	if all, err := h.server.api.Sessions(ctx, false); err != nil || len(all) != 1 || all[0].ID != live.ID {
		t.Fatalf("sessions after the pause: %+v, %v", all, err)
	}
	back := h.background(me, "--app", "Demo", "--mode", "640x360x30", "--seconds", "60", "--keys", "0", "--keep")
	if again := h.streaming(); again.ID != live.ID {
		t.Errorf("another session: %s", again.ID)
	}
	if stopped, err := h.api.PostApiV1SessionsStopWithResponse(ctx, wolfclient.WolfApiStreamSessionStopRequest{SessionId: id}); err != nil || stopped.JSON200 == nil {
		t.Errorf("sessions/stop: %v, %+v", err, stopped)
	}
	<-back.done
	if gone, err := h.api.PostApiV1UnpairClientWithResponse(ctx, wolfclient.WolfApiUnpairClientRequest{ClientId: id}); err != nil || gone.JSON200 == nil {
		t.Errorf("unpair/client: %v, %+v", err, gone)
	}
	h.expectSame(t, before)
}
