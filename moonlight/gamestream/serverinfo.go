package gamestream

import "net/netip"

// ServerInfo is the answer to /serverinfo, by which clients recognise a host
// and its abilities (libgamestream client.c, moonlight-qt nvcomputer.cpp).
type ServerInfo struct {
	// Hostname is what the client shows.
	Hostname string
	// AppVersion and GfeVersion are the constants of the same name where empty.
	AppVersion, GfeVersion string
	// UniqueID is the host's stable UUID; clients merge addresses by it.
	UniqueID string
	// HTTPSPort and ExternalPort (the HTTP port as seen from outside) are the
	// defaults where 0.
	HTTPSPort, ExternalPort uint16
	// ExternalIP is left out where it is the zero Addr.
	ExternalIP netip.Addr
	// LocalIP is an IPv4 address; 127.0.0.1 where unknown, which clients ignore.
	LocalIP netip.Addr
	// MAC is for wake-on-LAN; empty means 00:00:00:00:00:00, which is ignored.
	MAC string
	// MaxLumaPixelsH264 is how many pixels per second the host encodes as H.264; it
	// is left out where 0.
	MaxLumaPixelsH264 uint64
	// MaxLumaPixelsHEVC is 0 for a host without HEVC.
	MaxLumaPixelsHEVC uint64
	// Codecs is CodecH264 where 0.
	Codecs CodecMask
	// PairStatus is true only over HTTPS for a paired client.
	PairStatus bool
	// CurrentGame is the id of the app that runs, 0 for none.
	CurrentGame int32
	// State is StateBusy or StateFree by CurrentGame where empty.
	State string
	// DisplayModes helps clients that refuse modes a host does not list.
	DisplayModes []DisplayMode
	// GPUType and GsVersion are shown by some clients, and left out where empty.
	GPUType, GsVersion string
}

// DisplayMode is one mode of SupportedDisplayMode: pixels and Hz.
type DisplayMode struct {
	Width, Height, RefreshRate int
}

// App is one entry of /applist.
type App struct {
	// ID is positive.
	ID int32
	// Title must not be empty: clients refuse the whole list.
	Title string
	// HDR says that the app can be streamed in HDR.
	HDR bool
}
