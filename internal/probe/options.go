package probe

import (
	"cmp"
	"context"
	"time"
)

// Options say whom to probe, and how.
type Options struct {
	// Host is a name or an address, Port its HTTP port (0: 47989).
	Host string
	Port int
	// IdentityDir keeps the client's certificate and the certificates of the
	// hosts that it is paired with. Empty: a new client that is forgotten.
	IdentityDir string
	// PIN pairs when the host does not know the client yet. Empty: it must.
	PIN string
	// Approve enters a PIN at the host, for the client with that fingerprint, as
	// a person there would. With it, and without PIN, a client that the host does
	// not know pairs by itself.
	Approve func(ctx context.Context, pin, fingerprint string) error
	// App is the title of the app, in any case of letters; empty for the first.
	App string
	// Width and Height are pixels, FPS frames per second of the stream.
	Width, Height, FPS int
	// Duration is how long to stream from the first picture on; 0 only pairs
	// and lists the apps.
	Duration    time.Duration
	BitrateKbps int
	// Keys is how many keys to press during the stream.
	Keys int
	// AudioChannels is 2, 6 or 8; 0 for 2.
	AudioChannels int
	// Plain says that the client cannot encrypt RTSP.
	Plain bool
	// Legacy makes a client from before session ids (ML_FF_SESSION_ID_V1): its
	// pings carry no payload, and its control link presents no number.
	Legacy bool
	// Sent, if not nil, sees every datagram of the control link before it is
	// sent. It must not keep or change the slice, and must not block.
	Sent func(datagram []byte)
	// KeepRunning leaves the app running at the end.
	KeepRunning bool
	// MediaExecutable is kennel-media; empty for the one beside this program.
	MediaExecutable string
	// PacketSize is that of video packets; 0 for 1024, as clients use outside
	// of private networks.
	PacketSize int
	// Script drives the stream from the first decoded picture on, instead of
	// Keys. The stream ends when it returns, and Duration is its limit.
	Script func(context.Context, *Pilot) error
}

func (o *Options) fill() {
	o.Port = cmp.Or(o.Port, 47989)
	o.Width, o.Height, o.FPS = cmp.Or(o.Width, 1280), cmp.Or(o.Height, 720), cmp.Or(o.FPS, 60)
	o.BitrateKbps = cmp.Or(o.BitrateKbps, 10000)
	o.PacketSize, o.AudioChannels = cmp.Or(o.PacketSize, 1024), cmp.Or(o.AudioChannels, 2)
}

// Deadlines of a client, as moonlight-common-c has them where it has any.
const (
	httpTimeout       = 5 * time.Second
	pairTimeout       = 5 * time.Minute
	launchTimeout     = 30 * time.Second
	rtspTimeout       = 15 * time.Second
	connectTimeout    = 10 * time.Second
	firstPacket       = 10 * time.Second
	firstFrame        = 10 * time.Second
	decodeTimeout     = 5 * time.Second
	leaveTimeout      = 10 * time.Second
	pingInterval      = 500 * time.Millisecond
	controlInterval   = 100 * time.Millisecond
	workerTimeout     = 15 * time.Second
	echoTimeout       = time.Second
	maxQueuedPictures = 64
)
