package wolfapi

import (
	"context"
	"net/netip"
	"os"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/web"
)

// Stream is a live session.
type Stream struct {
	// ID is Kennel's, Client that of the client, and Number the client's in Wolf.
	ID, Client string
	Number     Key
	App        config.App
	// Width and Height are pixels, FPS frames per second, Channels of the sound.
	Width, Height, FPS, Channels int
	BitrateKbps, Slices          int
	// Address is the client's, zero while it is not connected.
	Address netip.Addr
}

// Backend is what the API acts on. Its errors are evidence.Errors.
type Backend interface {
	Apps(context.Context) ([]web.App, error)
	AddApp(context.Context, config.App) (web.App, error)
	UpdateApp(ctx context.Context, slug string, app config.App) (web.App, error)
	DeleteApp(ctx context.Context, slug string) error
	Pairings(context.Context) ([]web.Pairing, error)
	AcceptPairing(context.Context, web.Accept) (web.Pairing, error)
	Paired(context.Context) ([]Paired, error)
	RemoveClient(ctx context.Context, id string) error
	StopSession(ctx context.Context, id string) error
	// Streams lists the live sessions, oldest first, and Stream finds one.
	Streams() []Stream
	Stream(id string) (Stream, bool)
	// Order launches a session for a client, and PauseSession sends its client away.
	Order(context.Context, host.Order) (Stream, error)
	PauseSession(ctx context.Context, id string) error
	// Run starts another app in a session; with endWith the session ends with it.
	Run(ctx context.Context, id string, app config.App, endWith bool) error
	// Input hands an input packet of Moonlight's control link to a session.
	Input(id string, packet []byte) error
	// Pull fetches a container's image, and Image tells what the engine knows of one.
	Pull(ctx context.Context, image string, tell func(engine.Progress)) error
	Image(ctx context.Context, image string) ([]byte, error)
	// Art is the picture of an app.
	Art(app int32) (host.Art, error)
	// UserIDs are the first user and group that sessions run as.
	UserIDs() (uid, gid int)
	// Ports are what clients are told.
	Ports() config.PortPlan
	// Profiles are those of the configuration.
	Profiles() []config.WolfProfile
}

// Local is the Backend of a running host.
type Local struct {
	*web.Local
	// UIDFirst is the first user id of sessions, on a host that runs as root.
	UIDFirst int
	// Announced are the ports that clients are told.
	Announced config.PortPlan
	// Links has what leads from a client's id to its state folder of Wolf.
	Links string
	// Engines are the sockets where a container engine may listen.
	Engines []string
	// Users are the profiles of the configuration.
	Users []config.WolfProfile
}

var _ Backend = (*Local)(nil)

// Streams implements Backend.
func (l *Local) Streams() []Stream {
	streams := []Stream{}
	for _, s := range l.House.Sessions() {
		streams = append(streams, l.describe(s))
	}
	return streams
}

// Stream implements Backend.
func (l *Local) Stream(id string) (Stream, bool) {
	s, ok := l.House.Session(id)
	if !ok {
		return Stream{}, false
	}
	return l.describe(s), true
}

func (l *Local) describe(s *session.Session) Stream {
	r, n := s.Request(), s.Stream()
	d := Stream{
		ID: s.ID(), Client: r.Client, Number: l.number(r.Client), Width: r.Width, Height: r.Height, FPS: r.FPS, Channels: r.Channels,
		BitrateKbps: n.BitrateKbps, Slices: n.Slices, Address: l.Host.ClientAddress(s.ID()),
	}
	if n.FPS > 0 {
		d.FPS = n.FPS
	}
	if n.Audio.Channels > 0 {
		d.Channels = n.Audio.Channels
	}
	// An app that was deleted meanwhile has its names left.
	d.App = config.App{ID: int(r.App.ID), Slug: r.App.Slug, Title: r.App.Title, Runner: config.Runner{Type: r.App.Runner.Type, Args: r.App.Runner.Args}}
	for _, e := range l.Catalogue.Entries() {
		if e.Slug == r.App.Slug {
			d.App = e.App
		}
	}
	return d
}

// Order implements Backend.
func (l *Local) Order(ctx context.Context, o host.Order) (Stream, error) {
	s, err := l.Host.Order(ctx, o)
	if err != nil {
		return Stream{}, err
	}
	return l.describe(s), nil
}

// PauseSession implements Backend.
func (l *Local) PauseSession(ctx context.Context, id string) error { return l.Host.Pause(ctx, id) }

// Run implements Backend.
func (l *Local) Run(ctx context.Context, id string, a config.App, endWith bool) error {
	return l.Host.RunIn(ctx, id, a, endWith)
}

// Input implements Backend.
func (l *Local) Input(id string, packet []byte) error { return l.Host.Input(id, packet) }

// Art implements Backend.
func (l *Local) Art(app int32) (host.Art, error) { return l.Catalogue.Art(app) }

// UserIDs implements Backend.
func (l *Local) UserIDs() (uid, gid int) {
	if os.Geteuid() == 0 {
		return l.UIDFirst, l.UIDFirst
	}
	return os.Geteuid(), os.Getegid()
}

// Ports implements Backend.
func (l *Local) Ports() config.PortPlan { return l.Announced }

// Profiles implements Backend.
func (l *Local) Profiles() []config.WolfProfile { return l.Users }

// unsupported is the error of what Kennel cannot do.
func unsupported(format string, args ...any) error {
	return evidence.Errorf(evidence.Invalid, format, args...)
}
