package wolfapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
)

func (a *api) sessions(context.Context) (SessionList, error) {
	list := SessionList{Success: true, Sessions: []Session{}}
	for _, s := range a.backend.Streams() {
		list.Sessions = append(list.Sessions, sessionOf(s, a.everybodys()))
	}
	return list, nil
}

// sessionOf is a session in Wolf's words, without its keys: who may list
// sessions need not be able to decrypt them.
func sessionOf(s Stream, settings Settings) Session {
	app, client := idOf(s.App), s.Number
	d := Session{
		VideoWidth: s.Width, VideoHeight: s.Height, VideoRefreshRate: s.FPS, AudioChannelCount: max(2, s.Channels),
		AppID: &app, ClientID: &client, ClientSettings: &settings,
	}
	if s.Address.IsValid() {
		d.ClientIP = s.Address.String()
	}
	return d
}

// session finds a live session by its id in Wolf.
func (a *api) session(id Key) (Stream, error) {
	for _, s := range a.backend.Streams() {
		if s.Number == id {
			return s, nil
		}
	}
	return Stream{}, evidence.Errorf(evidence.NotFound, "no session %.64q is live: GET sessions lists all, by client_id", string(id))
}

// addSession launches a session. Its client then talks RTSP to rtsp_fake_ip, or
// resumes as a paired client does.
func (a *api) addSession(ctx context.Context, request Session) (SessionCreated, error) {
	app, err := a.appNumber(ctx, request.AppID)
	if err != nil {
		return SessionCreated{}, err
	}
	order := host.Order{
		App: app, Width: request.VideoWidth, Height: request.VideoHeight, FPS: request.VideoRefreshRate, Channels: request.AudioChannelCount,
	}
	if order.Key, order.KeyID, err = keys(request.AESKey, request.AESIV); err != nil {
		return SessionCreated{}, err
	}
	// Tools may fill client_ip with anything: it is a hint for clients that hide
	// to which host they talk.
	order.ClientAddress, _ = netip.ParseAddr(request.ClientIP)
	if request.RTSPFakeIP != "" {
		if order.Address, err = netip.ParseAddr(request.RTSPFakeIP); err != nil {
			return SessionCreated{}, evidence.Errorf(evidence.Invalid, "rtsp_fake_ip is no IP address: %.64q", request.RTSPFakeIP)
		}
	}
	switch order.Channels {
	case 0, 2, 6, 8:
	default:
		return SessionCreated{}, evidence.Errorf(evidence.Invalid, "audio_channel_count is %d: write 2, 6 or 8", order.Channels)
	}
	if request.ClientID != nil && *request.ClientID != "" {
		c, err := a.client(ctx, *request.ClientID)
		if err != nil {
			return SessionCreated{}, err
		}
		order.Client = c.ID
	}
	s, err := a.backend.Order(ctx, order)
	if err != nil {
		return SessionCreated{}, err
	}
	return SessionCreated{Success: true, SessionID: s.Number}, nil
}

// appNumber is the app that a session is to have: 0 for none, until
// runners/start starts one.
func (a *api) appNumber(ctx context.Context, id *Key) (int32, error) {
	if id == nil || *id == "" {
		return 0, nil
	}
	app, ok, err := a.app(ctx, *id)
	if err == nil && !ok {
		err = evidence.Errorf(evidence.NotFound, "no app has the id %.64q: GET apps lists all", string(*id))
	}
	return int32(app.ID), err
}

// keys reads aes_key, 32 digits of hex, and aes_iv, a number of 32 bits with or
// without a sign. Both may be empty in a session that is only to be resumed.
func keys(key, id string) (k [16]byte, keyID int32, err error) {
	if key != "" {
		raw, err := hex.DecodeString(key)
		if err != nil || len(raw) != len(k) {
			return k, 0, evidence.Errorf(evidence.Invalid, "aes_key is not 32 digits of hex")
		}
		copy(k[:], raw)
	}
	if id == "" {
		return k, 0, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		return k, 0, evidence.Errorf(evidence.Invalid, "aes_iv is no number of 32 bits")
	}
	return k, int32(uint32(n)), nil
}

func (a *api) startSession(context.Context, SessionStart) (Success, error) {
	return Success{}, unsupported("Kennel negotiates streams by RTSP alone: connect a client to the session")
}

func (a *api) pauseSession(ctx context.Context, request SessionPause) (Success, error) {
	s, err := a.session(request.SessionID)
	if err == nil {
		err = a.backend.PauseSession(ctx, s.ID)
	}
	return Success{Success: err == nil}, err
}

// stopSession answers when nothing of the session is left.
func (a *api) stopSession(ctx context.Context, request SessionStop) (Success, error) {
	s, err := a.session(request.SessionID)
	if err == nil {
		err = a.backend.StopSession(ctx, s.ID)
	}
	return Success{Success: err == nil}, err
}

// input hands a packet of Moonlight to a session: with the four bytes in front
// that say it is one, as Wolf wants it.
func (a *api) input(_ context.Context, request SessionInput) (Success, error) {
	s, err := a.session(request.SessionID)
	if err != nil {
		return Success{}, err
	}
	packet, err := hex.DecodeString(request.InputPacketHex)
	if err != nil {
		return Success{}, evidence.Errorf(evidence.Invalid, "input_packet_hex is no hex: %w", err)
	}
	err = a.backend.Input(s.ID, packet)
	return Success{Success: err == nil}, err
}

// run starts another app in a session. It has no name but its program's.
func (a *api) run(ctx context.Context, request RunnerStart) (Success, error) {
	s, err := a.session(request.SessionID)
	if err != nil {
		return Success{}, err
	}
	app := App{Title: request.Runner.Docker.Name, Runner: request.Runner}
	if app.Title == "" {
		app.Title, _, _ = strings.Cut(path.Base(cmp.Or(request.Runner.Process.RunCmd, request.Runner.Docker.Image)), " ")
	}
	c, err := configOf(app)
	if err == nil {
		err = a.backend.Run(ctx, s.ID, c, request.StopStreamWhenOver)
	}
	return Success{Success: err == nil}, err
}

// noLobbies is why there are none.
const noLobbies = "Kennel has no lobbies: every client has a session of its own"

func (a *api) lobbies(context.Context) (LobbyList, error) {
	return LobbyList{Success: true, Lobbies: []Lobby{}}, nil
}

func (a *api) createLobby(context.Context, LobbyCreate) (LobbyCreated, error) {
	return LobbyCreated{}, unsupported(noLobbies)
}

func (a *api) joinLobby(context.Context, LobbyJoin) (Success, error) {
	return Success{}, unsupported(noLobbies)
}

func (a *api) leaveLobby(context.Context, LobbyLeave) (Success, error) {
	return Success{}, unsupported(noLobbies)
}

func (a *api) pauseLobby(context.Context, LobbyPause) (Success, error) {
	return Success{}, unsupported(noLobbies)
}

func (a *api) resumeLobby(context.Context, LobbyResume) (Success, error) {
	return Success{}, unsupported(noLobbies)
}

func (a *api) stopLobby(context.Context, LobbyStop) (Success, error) {
	return Success{}, unsupported(noLobbies)
}
