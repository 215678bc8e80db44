package config

import (
	"os"
	"time"
)

// Version is the format version that this package reads; a file must name it.
const Version = 1

// Config is a whole configuration. Default gives every field its default, and
// Parse overwrites those that the file names.
type Config struct {
	// Version is the format of the file; only 1 exists.
	Version int `toml:"version"`
	// Hostname is what Moonlight shows as the host's name: 1 to 64 printable characters.
	Hostname string `toml:"hostname"`
	// Ports are the ports to bind.
	Ports Ports `toml:"ports"`
	// Announce is what clients are told where it differs from what is bound.
	Announce Announce `toml:"announce"`
	// Listen says where to bind.
	Listen Listen `toml:"listen"`
	// Discovery is how clients of the local network find the host.
	Discovery Discovery `toml:"discovery"`
	// Log is the form and amount of logging.
	Log Log `toml:"log"`
	// Limits bounds what clients may take.
	Limits Limits `toml:"limits"`
	// Display is what apps draw on.
	Display Display `toml:"display"`
	// Video is how pictures are encoded and sent.
	Video Video `toml:"video"`
	// Audio is where sessions have their sound from.
	Audio Audio `toml:"audio"`
	// RTSP is how sessions are negotiated.
	RTSP RTSP `toml:"rtsp"`
	// Process is how the processes of a session are held apart.
	Process Process `toml:"process"`
	// Health is how the host looks after itself.
	Health Health `toml:"health"`
	// Docker is the engine of apps that run in containers.
	Docker Docker `toml:"docker"`
	// Wolf is the API that tools made for Wolf speak.
	Wolf Wolf `toml:"wolf"`
	// Apps are the apps on offer. A file without apps offers the demo app.
	Apps []App `toml:"apps"`
}

// Listen says where to bind.
type Listen struct {
	// Address is the IP address that every port is bound to; empty means all.
	Address string `toml:"address"`
}

// Discovery is how clients of the local network find the host.
type Discovery struct {
	// MDNS announces the host by multicast DNS: "auto" (where there is a
	// network) or "off".
	MDNS string `toml:"mdns"`
	// Interfaces are the names of those to announce on, with * for any
	// characters; empty means all but loopback, tunnels and the bridges of
	// containers and guests.
	Interfaces []string `toml:"interfaces"`
}

// Log is the form and amount of logging.
type Log struct {
	// Format is "text" or "json".
	Format string `toml:"format"`
	// Level is "debug", "info", "warn" or "error".
	Level string `toml:"level"`
}

// Limits bounds what clients may take and how long the host waits for them.
type Limits struct {
	// Sessions is the largest number of sessions at one time; 0 means no limit.
	Sessions int `toml:"sessions"`
	// Cores is how many processor cores encoders may take together; 0 means all
	// of the machine, -1 no limit.
	Cores float64 `toml:"cores"`
	// MemoryReserveMiB and GPUMemoryReserveMiB are kept free: a launch that would
	// take of them is refused.
	MemoryReserveMiB    int `toml:"memory_reserve_mib"`
	GPUMemoryReserveMiB int `toml:"gpu_memory_reserve_mib"`
	// GPUFiles bounds the open files of GPU devices of all sessions; 0 means no limit.
	GPUFiles int `toml:"gpu_files"`
	// NVENCSessions bounds the encoders on an NVIDIA GPU; sessions beyond it
	// encode on the next rung. 0 means no limit.
	NVENCSessions int `toml:"nvenc_sessions"`
	// Width and Height are the largest picture that a client may ask for, in pixels.
	Width  int `toml:"width"`
	Height int `toml:"height"`
	// FPS is the highest frame rate that a client may ask for.
	FPS int `toml:"fps"`
	// LaunchTimeout is the longest time from a launch request to the first picture.
	LaunchTimeout Duration `toml:"launch_timeout"`
	// ConnectTimeout is the longest time from a launch to the client's control link.
	ConnectTimeout Duration `toml:"connect_timeout"`
	// ClientTimeout is how long a client's control link may stay silent.
	ClientTimeout Duration `toml:"client_timeout"`
	// PairTimeout is how long a pairing request waits for its PIN.
	PairTimeout Duration `toml:"pair_timeout"`
	// StopTimeout is how long an app may take to end by itself before it is killed.
	StopTimeout Duration `toml:"stop_timeout"`
	// Lease is how long the app of a client that left or vanished is kept.
	Lease Duration `toml:"lease"`
	// History is how many ended sessions are remembered, with their events,
	// receipts and output; older ones are forgotten. 0 means all.
	History int `toml:"history"`
	// Idle is after what time without any input a session ends; 0 means never.
	Idle Duration `toml:"idle"`
}

// Display is what apps draw on.
type Display struct {
	// DMABuf says whether apps may hand over pictures in GPU memory
	// (zwp_linux_dmabuf_v1): "auto" (where there is a GPU and a way to read it),
	// "on" (wherever there is a way) or "off".
	DMABuf string `toml:"dmabuf"`
}

// Video is how pictures are encoded and sent.
type Video struct {
	// Encoders is the ladder of encoders, best first: each of "nvcodec", "va",
	// "qsv" (on a GPU), "x264", "openh264". What the machine lacks is left out.
	Encoders []string `toml:"encoders"`
	// FECPercent is the share of parity packets in percent of the data packets, 0 to 100.
	FECPercent int `toml:"fec_percent"`
	// BitrateMaxKbps caps the bit rate that clients ask for, in kbit/s; 0 means no cap.
	BitrateMaxKbps int `toml:"bitrate_max_kbps"`
	// Encryption of video and audio packets and the control link: "preferred" (the
	// host asks every client for it), "required" (clients that cannot are refused),
	// "optional" (as the client wants) or "off".
	Encryption string `toml:"encryption"`
}

// Audio is where sessions have their sound from.
type Audio struct {
	// Server is the absolute path of the pulseaudio that each session runs;
	// empty for the one that is installed, "off" for sessions without sound.
	Server string `toml:"server"`
}

// AudioOff is the Server of a host without sound.
const AudioOff = "off"

// RTSP is how sessions are negotiated.
type RTSP struct {
	// Encryption of RTSP messages: "optional" (as the client asks) or "off".
	Encryption string `toml:"encryption"`
}

// Process is how the processes of a session are held apart.
type Process struct {
	// UIDFirst is the first user id that sessions run under when the host is root.
	UIDFirst int `toml:"uid_first"`
	// UIDCount is how many user ids follow from UIDFirst, thus how many sessions at one time.
	UIDCount int `toml:"uid_count"`
	// Cgroup is "auto" (a control group per session where the kernel allows one) or "off".
	Cgroup string `toml:"cgroup"`
	// Isolation of apps from each other and from the host is "auto" (as far as
	// the machine can), "required" or "off".
	Isolation string `toml:"isolation"`
}

// Health is how the host looks after itself.
type Health struct {
	// CanaryInterval is how often a session in miniature proves the host; 0 for
	// once at the start.
	CanaryInterval Duration `toml:"canary_interval"`
}

// Docker is the engine, Docker or podman, of apps that run in containers.
type Docker struct {
	// Socket is the absolute path of the engine's socket; empty for DOCKER_HOST
	// or the first of Docker's and podman's usual ones that answers.
	Socket string `toml:"socket"`
}

// Wolf is the API that tools made for Wolf speak, on a socket of its own.
type Wolf struct {
	// Socket is the absolute path of the socket; empty for none. Where it is
	// empty, kennel serve takes WOLF_SOCKET_PATH from its environment.
	Socket string `toml:"socket"`
	// Group is the group of users who may connect beside root and the host's own
	// user; empty for nobody else.
	Group string `toml:"group"`
	// Profiles are what the API tells of users' sets of apps. Moonlight shows all
	// apps in any case.
	Profiles []WolfProfile `toml:"profiles"`
}

// WolfProfile is a set of apps that tools made for Wolf show to a user.
type WolfProfile struct {
	// ID is unique, Name what people see.
	ID   string `toml:"id"`
	Name string `toml:"name"`
	// Apps are slugs; one that no app has shows nothing.
	Apps []string `toml:"apps"`
}

// Words that the string-valued keys take.
const (
	FormatText = "text"
	FormatJSON = "json"

	LevelDebug = "debug"
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"

	EncryptionPreferred = "preferred"
	EncryptionOptional  = "optional"
	EncryptionRequired  = "required"
	EncryptionOff       = "off"

	CgroupAuto = "auto"
	CgroupOff  = "off"

	IsolationAuto     = "auto"
	IsolationRequired = "required"
	IsolationOff      = "off"

	DMABufAuto = "auto"
	DMABufOn   = "on"
	DMABufOff  = "off"

	MDNSAuto = "auto"
	MDNSOff  = "off"

	EncoderNVCodec  = "nvcodec"
	EncoderVA       = "va"
	EncoderQSV      = "qsv"
	EncoderX264     = "x264"
	EncoderOpenH264 = "openh264"
)

// Encoders returns every encoder, best first.
func Encoders() []string {
	return []string{EncoderNVCodec, EncoderVA, EncoderQSV, EncoderX264, EncoderOpenH264}
}

// Default is the configuration of a host without a file: all ports from base
// 47989 (DefaultBasePort), the demo app, software encoders.
func Default() Config {
	return Config{
		Version:   Version,
		Hostname:  defaultHostname(),
		Ports:     Ports{Base: DefaultBasePort},
		Discovery: Discovery{MDNS: MDNSAuto, Interfaces: []string{}},
		Log:       Log{Format: FormatText, Level: LevelInfo},
		Limits: Limits{
			History: 1000, MemoryReserveMiB: 256, GPUMemoryReserveMiB: 256,
			Width: 7680, Height: 4320, FPS: 240,
			LaunchTimeout:  Duration(10 * time.Second),
			ConnectTimeout: Duration(30 * time.Second),
			ClientTimeout:  Duration(10 * time.Second),
			PairTimeout:    Duration(5 * time.Minute),
			StopTimeout:    Duration(3 * time.Second),
			Lease:          Duration(10 * time.Minute),
		},
		Display: Display{DMABuf: DMABufAuto},
		Video: Video{
			Encoders:   Encoders(),
			FECPercent: 20,
			Encryption: EncryptionPreferred,
		},
		RTSP:    RTSP{Encryption: EncryptionOptional},
		Process: Process{UIDFirst: defaultUIDFirst, UIDCount: defaultUIDCount, Cgroup: CgroupAuto, Isolation: IsolationAuto},
		Health:  Health{CanaryInterval: Duration(10 * time.Minute)},
		Apps:    []App{Demo()},
	}
}

// The user ids 60706 to 61183 are used by nobody: systemd gives those before them
// to people, containers and greeters and those after them to services
// (DynamicUser=, https://systemd.io/UIDS-GIDS). They fit into the 65536 ids that a
// container with a user namespace has.
const (
	defaultUIDFirst = 60706
	defaultUIDCount = 478
)

// defaultHostname falls back to the product's name where the system's name is
// missing or would not pass Validate.
func defaultHostname() string {
	if name, err := os.Hostname(); err == nil && checkHostname(name) == "" {
		return name
	}
	return "Kennel"
}
