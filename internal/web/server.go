package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// SocketName is the API's socket in the data directory.
const SocketName = "kennel.sock"

// maxBody bounds a request's body in bytes.
const maxBody = 64 << 10

// callTimeout bounds every call of the API.
const callTimeout = 30 * time.Second

//go:embed openapi.json
var openAPI []byte

// Listen makes the API's socket at path, mode 0600. A stale one is replaced: the
// caller holds the data directory's lock, so nobody else can be serving it.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the api socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the api socket: %w (a data directory with a path of more than about 90 bytes is too long for a unix socket)", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("protect the api socket: %w", err)
	}
	return l, nil
}

// NewServer returns an HTTP server for the API.
func NewServer(b Backend) *http.Server {
	return &http.Server{
		Handler: handler(b), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: callTimeout + 5*time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}

func handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", answer(func(r *http.Request) (any, error) { return b.Status(r.Context()) }))
	mux.HandleFunc("GET /livez", answer(func(r *http.Request) (any, error) {
		if err := b.Alive(r.Context()); err != nil {
			return nil, evidence.Errorf(evidence.Unavailable, "kennel serve hangs: %w", err)
		}
		return map[string]bool{"alive": true}, nil
	}))
	mux.HandleFunc("GET /readyz", answer(func(r *http.Request) (any, error) {
		h, err := b.Health(r.Context(), false)
		if err == nil && !h.Ready {
			err = evidence.Errorf(evidence.Unavailable, "%s", h.Why).WithFault(h.Canary.Fault)
		}
		return h, err
	}))
	mux.HandleFunc("GET /metrics", b.Metrics)
	mux.HandleFunc("GET /api/v1/health", answer(func(r *http.Request) (any, error) {
		return b.Health(r.Context(), r.URL.Query().Get("now") == "true")
	}))
	mux.HandleFunc("GET /api/v1/events", answer(func(r *http.Request) (any, error) { return b.Events(r.Context()) }))
	mux.HandleFunc("GET /api/v1/trends", answer(func(r *http.Request) (any, error) { return b.Trends(r.Context()) }))
	mux.HandleFunc("GET /api/v1/memory", answer(func(r *http.Request) (any, error) { return b.Memory(r.Context()) }))
	mux.HandleFunc("GET /api/v1/apps", answer(func(r *http.Request) (any, error) { return b.Apps(r.Context()) }))
	mux.HandleFunc("POST /api/v1/apps", answer(func(r *http.Request) (any, error) {
		var app config.App
		if err := readBody(r, &app); err != nil {
			return nil, err
		}
		return b.AddApp(r.Context(), app)
	}))
	mux.HandleFunc("PUT /api/v1/apps/{slug}", answer(func(r *http.Request) (any, error) {
		var app config.App
		if err := readBody(r, &app); err != nil {
			return nil, err
		}
		return b.UpdateApp(r.Context(), r.PathValue("slug"), app)
	}))
	mux.HandleFunc("DELETE /api/v1/apps/{slug}", answer(func(r *http.Request) (any, error) { return nil, b.DeleteApp(r.Context(), r.PathValue("slug")) }))
	mux.HandleFunc("GET /api/v1/pairings", answer(func(r *http.Request) (any, error) { return b.Pairings(r.Context()) }))
	mux.HandleFunc("POST /api/v1/pairings/accept", answer(func(r *http.Request) (any, error) {
		var accept Accept
		if err := readBody(r, &accept); err != nil {
			return nil, err
		}
		return b.AcceptPairing(r.Context(), accept)
	}))
	mux.HandleFunc("DELETE /api/v1/pairings/{id}", answer(func(r *http.Request) (any, error) { return nil, b.DenyPairing(r.Context(), r.PathValue("id")) }))
	mux.HandleFunc("GET /api/v1/clients", answer(func(r *http.Request) (any, error) { return b.Clients(r.Context()) }))
	mux.HandleFunc("DELETE /api/v1/clients/{id}", answer(func(r *http.Request) (any, error) { return nil, b.RemoveClient(r.Context(), r.PathValue("id")) }))
	mux.HandleFunc("GET /api/v1/sessions", answer(func(r *http.Request) (any, error) {
		return b.Sessions(r.Context(), r.URL.Query().Get("all") == "true")
	}))
	mux.HandleFunc("GET /api/v1/sessions/{id}", answer(func(r *http.Request) (any, error) { return b.Session(r.Context(), r.PathValue("id")) }))
	mux.HandleFunc("DELETE /api/v1/sessions/{id}", answer(func(r *http.Request) (any, error) { return nil, b.StopSession(r.Context(), r.PathValue("id")) }))
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	mux.HandleFunc("/", answer(func(r *http.Request) (any, error) {
		return nil, evidence.Errorf(evidence.NotFound, "the api has no call %s %s: /api/v1/openapi.json lists all", r.Method, r.URL.Path)
	}))
	return mux
}

// answer turns a call into a handler: its value becomes JSON, nil becomes 204,
// an error becomes a Problem.
func answer(call func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		value, err := call(r.WithContext(ctx))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case err != nil:
			kind := evidence.KindOf(err)
			if errors.Is(err, context.DeadlineExceeded) {
				kind = evidence.Deadline
			}
			w.WriteHeader(kind.HTTPStatus())
			value = Problem{ProblemError{Kind: kind.String(), Message: err.Error(), Fault: string(evidence.FaultOf(err))}}
		case value == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		// An error here means that the caller has gone.
		_ = json.NewEncoder(w).Encode(value)
	}
}

func readBody(r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return evidence.Errorf(evidence.Invalid, "read the request's json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return evidence.Errorf(evidence.Invalid, "read the request's json: something follows the first value")
	}
	return nil
}
