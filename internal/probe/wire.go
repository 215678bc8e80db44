package probe

import (
	"net"
	"net/netip"
)

// Counts are what a stream has brought so far.
type Counts struct {
	// Frames are whole frames from the first key frame on, Lost those that will
	// not come. Sound and SoundLost are the same in packets.
	Frames, Lost, Sound, SoundLost int
	// Keys is how many keys the demo app has seen since the first picture.
	Keys int
}

// Counts returns what has come so far. Any goroutine may call it.
func (p *Pilot) Counts() Counts {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	o := &p.s.seen
	return Counts{
		Frames: o.received, Lost: o.lost, Sound: int(o.sound), SoundLost: int(o.soundLost), Keys: o.keys - o.keysAtStart,
	}
}

// Wire is what a stream uses on the network.
type Wire struct {
	// VideoPing and AudioPing are the payloads of the client's pings, ConnectData
	// is the number of its control link.
	VideoPing, AudioPing [16]byte
	ConnectData          uint32
	// Video, Audio and Control are the client's own ends.
	Video, Audio, Control netip.AddrPort
}

// Wire returns what the stream uses on the network: to attack it with, in tests.
// Any goroutine may call it.
func (p *Pilot) Wire() Wire {
	s := p.s
	local := func(conn interface{ LocalAddr() net.Addr }) netip.AddrPort {
		return conn.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return Wire{
		VideoPing: s.n.videoPing, AudioPing: s.n.audioPing, ConnectData: s.n.connectData,
		Video: local(s.video), Audio: local(s.audio), Control: local(s.control.conn),
	}
}
