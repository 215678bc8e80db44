package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// maxAnswer bounds an answer in bytes.
const maxAnswer = 32 << 20

// Remote is a client of the API of the host that uses a data directory. It is a
// Backend itself: what the command line does is what the API does.
type Remote struct {
	dir  string
	http *http.Client
}

var _ Backend = (*Remote)(nil)

// NewClient returns a client for the host with the data directory dir.
func NewClient(dir string) *Remote {
	socket := filepath.Join(dir, SocketName)
	return &Remote{dir: dir, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}}
}

func (c *Remote) call(ctx context.Context, method, path string, body, into any) error {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://kennel/api/v1/"+path, payload)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.explain(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of kennel serve: %w", err)
	}
	if res.StatusCode >= 400 {
		var p Problem
		if err := json.Unmarshal(raw, &p); err != nil || p.Error.Message == "" {
			return evidence.Errorf(evidence.Internal, "kennel serve answered %s", res.Status)
		}
		return evidence.Errorf(evidence.ParseErrorKind(p.Error.Kind), "%s", p.Error.Message).WithFault(evidence.FaultID(p.Error.Fault))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the answer of kennel serve: %w", err)
	}
	return nil
}

// explain says why there is no connection in terms of what to do.
func (c *Remote) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return evidence.Errorf(evidence.Unavailable, "no kennel serve is running with --data %s: start it, or name its data directory", c.dir)
	case errors.Is(err, fs.ErrPermission):
		return evidence.Errorf(evidence.Unauthorized, "you may not use %s: run this command as the user of kennel serve", filepath.Join(c.dir, SocketName))
	}
	return fmt.Errorf("call kennel serve: %w", err)
}

// Status implements Backend.
func (c *Remote) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "status", nil, &s)
}

// Memory implements Backend.
func (c *Remote) Memory(ctx context.Context) (m Memory, err error) {
	return m, c.call(ctx, http.MethodGet, "memory", nil, &m)
}

// Metrics implements Backend, which only a host itself can.
func (c *Remote) Metrics(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "ask the host itself", http.StatusNotImplemented)
}

// Events implements Backend.
func (c *Remote) Events(ctx context.Context) (all []evidence.Event, err error) {
	return all, c.call(ctx, http.MethodGet, "events", nil, &all)
}

// Trends implements Backend.
func (c *Remote) Trends(ctx context.Context) (t Trends, err error) {
	return t, c.call(ctx, http.MethodGet, "trends", nil, &t)
}

// Health implements Backend.
func (c *Remote) Health(ctx context.Context, now bool) (h Health, err error) {
	path := "health"
	if now {
		path += "?now=true"
	}
	return h, c.call(ctx, http.MethodGet, path, nil, &h)
}

// Alive implements Backend.
func (c *Remote) Alive(ctx context.Context) error {
	_, err := c.Status(ctx)
	return err
}

// Apps implements Backend.
func (c *Remote) Apps(ctx context.Context) (a []App, err error) {
	return a, c.call(ctx, http.MethodGet, "apps", nil, &a)
}

// AddApp implements Backend.
func (c *Remote) AddApp(ctx context.Context, app config.App) (a App, err error) {
	return a, c.call(ctx, http.MethodPost, "apps", app, &a)
}

// UpdateApp implements Backend.
func (c *Remote) UpdateApp(ctx context.Context, slug string, app config.App) (a App, err error) {
	return a, c.call(ctx, http.MethodPut, "apps/"+url.PathEscape(slug), app, &a)
}

// DeleteApp implements Backend.
func (c *Remote) DeleteApp(ctx context.Context, slug string) error {
	return c.call(ctx, http.MethodDelete, "apps/"+url.PathEscape(slug), nil, nil)
}

// Pairings implements Backend.
func (c *Remote) Pairings(ctx context.Context) (p []Pairing, err error) {
	return p, c.call(ctx, http.MethodGet, "pairings", nil, &p)
}

// AcceptPairing implements Backend.
func (c *Remote) AcceptPairing(ctx context.Context, accept Accept) (p Pairing, err error) {
	return p, c.call(ctx, http.MethodPost, "pairings/accept", accept, &p)
}

// DenyPairing implements Backend.
func (c *Remote) DenyPairing(ctx context.Context, request string) error {
	return c.call(ctx, http.MethodDelete, "pairings/"+url.PathEscape(request), nil, nil)
}

// Clients implements Backend.
func (c *Remote) Clients(ctx context.Context) (p []Client, err error) {
	return p, c.call(ctx, http.MethodGet, "clients", nil, &p)
}

// RemoveClient implements Backend.
func (c *Remote) RemoveClient(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "clients/"+url.PathEscape(id), nil, nil)
}

// Sessions implements Backend.
func (c *Remote) Sessions(ctx context.Context, all bool) (s []Session, err error) {
	path := "sessions"
	if all {
		path += "?all=true"
	}
	return s, c.call(ctx, http.MethodGet, path, nil, &s)
}

// Session implements Backend.
func (c *Remote) Session(ctx context.Context, id string) (s SessionDetail, err error) {
	return s, c.call(ctx, http.MethodGet, "sessions/"+url.PathEscape(id), nil, &s)
}

// StopSession implements Backend.
func (c *Remote) StopSession(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "sessions/"+url.PathEscape(id), nil, nil)
}
