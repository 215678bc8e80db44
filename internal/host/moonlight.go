package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// face answers the GameStream API.
type face struct{ *Host }

var _ gamestream.Backend = face{}

// commonModes are offered to clients that refuse a mode which a host does not
// list; others are accepted as well.
var commonModes = func() []gamestream.DisplayMode {
	var modes []gamestream.DisplayMode
	for _, size := range [][2]int{{1280, 720}, {1920, 1080}, {2560, 1440}, {3840, 2160}} {
		for _, rate := range []int{30, 60, 90, 120} {
			modes = append(modes, gamestream.DisplayMode{Width: size[0], Height: size[1], RefreshRate: rate})
		}
	}
	return modes
}()

// ServerInfo describes the host. Each client sees its own session as the
// current game: others are none of its business.
func (f face) ServerInfo(_ context.Context, caller *gamestream.Caller) gamestream.ServerInfo {
	info := gamestream.ServerInfo{
		Hostname: f.config().Hostname, UniqueID: f.o.UUID, Codecs: gamestream.CodecH264, DisplayModes: commonModes,
		HTTPSPort: uint16(f.o.Announced.HTTPS), ExternalPort: uint16(f.o.Announced.HTTP),
	}
	l := f.config().Limits
	info.MaxLumaPixelsH264 = uint64(l.Width) * uint64(l.Height) * uint64(l.FPS)
	if caller != nil {
		info.MAC = hardwareAddress(caller.LocalAddr.Addr())
		if s, ok := f.o.House.ByClient(string(caller.ID)); ok && s.State() != session.Ending {
			info.CurrentGame = s.Request().App.ID
		}
	}
	return info
}

// hardwareAddress is that of the interface with an address of this machine, by
// which clients wake the host (Wake on LAN). It is empty if there is none, as for
// the loopback interface.
func hardwareAddress(local netip.Addr) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == local.Unmap().WithZone("") {
				return i.HardwareAddr.String()
			}
		}
	}
	return ""
}

func (f face) Apps(context.Context, *gamestream.Caller) ([]gamestream.App, error) {
	var apps []gamestream.App
	for _, e := range f.o.Catalogue.Entries() {
		apps = append(apps, gamestream.App{ID: int32(e.ID), Title: e.Title})
	}
	return apps, nil
}

func (f face) AppAsset(_ context.Context, _ *gamestream.Caller, id int32) ([]byte, error) {
	art, err := f.o.Catalogue.Art(id)
	if art.Fault != nil {
		f.log.Warn("the box art of an app cannot be served: one was drawn instead", "app", id, "error", art.Fault)
	}
	return art.PNG, statusOf(err)
}

// Launch starts a session. A client that launches the app which it has running
// already is taken back to it; another app replaces it.
func (f face) Launch(ctx context.Context, caller *gamestream.Caller, r gamestream.LaunchRequest) (gamestream.LaunchReply, error) {
	reply, err := f.launch(ctx, caller, r)
	if err != nil {
		f.log.Warn("launch refused", "client", caller.ID, "app", r.AppID, "error", err)
	}
	return reply, statusOf(err)
}

func (f face) launch(ctx context.Context, caller *gamestream.Caller, r gamestream.LaunchRequest) (gamestream.LaunchReply, error) {
	spec, err := f.o.Catalogue.Find(r.AppID)
	if err != nil {
		return gamestream.LaunchReply{}, err
	}
	if err := f.checkMode(r.Width, r.Height, r.FPS); err != nil {
		return gamestream.LaunchReply{}, err
	}
	if err := f.checkEncrypts(r); err != nil {
		return gamestream.LaunchReply{}, err
	}
	if s, ok := f.o.House.ByClient(string(caller.ID)); ok {
		if s.Request().App.ID == r.AppID && s.State() != session.Ending && s.State() != session.Launching {
			return f.resume(caller, s, r)
		}
		s.End(evidence.EndReplaced, "the client launched "+spec.Title)
		if err := waitFor(ctx, s); err != nil {
			return gamestream.LaunchReply{}, err
		}
	}
	s, err := f.o.House.Launch(ctx, session.Request{
		Client: string(caller.ID), App: spec, Width: r.Width, Height: r.Height, FPS: r.FPS, Channels: r.Channels, Goodbye: f.goodbye(string(caller.ID)),
	})
	if err != nil {
		return gamestream.LaunchReply{}, err
	}
	return f.link(caller, s, r)
}

// checkMode bounds what a client asks for by the configuration.
func (h *Host) checkMode(width, height, fps int) error {
	l := h.config().Limits
	switch {
	case width < gamestream.MinDimension || height < gamestream.MinDimension || fps < 1:
		return evidence.Errorf(evidence.Invalid, "this host cannot stream %dx%d at %d frames per second: choose another mode in the client's settings", width, height, fps)
	case width > l.Width || height > l.Height || fps > l.FPS:
		return evidence.Errorf(evidence.Invalid, "this host streams at most %dx%d at %d frames per second, not %dx%d at %d: choose another mode in the client's settings", l.Width, l.Height, l.FPS, width, height, fps)
	}
	return nil
}

// checkEncrypts refuses a client that is too old to encrypt where the host
// requires that. Such clients cannot encrypt RTSP, either, and say so.
func (h *Host) checkEncrypts(r gamestream.LaunchRequest) error {
	if h.config().Video.Encryption == config.EncryptionRequired && r.CoreVersion < 1 {
		return evidence.Errorf(evidence.Unauthorized, "update this client: this host streams with encryption only, which it does not know")
	}
	return nil
}

func waitFor(ctx context.Context, s *session.Session) error {
	select {
	case <-s.Done():
		return nil
	case <-ctx.Done():
		return evidence.Errorf(evidence.Deadline, "the session before did not end in time: %w", ctx.Err())
	}
}

// Resume binds a new stream to the client's session.
func (f face) Resume(_ context.Context, caller *gamestream.Caller, r gamestream.LaunchRequest) (gamestream.LaunchReply, error) {
	s, ok := f.o.House.ByClient(string(caller.ID))
	if !ok {
		return gamestream.LaunchReply{}, statusOf(evidence.Errorf(evidence.Unavailable, "you have no session on this host to resume: launch an app"))
	}
	if err := f.checkEncrypts(r); err != nil {
		return gamestream.LaunchReply{}, statusOf(err)
	}
	if r.Width != 0 {
		if err := f.checkMode(r.Width, r.Height, r.FPS); err != nil {
			return gamestream.LaunchReply{}, statusOf(err)
		}
	}
	reply, err := f.resume(caller, s, r)
	return reply, statusOf(err)
}

func (f face) resume(caller *gamestream.Caller, s *session.Session, r gamestream.LaunchRequest) (gamestream.LaunchReply, error) {
	if r.Width != 0 {
		if err := s.AdmitSize(r.Width, r.Height, r.FPS); err != nil {
			return gamestream.LaunchReply{}, err
		}
	}
	if err := s.Resume(); err != nil {
		return gamestream.LaunchReply{}, err
	}
	s.Trace().Note(evidence.StageLaunch, "resume", fmt.Sprintf("%dx%d@%d", r.Width, r.Height, r.FPS))
	return f.link(caller, s, r)
}

// link gives the client a way into its session. A link from before is closed:
// the newest launch or resume is the one that counts.
func (h *Host) link(caller *gamestream.Caller, s *session.Session, r gamestream.LaunchRequest) (gamestream.LaunchReply, error) {
	encrypted := r.CoreVersion >= 1 && h.config().RTSP.Encryption != rtspEncryptionOff
	l, err := newLink(s, string(caller.ID), launchKey{[16]byte(r.Key), r.KeyID}, encrypted, caller.RemoteAddr.Addr())
	if err != nil {
		return gamestream.LaunchReply{}, err
	}
	h.limiter.Expect(caller.RemoteAddr.Addr())
	h.replace(l)
	if err := h.stillPaired(caller, s); err != nil {
		return gamestream.LaunchReply{}, err
	}
	scheme, address := "rtsp", l.address
	if encrypted {
		scheme, address = "rtspenc", caller.LocalAddr.Addr().Unmap()
	}
	host := address.String()
	if encrypted && h.config().Announce.Address != "" {
		host = h.config().Announce.Address
	}
	return gamestream.LaunchReply{SessionURL: scheme + "://" + net.JoinHostPort(host, strconv.Itoa(h.o.Announced.RTSP))}, nil
}

const rtspEncryptionOff = "off"

// replace puts a link in the place of the one that its session had. The client
// of that one is told, since it would wait for pictures otherwise.
func (h *Host) replace(l *link) {
	old := h.links.put(l)
	if old == nil {
		return
	}
	h.streams.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), farewellTimeout)
		defer cancel()
		old.dismiss(ctx, control.HostReason(evidence.NumberTakenOver))
	})
}

// goodbye tells the client of a session that it ends.
func (h *Host) goodbye(client string) func(context.Context, evidence.End) {
	return func(ctx context.Context, end evidence.End) {
		l := h.links.find(func(l *link) bool { return l.client == client })
		if l == nil {
			return
		}
		l.dismiss(ctx, termination(end))
		h.links.drop(l)
	}
}

// cancelTimeout bounds the wait for a session's end before a client is answered.
const cancelTimeout = 10 * time.Second

// Cancel ends the client's session, and answers when it has ended: clients ask
// for the current game at once.
func (f face) Cancel(ctx context.Context, caller *gamestream.Caller) error {
	s, ok := f.o.House.ByClient(string(caller.ID))
	if !ok {
		return nil
	}
	s.End(evidence.EndClientQuit, "")
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	return statusOf(waitFor(ctx, s))
}

// statusOf turns an error into what the client shows.
func statusOf(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*evidence.Error](err); !ok {
		return err
	}
	return &gamestream.StatusError{Code: evidence.KindOf(err).XMLStatus(), Message: sentence(err.Error())}
}

// sentence makes an error what a player reads: it begins with a capital and
// ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return text
	}
	text = strings.ReplaceAll(text, "\n", "; ") // joined errors
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// isAddress reports whether a Host header is the address of a link.
func isAddress(text string, address netip.Addr) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a == address
}
