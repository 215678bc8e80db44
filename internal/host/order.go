package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// Order is a launch that comes over an API and not from the client itself.
type Order struct {
	// Client is the id of a paired client; empty for one that is made up, who can
	// reach the session with Key alone.
	Client string
	// App is the app's id; 0 for a session that is empty until RunIn puts an app
	// into it.
	App int32
	// Width and Height (pixels), FPS and Channels are as those of a client's launch.
	Width, Height, FPS, Channels int
	// Key and KeyID are what a client gives as rikey and rikeyid.
	Key   [16]byte
	KeyID int32
	// Address is the host in the RTSP requests of the client, by which they are
	// told from others'; the zero Addr for one that is made up.
	Address netip.Addr
	// ClientAddress is where the client will come from; the zero Addr if that is
	// not known. A client that names no host in its requests is found by it alone.
	ClientAddress netip.Addr
}

// Order launches a session for somebody who talks RTSP without encryption to
// the order's address. A session that the client has already is a conflict.
func (h *Host) Order(ctx context.Context, o Order) (*session.Session, error) {
	spec, err := h.ordered(o.App)
	if err != nil {
		return nil, err
	}
	if err := h.checkMode(o.Width, o.Height, o.FPS); err != nil {
		return nil, err
	}
	if o.Client, err = h.orderer(ctx, o.Client); err != nil {
		return nil, err
	}
	if o.Address.IsValid() && h.links.find(func(l *link) bool { return l.address == o.Address }) != nil {
		return nil, evidence.Errorf(evidence.Conflict, "another session is reached by the address %s: give each its own", o.Address)
	}
	s, err := h.o.House.Launch(ctx, session.Request{
		Client: o.Client, App: spec, Width: o.Width, Height: o.Height, FPS: o.FPS, Channels: o.Channels, Goodbye: h.goodbye(o.Client),
	})
	if err != nil {
		return nil, err
	}
	l, err := newLink(s, o.Client, launchKey{o.Key, o.KeyID}, false, o.ClientAddress)
	if err != nil {
		s.End(evidence.EndLaunchFailed, err.Error())
		return nil, err
	}
	if o.Address.IsValid() {
		l.address = o.Address
	}
	l.byAPI = true
	if o.ClientAddress.IsValid() {
		h.limiter.Expect(o.ClientAddress)
	}
	h.replace(l)
	return s, nil
}

// ordered is the app of an order. An empty session has one that draws nothing,
// and ends with the session.
func (h *Host) ordered(id int32) (app.Spec, error) {
	if id != 0 {
		return h.o.Catalogue.Find(id)
	}
	return adHoc(config.App{Title: "Empty session", Runner: config.Runner{Type: config.RunnerProcess, Args: []string{"sleep", "infinity"}}})
}

// orderer is the id of the client that a session is ordered for.
func (h *Host) orderer(ctx context.Context, client string) (string, error) {
	if client == "" {
		var random [32]byte
		if _, err := rand.Read(random[:]); err != nil {
			return "", fmt.Errorf("make up a client: %w", err)
		}
		return hex.EncodeToString(random[:]), nil
	}
	if _, err := h.o.Store.Client(ctx, client); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return "", evidence.Errorf(evidence.NotFound, "no client %s is paired", client)
		}
		return "", err
	}
	return client, nil
}

// RunIn starts another app in a live session, beside its own. With endWith the
// session ends when that app does.
func (h *Host) RunIn(ctx context.Context, sessionID string, a config.App, endWith bool) error {
	s, ok := h.o.House.Session(sessionID)
	if !ok {
		return evidence.Errorf(evidence.NotFound, "no session %s is running", sessionID)
	}
	spec, err := adHoc(a)
	if err != nil {
		return err
	}
	return s.Run(ctx, spec, endWith)
}

// adHoc is an app that is in no catalogue, so that its title may be another's, too.
func adHoc(a config.App) (app.Spec, error) {
	resolved, err := config.ResolveApps([]config.App{a})
	if err != nil {
		if problems, ok := errors.AsType[*config.Error](err); ok && len(problems.Problems) > 0 {
			return app.Spec{}, evidence.Errorf(evidence.Invalid, "app %q: %s", a.Title, problems.Problems[0].Message)
		}
		return app.Spec{}, evidence.Errorf(evidence.Invalid, "app %q: %w", a.Title, err)
	}
	return specOf(Entry{App: resolved[0], Source: FromAPI})
}

// Pause sends the client of a session away. Its app lives on for the lease, and
// the client may resume.
func (h *Host) Pause(ctx context.Context, sessionID string) error {
	s, ok := h.o.House.Session(sessionID)
	if !ok {
		return evidence.Errorf(evidence.NotFound, "no session %s is running", sessionID)
	}
	if l := h.links.find(func(l *link) bool { return l.session == s }); l != nil {
		ctx, cancel := context.WithTimeout(ctx, farewellTimeout)
		defer cancel()
		l.dismiss(ctx, termination(evidence.EndStopped))
		h.links.drop(l)
	}
	s.Pause()
	return nil
}

// ClientAddress is where a session's client is connected from; the zero Addr
// while it is not.
func (h *Host) ClientAddress(sessionID string) netip.Addr {
	l := h.links.find(func(l *link) bool { return l.session.ID() == sessionID })
	if l == nil {
		return netip.Addr{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer == nil {
		return netip.Addr{}
	}
	return l.peer.Addr().Addr().Unmap()
}

// Input hands a session an input packet of the control link that comes over an
// API: with the link's header, or from the packet's length on.
func (h *Host) Input(sessionID string, packet []byte) error {
	s, ok := h.o.House.Session(sessionID)
	if !ok {
		return evidence.Errorf(evidence.NotFound, "no session %s is running", sessionID)
	}
	switch s.State() {
	case session.Waiting, session.Streaming, session.Paused:
	default:
		return evidence.Errorf(evidence.Unavailable, "the session is %s and takes no input: wait until its app runs", s.State())
	}
	in, err := control.ParseInput(withoutHeader(packet))
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "read the input packet: %w", err)
	}
	handled, err := forward(in, s.Display(), s)
	switch {
	case err != nil:
		return evidence.Errorf(evidence.Unavailable, "hand input to the session: %w", err)
	case !handled:
		return evidence.Errorf(evidence.Invalid, "the packet is from %s, which sessions do not have yet", deviceOf(in))
	}
	s.Touch()
	return nil
}

// withoutHeader cuts off a message's type and length. A bare packet begins with
// its own length, whose first two bytes are 0.
func withoutHeader(packet []byte) []byte {
	const header = 4
	if len(packet) >= header && control.Type(binary.LittleEndian.Uint16(packet)) == control.TypeInput {
		return packet[header:]
	}
	return packet
}
