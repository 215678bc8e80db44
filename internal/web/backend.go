package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
)

// Local is the Backend of a running host.
type Local struct {
	Version   string
	UUID      string
	Hostname  string
	Started   time.Time
	Ports     config.PortPlan
	Host      *host.Host
	House     *session.House
	Store     *store.Store
	Catalogue *host.Catalogue
	// OutputDir has the output of sessions, ID.log each.
	OutputDir string
}

var _ Backend = (*Local)(nil)

// Status implements Backend.
func (l *Local) Status(context.Context) (Status, error) {
	return Status{
		Version: l.Version, Hostname: l.Hostname, UUID: l.UUID, PID: os.Getpid(), Started: l.Started,
		Ports: map[string]int{
			"http": l.Ports.HTTP, "https": l.Ports.HTTPS, "rtsp": l.Ports.RTSP,
			"video": l.Ports.Video, "control": l.Ports.Control, "audio": l.Ports.Audio,
		},
		Sessions: len(l.House.Sessions()), Grouping: l.House.Hierarchy().String(),
	}, nil
}

// Health implements Backend.
func (l *Local) Health(ctx context.Context, now bool) (Health, error) {
	if now {
		l.House.Canary(ctx)
	}
	h := Health{Canary: l.House.Health(), Encoders: l.House.Rungs(), Imports: l.House.Imports(), Budgets: l.House.Budgets()}
	h.Meters, h.GPUs = l.House.Meters()
	h.Events = l.House.Events()
	h.Events = h.Events[max(0, len(h.Events)-healthEvents):]
	if err := l.House.Ready(); err != nil {
		h.Why = err.Error()
	} else {
		h.Ready = true
	}
	return h, nil
}

// healthEvents is how many events of the host its health shows.
const healthEvents = 10

// Events implements Backend.
func (l *Local) Events(context.Context) ([]evidence.Event, error) {
	return append([]evidence.Event{}, l.House.Events()...), nil
}

// Metrics implements Backend.
func (l *Local) Metrics(w http.ResponseWriter, r *http.Request) {
	metrics(l.House, l.Host.Dropped).ServeHTTP(w, r)
}

// Trends implements Backend.
func (l *Local) Trends(ctx context.Context) (Trends, error) {
	stored, err := l.Store.Receipts(ctx, session.TrendCycles)
	if err != nil {
		return Trends{}, err
	}
	receipts := make([]session.Receipt, 0, len(stored))
	for _, s := range slices.Backward(stored) {
		var r session.Receipt
		if err := json.Unmarshal(s.JSON, &r); err != nil {
			return Trends{}, evidence.Errorf(evidence.Internal, "read the receipt of session %s: %w", s.Session, err)
		}
		receipts = append(receipts, r)
	}
	t := Trends{Sessions: len(receipts), Trends: session.Trends(receipts, l.House.ResourceLimits())}
	if t.Trends == nil {
		t.Trends = []session.ResourceTrend{}
	}
	return t, nil
}

// Alive implements Backend.
func (l *Local) Alive(ctx context.Context) error {
	// What writes the history is not asked: a slow disk is no reason to end streams.
	if err := l.House.Alive(ctx); err != nil {
		return err
	}
	return l.Host.Alive(ctx)
}

// Apps implements Backend.
func (l *Local) Apps(context.Context) ([]App, error) {
	apps := []App{}
	for _, e := range l.Catalogue.Entries() {
		apps = append(apps, App(e))
	}
	return apps, nil
}

// AddApp implements Backend.
func (l *Local) AddApp(ctx context.Context, app config.App) (App, error) {
	e, err := l.Catalogue.Add(ctx, app)
	return App(e), err
}

// UpdateApp implements Backend.
func (l *Local) UpdateApp(ctx context.Context, slug string, app config.App) (App, error) {
	e, err := l.Catalogue.Update(ctx, slug, app)
	return App(e), err
}

// DeleteApp implements Backend.
func (l *Local) DeleteApp(ctx context.Context, slug string) error {
	return l.Catalogue.Delete(ctx, slug)
}

// Pairings implements Backend.
func (l *Local) Pairings(context.Context) ([]Pairing, error) {
	pairings := []Pairing{}
	for _, p := range l.Host.Pairings() {
		pairings = append(pairings, Pairing(p))
	}
	return pairings, nil
}

// AcceptPairing implements Backend.
func (l *Local) AcceptPairing(ctx context.Context, a Accept) (Pairing, error) {
	p, err := l.Host.AcceptPairing(ctx, a.PIN, a.Request)
	return Pairing(p), err
}

// DenyPairing implements Backend.
func (l *Local) DenyPairing(_ context.Context, request string) error {
	_, err := l.Host.DenyPairing(request)
	return err
}

// Clients implements Backend.
func (l *Local) Clients(ctx context.Context) ([]Client, error) {
	stored, err := l.Store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	clients := []Client{}
	for _, c := range stored {
		clients = append(clients, Client{ID: c.ID, Name: c.Name, PairedAt: c.PairedAt, LastSeen: c.LastSeen})
	}
	return clients, nil
}

// RemoveClient implements Backend. The beginning of an id is enough where it is
// unique. The client's session ends, and has ended when this returns; a launch
// that is under way finds the client unpaired and ends its session itself.
func (l *Local) RemoveClient(ctx context.Context, id string) error {
	clients, err := l.Clients(ctx)
	if err != nil {
		return err
	}
	found := ""
	for _, c := range clients {
		switch {
		case !strings.HasPrefix(c.ID, id):
		case found != "":
			return evidence.Errorf(evidence.Conflict, "more than one client's id begins with %s", id)
		default:
			found = c.ID
		}
	}
	if found == "" || id == "" {
		return evidence.Errorf(evidence.NotFound, "no client %q is paired: kennel clients list shows all", id)
	}
	if err := l.Store.RemoveClient(ctx, found); err != nil {
		return err
	}
	s, ok := l.House.ByClient(found)
	if !ok {
		return nil
	}
	s.End(evidence.EndStopped, "its client was revoked")
	select {
	case <-s.Done():
		return nil
	case <-ctx.Done():
		return evidence.Errorf(evidence.Deadline, "the client is revoked, but its session %s is still ending: %w", s.ID(), ctx.Err())
	}
}

// maxHistory is how many ended sessions a listing shows.
const maxHistory = 500

// Sessions implements Backend.
func (l *Local) Sessions(ctx context.Context, all bool) ([]Session, error) {
	sessions := []Session{}
	live := map[string]bool{}
	for _, s := range l.House.Sessions() {
		live[s.ID()] = true
		sessions = append(sessions, l.describe(s))
	}
	if !all {
		return sessions, nil
	}
	history, err := l.Store.Sessions(ctx, maxHistory)
	if err != nil {
		return nil, err
	}
	for _, h := range history {
		if !live[h.ID] {
			sessions = append(sessions, ofHistory(h))
		}
	}
	return sessions, nil
}

func (l *Local) describe(s *session.Session) Session {
	r, stream := s.Request(), s.Stream()
	end, detail := s.EndReason()
	d := Session{
		ID: s.ID(), Client: r.Client, App: r.App.Slug, Title: r.App.Title, State: string(s.State()), Started: s.Started(),
		End: string(end), Detail: detail, Width: cmp.Or(stream.Width, r.Width), Height: cmp.Or(stream.Height, r.Height), FPS: cmp.Or(stream.FPS, r.FPS),
		BitrateKbps: stream.BitrateKbps, Encoder: s.Encoder(), Processes: s.Processes(),
	}
	if f := s.Failovers(); f.Count > 0 {
		d.Failovers = &f
	}
	if n, ok := l.Host.Network(s.ID()); ok {
		d.Network = &Network{
			Frames: n.Frames, Packets: n.Packets, Bytes: n.Bytes, KeyFrames: n.KeyFrames, KeyFrameRequests: n.KeyFrameRequests,
			RTTMillis: float64(n.RTT.Microseconds()) / 1000,
		}
	}
	return d
}

func ofHistory(h store.Session) Session {
	s := Session{ID: h.ID, Client: h.Client, App: h.App, Title: h.Title, State: "ended", Started: h.Started, End: h.EndReason}
	if !h.Ended.IsZero() {
		s.Ended = &h.Ended
	}
	return s
}

// Session implements Backend.
func (l *Local) Session(ctx context.Context, id string) (SessionDetail, error) {
	if s, ok := l.House.Session(id); ok {
		d := SessionDetail{Session: l.describe(s), Events: s.Trace().Events(), Output: map[string][]string{}}
		for _, name := range []string{"app", "display", "media", "sound", "audio"} {
			if tail := s.OutputTail(name); len(tail) > 0 {
				d.Output[name] = tail
			}
		}
		return d, nil
	}
	h, err := l.Store.Session(ctx, id)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return SessionDetail{}, evidence.Errorf(evidence.NotFound, "there is no session %s: kennel sessions list --all shows those that are kept", id)
		}
		return SessionDetail{}, err
	}
	stored, err := l.Store.Events(ctx, id, 0, evidence.MaxTraceEvents)
	if err != nil {
		return SessionDetail{}, err
	}
	d := SessionDetail{Session: ofHistory(h), Events: []evidence.Event{}}
	for _, raw := range stored {
		var e evidence.Event
		if err := json.Unmarshal(raw.JSON, &e); err == nil {
			d.Events = append(d.Events, e)
		}
	}
	if f := session.FailoversOf(d.Events); f.Count > 0 {
		d.Failovers = &f
	}
	if stored, err := l.Store.Receipt(ctx, id); err == nil {
		var receipt session.Receipt
		if err := json.Unmarshal(stored.JSON, &receipt); err != nil {
			return SessionDetail{}, evidence.Errorf(evidence.Internal, "read the receipt of session %s: %w", id, err)
		}
		d.Receipt = &receipt
	}
	if output, err := app.ReadTails(filepath.Join(l.OutputDir, filepath.Base(id)+".log")); err == nil {
		d.Output = output
	}
	return d, nil
}

// StopSession implements Backend; it returns when nothing of the session is left.
func (l *Local) StopSession(ctx context.Context, id string) error {
	s, ok := l.House.Session(id)
	if !ok {
		return evidence.Errorf(evidence.NotFound, "no session %s is running: kennel sessions list shows all", id)
	}
	s.End(evidence.EndStopped, "stopped over the api")
	select {
	case <-s.Done():
		return nil
	case <-ctx.Done():
		return evidence.Errorf(evidence.Deadline, "session %s is ending, but not done yet: %w", id, ctx.Err())
	}
}
