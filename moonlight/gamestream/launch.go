package gamestream

// LaunchRequest is the query of /launch and /resume.
type LaunchRequest struct {
	// AppID is the app to start; 0 in a resume by a client that sends none.
	AppID int32
	// Width and Height are pixels, FPS is frames per second. All are 0 in a
	// resume without mode. FPS is 60 where the client leaves the rate to ANNOUNCE.
	Width, Height, FPS int
	// OptimizeSettings is sops: the game may be reconfigured for streaming.
	OptimizeSettings bool
	// Key is rikey, the key of this launch.
	Key SessionKey
	// KeyID is rikeyid, whose four big-endian bytes begin the audio IV.
	KeyID int32
	// PlayOnHost is localAudioPlayMode: sound shall be heard at the host too.
	PlayOnHost bool
	// Channels is 2, 6 or 8, and ChannelMask its speakers (surroundAudioInfo);
	// other numbers of channels are taken for stereo.
	Channels    int
	ChannelMask uint16
	// SurroundParams and ContinuousAudio are extensions of some clients.
	SurroundParams  string
	ContinuousAudio bool
	// Controllers is remoteControllersBitmap, InitialControllers is gcmap, and
	// PersistControllers is gcpersist: pads stay plugged in when they vanish.
	Controllers, InitialControllers uint32
	PersistControllers              bool
	// CoreVersion is corever: 1 and above can encrypt RTSP.
	CoreVersion int
	// HDR is hdrMode.
	HDR bool
}
