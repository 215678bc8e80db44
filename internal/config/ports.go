package config

import "fmt"

// DefaultBasePort is the base of Moonlight's well-known ports: its HTTP port.
const DefaultBasePort = 47989

// Distances of each port from the base, as every Moonlight client derives them
// (moonlight-common-c Limelight.h, ML_PORT_INDEX).
const (
	httpsOffset   = -5
	httpOffset    = 0
	videoOffset   = 9
	controlOffset = 10
	audioOffset   = 11
	rtspOffset    = 21
)

// Ports are the ports to bind: each is Base plus its well-known distance
// unless it is set. 0 means not set.
type Ports struct {
	// Base is where unset ports count from: 6 to 65514.
	Base int `toml:"base"`
	// HTTP is TCP: pairing and server information. Default Base.
	HTTP int `toml:"http"`
	// HTTPS is TCP: everything that needs a paired certificate. Default Base - 5.
	HTTPS int `toml:"https"`
	// RTSP is TCP: negotiation of a session. Default Base + 21.
	RTSP int `toml:"rtsp"`
	// Video is UDP: pictures. Default Base + 9.
	Video int `toml:"video"`
	// Control is UDP: input and control (ENet). Default Base + 10.
	Control int `toml:"control"`
	// Audio is UDP: sound. Default Base + 11.
	Audio int `toml:"audio"`
}

// Announce is what clients are told where it differs from what is bound, as
// behind a port forward. Empty and 0 mean: as bound.
type Announce struct {
	// Address is the host name or IP address in the session URL; empty means
	// the address that the client connected to.
	Address string `toml:"address"`
	// HTTP to Audio are ports as seen by the client.
	HTTP    int `toml:"http"`
	HTTPS   int `toml:"https"`
	RTSP    int `toml:"rtsp"`
	Video   int `toml:"video"`
	Control int `toml:"control"`
	Audio   int `toml:"audio"`
}

// PortPlan is the number of every port, none of them 0.
type PortPlan struct {
	HTTP, HTTPS, RTSP     int // TCP
	Video, Control, Audio int // UDP
}

// Plan resolves the ports to bind. It is valid only for a Config that passed Validate.
func (p Ports) Plan() PortPlan {
	pick := func(set, offset int) int {
		if set != 0 {
			return set
		}
		return p.Base + offset
	}
	return PortPlan{
		HTTP:    pick(p.HTTP, httpOffset),
		HTTPS:   pick(p.HTTPS, httpsOffset),
		RTSP:    pick(p.RTSP, rtspOffset),
		Video:   pick(p.Video, videoOffset),
		Control: pick(p.Control, controlOffset),
		Audio:   pick(p.Audio, audioOffset),
	}
}

// Plan resolves the ports that clients are told, given those that are bound.
func (a Announce) Plan(bound PortPlan) PortPlan {
	pick := func(set, bound int) int {
		if set != 0 {
			return set
		}
		return bound
	}
	return PortPlan{
		HTTP:    pick(a.HTTP, bound.HTTP),
		HTTPS:   pick(a.HTTPS, bound.HTTPS),
		RTSP:    pick(a.RTSP, bound.RTSP),
		Video:   pick(a.Video, bound.Video),
		Control: pick(a.Control, bound.Control),
		Audio:   pick(a.Audio, bound.Audio),
	}
}

// namedPort is one port of a plan with the key that sets it.
type namedPort struct {
	key    string
	offset int
	number int
}

func (p PortPlan) tcp() []namedPort {
	return []namedPort{{"http", httpOffset, p.HTTP}, {"https", httpsOffset, p.HTTPS}, {"rtsp", rtspOffset, p.RTSP}}
}

func (p PortPlan) udp() []namedPort {
	return []namedPort{{"video", videoOffset, p.Video}, {"control", controlOffset, p.Control}, {"audio", audioOffset, p.Audio}}
}

// conflicts reports every pair of ports in table (such as "ports") that share
// a number. TCP and UDP are separate: one number may serve in both.
func (p PortPlan) conflicts(table string, report func(path, message string)) {
	for _, transport := range []struct {
		name  string
		ports []namedPort
	}{{"TCP", p.tcp()}, {"UDP", p.udp()}} {
		for i, later := range transport.ports {
			for _, earlier := range transport.ports[:i] {
				if later.number == earlier.number {
					report(table+"."+later.key, fmt.Sprintf("%s port %d is also %s.%s; every %s port needs a number of its own",
						transport.name, later.number, table, earlier.key, transport.name))
				}
			}
		}
	}
}
