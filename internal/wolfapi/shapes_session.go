package wolfapi

// Session is a session, and in sessions/add what one is to be. A session has
// no id of its own: ClientID is what the other calls take as session_id.
type Session struct {
	ClientIP          string    `json:"client_ip"`
	AESKey            string    `json:"aes_key"`
	AESIV             string    `json:"aes_iv"`
	RTSPFakeIP        string    `json:"rtsp_fake_ip"`
	VideoWidth        int       `json:"video_width"`
	VideoHeight       int       `json:"video_height"`
	VideoRefreshRate  int       `json:"video_refresh_rate"`
	AudioChannelCount int       `json:"audio_channel_count"`
	AppID             *Key      `json:"app_id,omitempty"`
	ClientID          *Key      `json:"client_id,omitempty"`
	ClientSettings    *Settings `json:"client_settings,omitempty"`
}

// SessionList is the answer of GET sessions.
type SessionList struct {
	Success  bool      `json:"success"`
	Sessions []Session `json:"sessions"`
}

// SessionCreated is the answer of sessions/add.
type SessionCreated struct {
	Success   bool `json:"success"`
	SessionID Key  `json:"session_id"`
}

// SessionPause names a session.
type SessionPause struct {
	SessionID Key `json:"session_id"`
}

// SessionStop names a session.
type SessionStop struct {
	SessionID Key `json:"session_id"`
}

// SessionInput is an input packet of Moonlight for a session.
type SessionInput struct {
	SessionID      Key    `json:"session_id"`
	InputPacketHex string `json:"input_packet_hex"`
}

// SessionStart begins the stream of a session without RTSP.
type SessionStart struct {
	SessionID    Key          `json:"session_id"`
	VideoSession VideoSession `json:"video_session"`
	AudioSession AudioSession `json:"audio_session"`
}

// VideoSession is what was negotiated for the picture.
type VideoSession struct {
	DisplayMode                   DisplayMode `json:"display_mode"`
	GstPipeline                   string      `json:"gst_pipeline"`
	RenderNode                    string      `json:"render_node"`
	SessionID                     Key         `json:"session_id"`
	Port                          int         `json:"port"`
	TimeoutMS                     int         `json:"timeout_ms"`
	WaitForPing                   bool        `json:"wait_for_ping"`
	PacketSize                    int         `json:"packet_size"`
	FramesWithInvalidRefThreshold int         `json:"frames_with_invalid_ref_threshold"`
	FECPercentage                 int         `json:"fec_percentage"`
	MinRequiredFECPackets         int         `json:"min_required_fec_packets"`
	BitrateKbps                   int         `json:"bitrate_kbps"`
	SlicesPerFrame                int         `json:"slices_per_frame"`
	ColorRange                    string      `json:"color_range" enum:"JPEG,MPEG"`
	ColorSpace                    string      `json:"color_space" enum:"BT601,BT709,BT2020"`
	ClientIP                      string      `json:"client_ip"`
	RTPSecretPayload              [16]int     `json:"rtp_secret_payload"`
}

// DisplayMode is a size in pixels and a rate in frames per second.
type DisplayMode struct {
	Width       int `json:"width"`
	Height      int `json:"height"`
	RefreshRate int `json:"refreshRate"`
}

// AudioSession is what was negotiated for the sound.
type AudioSession struct {
	GstPipeline      string    `json:"gst_pipeline"`
	SessionID        Key       `json:"session_id"`
	EncryptAudio     bool      `json:"encrypt_audio"`
	AESKey           string    `json:"aes_key"`
	AESIV            string    `json:"aes_iv"`
	Port             int       `json:"port"`
	WaitForPing      bool      `json:"wait_for_ping"`
	ClientIP         string    `json:"client_ip"`
	RTPSecretPayload [16]int   `json:"rtp_secret_payload"`
	PacketDuration   int       `json:"packet_duration"`
	AudioMode        AudioMode `json:"audio_mode"`
}

// AudioMode is a layout of channels.
type AudioMode struct {
	Channels       int       `json:"channels"`
	Streams        int       `json:"streams"`
	CoupledStreams int       `json:"coupled_streams"`
	Speakers       []Speaker `json:"speakers"`
	Bitrate        int       `json:"bitrate"`
	SampleRate     int       `json:"sample_rate"`
}

// Speaker is where a channel is heard.
type Speaker string

// RunnerStart starts another app in a session.
type RunnerStart struct {
	StopStreamWhenOver bool   `json:"stop_stream_when_over"`
	Runner             Runner `json:"runner"`
	SessionID          Key    `json:"session_id"`
}

// Lobby is a desktop that clients share.
type Lobby struct {
	ID                     Key     `json:"id"`
	Name                   string  `json:"name"`
	IconPNGPath            *string `json:"icon_png_path,omitempty"`
	MultiUser              bool    `json:"multi_user"`
	StartedByProfileID     string  `json:"started_by_profile_id"`
	PINRequired            bool    `json:"pin_required"`
	StopWhenEveryoneLeaves bool    `json:"stop_when_everyone_leaves"`
	Runner                 Runner  `json:"runner"`
	ConnectedSessions      []Key   `json:"connected_sessions"`
}

// LobbyList is the answer of GET lobbies.
type LobbyList struct {
	Success bool    `json:"success"`
	Lobbies []Lobby `json:"lobbies"`
}

// LobbyCreated is the answer of lobbies/create.
type LobbyCreated struct {
	Success bool `json:"success"`
	LobbyID Key  `json:"lobby_id"`
}

// LobbyCreate asks for a lobby.
type LobbyCreate struct {
	ProfileID              Key              `json:"profile_id"`
	Name                   string           `json:"name"`
	IconPNGPath            *string          `json:"icon_png_path,omitempty"`
	MultiUser              bool             `json:"multi_user"`
	PIN                    *[]int           `json:"pin"`
	StopWhenEveryoneLeaves bool             `json:"stop_when_everyone_leaves"`
	VideoSettings          VideoSettings    `json:"video_settings"`
	AudioSettings          AudioSettings    `json:"audio_settings"`
	ClientSettings         *PartialSettings `json:"client_settings"`
	RunnerStateFolder      string           `json:"runner_state_folder"`
	Runner                 Runner           `json:"runner"`
}

// VideoSettings are those of a lobby's picture.
type VideoSettings struct {
	Width                   int    `json:"width"`
	Height                  int    `json:"height"`
	RefreshRate             int    `json:"refresh_rate"`
	WaylandRenderNode       string `json:"wayland_render_node"`
	RunnerRenderNode        string `json:"runner_render_node"`
	VideoProducerBufferCaps string `json:"video_producer_buffer_caps"`
}

// AudioSettings are those of a lobby's sound.
type AudioSettings struct {
	ChannelCount int `json:"channel_count"`
}

// LobbyJoin lets a session into a lobby.
type LobbyJoin struct {
	LobbyID            Key    `json:"lobby_id"`
	MoonlightSessionID Key    `json:"moonlight_session_id"`
	PIN                *[]int `json:"pin,omitempty"`
}

// LobbyLeave lets a session leave a lobby.
type LobbyLeave struct {
	LobbyID            Key `json:"lobby_id"`
	MoonlightSessionID Key `json:"moonlight_session_id"`
}

// LobbyPause names a lobby.
type LobbyPause struct {
	LobbyID Key    `json:"lobby_id"`
	PIN     *[]int `json:"pin,omitempty"`
}

// LobbyResume names a lobby.
type LobbyResume struct {
	LobbyID Key    `json:"lobby_id"`
	PIN     *[]int `json:"pin,omitempty"`
}

// LobbyStop names a lobby.
type LobbyStop struct {
	LobbyID Key    `json:"lobby_id"`
	PIN     *[]int `json:"pin,omitempty"`
}

// ImagePull names a container's image.
type ImagePull struct {
	ImageName string `json:"image_name"`
}

// ImagePulled is the last answer of docker/images/pull.
type ImagePulled struct {
	Success bool `json:"success"`
}
