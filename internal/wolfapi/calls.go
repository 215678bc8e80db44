package wolfapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// maxBody bounds a request's body in bytes.
	maxBody = 1 << 20
	// callTimeout bounds every call but the stream of events.
	callTimeout = 30 * time.Second
	// base is the path that all calls begin with.
	base = "/api/v1/"
)

// call is one call of the API.
type call struct {
	method, path string
	// summary is for the schema, note says what is special about Kennel's.
	summary, note string
	// takes and gives are the bodies of request and answer; nil for none.
	takes, gives reflect.Type
	// fails are the statuses of errors.
	fails []int
	// does answers; nil for those that write their own answer.
	does func(context.Context, *api, []byte) (any, error)
	raw  func(*api, http.ResponseWriter, *http.Request)
}

// get is a call without a body.
func get[A any](path, summary, note string, does func(*api, context.Context) (A, error), fails ...int) call {
	return call{
		method: http.MethodGet, path: base + path, summary: summary, note: note, gives: reflect.TypeFor[A](), fails: fails,
		does: func(ctx context.Context, a *api, _ []byte) (any, error) { return does(a, ctx) },
	}
}

// post is a call with a body. Fields that Kennel does not know are let pass, as
// Wolf does; those that are missing are empty.
func post[Q, A any](path, summary, note string, does func(*api, context.Context, Q) (A, error), fails ...int) call {
	if fails == nil {
		fails = []int{http.StatusInternalServerError}
	}
	return call{
		method: http.MethodPost, path: base + path, summary: summary, note: note,
		takes: reflect.TypeFor[Q](), gives: reflect.TypeFor[A](), fails: fails,
		does: func(ctx context.Context, a *api, body []byte) (any, error) {
			var request Q
			if err := json.Unmarshal(body, &request); err != nil {
				return nil, evidence.Errorf(evidence.Invalid, "read the request's json: %w", err)
			}
			return does(a, ctx, request)
		},
	}
}

// api answers.
type api struct {
	backend Backend
	feed    *Feed
	log     func(msg string, args ...any)
	pulls   chan struct{} // one entry per image that is being fetched
}

func newAPI(b Backend, feed *Feed, log func(msg string, args ...any)) *api {
	return &api{backend: b, feed: feed, log: log, pulls: make(chan struct{}, maxPulls)}
}

// calls are all calls, in the order of the documentation. Each path has one
// method.
func calls() []call {
	failing := http.StatusInternalServerError
	return []call{
		get("apps", "All apps that Moonlight shows", "", (*api).apps, failing),
		post("apps/add", "Add an app", "An app of the same id that was added before is replaced.", (*api).addApp),
		post("apps/delete", "Remove an app", "Apps of the configuration file stay.", (*api).removeApp),
		get("profiles", "All profiles", "Those of the configuration; without any there is one with all apps.", (*api).profiles),
		post("profiles/add", "Create a profile", "Not supported.", (*api).addProfile),
		post("profiles/remove", "Remove a profile", "Not supported.", (*api).removeProfile),
		get("clients", "The paired clients", "", (*api).clients),
		post("clients/settings", "Change a client's settings", "Not supported: Kennel keeps none.", (*api).settings,
			http.StatusBadRequest, http.StatusNotFound, failing),
		post("unpair/client", "Forget a client", "", (*api).unpair),
		get("pair/pending", "Clients that wait for their PIN", "", (*api).pending),
		post("pair/client", "Give a client its PIN", "", (*api).pair),
		get("sessions", "The live sessions", "Keys are left out.", (*api).sessions),
		post("sessions/add", "Launch a session", "", (*api).addSession),
		post("sessions/start", "Begin a stream without RTSP", "Not supported.", (*api).startSession),
		post("sessions/pause", "Send a session's client away", "", (*api).pauseSession),
		post("sessions/stop", "End a session", "", (*api).stopSession),
		post("sessions/input", "Hand input to a session", "Keyboard, pointer and text, and gamepads where the app has them.", (*api).input),
		post("runners/start", "Start another app in a session", "", (*api).run),
		get("lobbies", "All lobbies", "Kennel has none.", (*api).lobbies, failing),
		post("lobbies/create", "Create a lobby", "Not supported.", (*api).createLobby),
		post("lobbies/join", "Join a lobby", "Not supported.", (*api).joinLobby),
		post("lobbies/leave", "Leave a lobby", "Not supported.", (*api).leaveLobby),
		post("lobbies/pause", "Pause a lobby", "Not supported.", (*api).pauseLobby),
		post("lobbies/resume", "Resume a lobby", "Not supported.", (*api).resumeLobby),
		post("lobbies/stop", "Stop a lobby", "Not supported.", (*api).stopLobby),
		{
			method: http.MethodPost, path: base + "docker/images/pull", summary: "Fetch a container's image", note: "Each line of the answer is JSON; the last one tells the outcome.",
			takes: reflect.TypeFor[ImagePull](), gives: reflect.TypeFor[ImagePulled](), fails: []int{failing}, raw: (*api).pull,
		},
		{method: http.MethodGet, path: base + "docker/images/inspect", summary: "Look at a container's image", note: "image_name is a parameter of the query.", raw: (*api).inspect},
		{method: http.MethodGet, path: base + "utils/get-icon", summary: "The picture of an app", note: "icon_path is a parameter of the query: an app's icon_png_path.", raw: (*api).icon},
		{method: http.MethodGet, path: base + "events", summary: "Events as they happen, as server-sent events", raw: (*api).events},
		{method: http.MethodGet, path: base + "openapi-schema", summary: "This description", raw: (*api).schema},
	}
}

// NewServer returns an HTTP server for the API. Every answer ends its
// connection, as Wolf's do: some tools read until then.
func NewServer(b Backend, feed *Feed, log func(msg string, args ...any)) *http.Server {
	srv := &http.Server{
		Handler: handler(newAPI(b, feed, log)), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: callTimeout + 5*time.Second, MaxHeaderBytes: 16 << 10,
	}
	srv.SetKeepAlivesEnabled(false)
	srv.RegisterOnShutdown(feed.Close)
	return srv
}

func handler(a *api) http.Handler {
	mux := http.NewServeMux()
	for _, c := range calls() {
		mux.HandleFunc(c.method+" "+c.path, func(w http.ResponseWriter, r *http.Request) { a.answer(c, w, r) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusNotFound, Failure{Error: "the api has no call " + r.Method + " " + r.URL.Path + ": " + base + "openapi-schema lists all"})
	})
	return mux
}

// answer runs one call.
func (a *api) answer(c call, w http.ResponseWriter, r *http.Request) {
	if c.raw != nil {
		c.raw(a, w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	var body []byte
	if c.takes != nil {
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			a.fail(c, w, evidence.Errorf(evidence.Invalid, "read the request: %w", err))
			return
		}
	}
	value, err := c.does(ctx, a, body)
	if err != nil {
		a.fail(c, w, err)
		return
	}
	reply(w, http.StatusOK, value)
}

// fail answers an error. Wolf says 500 to all, but for clients/settings and
// unpair/client.
func (a *api) fail(c call, w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if c.path == base+"clients/settings" || c.path == base+"unpair/client" {
		if kind := evidence.KindOf(err); kind == evidence.Invalid || kind == evidence.NotFound {
			status = kind.HTTPStatus()
		}
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text += " (the host did not finish in time)"
	}
	a.log("a call over wolf's api failed", "call", c.path, "error", text)
	reply(w, status, Failure{Error: text})
}

// reply writes JSON with its length: some tools cannot read chunks.
func reply(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"success":false,"error":"the answer could not be written"}`)
	}
	send(w, status, "application/json", text)
}
