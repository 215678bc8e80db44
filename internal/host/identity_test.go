package host

import (
	"context"
	"net/netip"
	"testing"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// Addresses of these tests: where clients launch from, and a stranger's.
const (
	home      = "192.0.2.7:1000"
	homeOther = "192.0.2.7:2000"
	away      = "198.51.100.9:1000"
)

func at(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// client describes a client of these tests.
type client struct {
	encrypted bool
	from      string
	features  rtsp.ClientFeatures
}

var (
	newClient = client{encrypted: true, from: home, features: rtsp.ClientSessionID}
	oldClient = client{from: home}
)

// launch puts a client that has launched among the links, each in a session of
// its own.
func launch(t *testing.T, ls *links, c client) *link {
	t.Helper()
	l, err := newLink(&session.Session{}, "client", launchKey{key: [16]byte{1}}, c.encrypted, at(c.from).Addr())
	if err != nil {
		t.Fatal(err)
	}
	// Sessions of these tests have no id, so the map is filled by hand.
	ls.bySession[l.id] = l
	ls.index(l)
	return l
}

// negotiate brings a client as far as its announce.
func negotiate(t *testing.T, ls *links, c client) *link {
	t.Helper()
	l := launch(t, ls, c)
	if !l.announce(&rtsp.Announce{Features: c.features}, rates{}) {
		t.Fatal("the announce is refused")
	}
	return l
}

func pingOf(l *link, counter uint32) rtp.Ping {
	p := rtp.Ping{Counter: counter}
	copy(p.Payload[:], l.video.ping)
	return p
}

var plainPing = rtp.Ping{Legacy: true}

func wantTo(t *testing.T, d *destination, addr string) {
	t.Helper()
	if to := d.to.Load(); to == nil || *to != at(addr) {
		t.Errorf("the stream goes to %v, want %s", to, addr)
	}
}

func TestSameHost(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"192.0.2.7", "192.0.2.7", true},
		{"::ffff:192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::1", "127.0.0.1", false},
		{"::", "0.0.0.0", false},
	} {
		a, b := netip.MustParseAddr(test.a), netip.MustParseAddr(test.b)
		if sameHost(a, b) != test.want || sameHost(b, a) != test.want {
			t.Errorf("%s and %s are one host: %t", a, b, !test.want)
		}
	}
	if sameHost(netip.Addr{}, netip.Addr{}) || sameHost(netip.Addr{}, netip.MustParseAddr("::1")) {
		t.Error("an unknown address is somebody's")
	}
}

func TestLaunchesAreToldApart(t *testing.T) {
	ls := newLinks()
	a, b := launch(t, ls, oldClient), launch(t, ls, newClient)
	if a.video.ping == a.audio.ping || a.video.ping == b.video.ping || a.id == b.id || len(a.video.ping) != 16 || a.connectData == b.connectData || a.connectData == 0 || a.address == b.address {
		t.Errorf("launches share a secret: %+v %+v", a.identity, b.identity)
	}
	if !netip.MustParsePrefix("240.0.0.0/4").Contains(a.address) {
		t.Errorf("address %v could be a real host", a.address)
	}
}

func TestANewLinkClosesTheOldOne(t *testing.T) {
	ls := newLinks()
	s := &session.Session{}
	var made [2]*link
	for i := range made {
		l, err := newLink(s, "a", launchKey{}, true, at(home).Addr())
		if err != nil {
			t.Fatal(err)
		}
		made[i] = l
	}
	a, b := made[0], made[1]
	if ls.put(a) != nil || ls.put(b) != a {
		t.Error("put does not return the link that it replaced")
	}
	if !a.isGone() || b.isGone() || ls.opened(a.id) != nil || ls.opened(b.id) != b {
		t.Error("the old link still counts")
	}
	if ls.drop(a) {
		t.Error("a link that was replaced was dropped")
	}
	if len(ls.all()) != 1 {
		t.Error("dropping the old link dropped the new one")
	}
	if !ls.drop(b) || ls.drop(b) {
		t.Error("a link was not dropped once")
	}
	if len(ls.all()) != 0 || !b.isGone() || ls.opened(b.id) != nil {
		t.Error("a dropped link is still there")
	}
}

func TestPlainRequests(t *testing.T) {
	ls := newLinks()
	a := launch(t, ls, oldClient)
	launch(t, ls, newClient) // never matched by a plain request
	own := a.address.String()
	for _, test := range []struct {
		host, from string
		hidden     bool
		want       *link
	}{
		{own, home, false, a},
		{own, homeOther, false, a},
		{own, away, false, nil},
		{"0.0.0.0", home, true, a},
		{"0.0.0.0", away, true, nil},
		{"", home, false, nil},
		{"240.0.0.1", home, false, nil},
		{"192.0.2.1", home, false, nil},
		{"host", home, false, nil},
	} {
		if ls.negotiating(test.host, test.hidden, at(test.from).Addr()) != test.want {
			t.Errorf("Host %q from %s: matched is %t", test.host, test.from, test.want == nil)
		}
	}
	b := launch(t, ls, oldClient)
	if ls.negotiating("0.0.0.0", true, at(home).Addr()) != nil {
		t.Error("one of two clients that name nothing is taken for the other")
	}
	b.played.Store(true)
	if ls.negotiating("0.0.0.0", true, at(home).Addr()) != a {
		t.Error("a client that has finished its handshake is in the way of the next")
	}
}

// TestLaunchByAPI: nobody knows where the client comes from before it is there.
func TestLaunchByAPI(t *testing.T) {
	ls := newLinks()
	l, err := newLink(&session.Session{}, "client", launchKey{}, false, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	l.byAPI = true
	ls.bySession[l.id] = l
	if ls.negotiating("0.0.0.0", true, at(away).Addr()) != nil {
		t.Error("a client that names nothing is taken from anywhere")
	}
	if ls.negotiating(l.address.String(), false, at(home).Addr()) != l {
		t.Error("the client that names the launch's address is not found")
	}
	l.announce(&rtsp.Announce{}, rates{})
	if ls.negotiating(l.address.String(), false, at(away).Addr()) != nil {
		t.Error("after the announce another address is taken")
	}
	if ls.negotiating("0.0.0.0", true, at(home).Addr()) != l {
		t.Error("the client's address was not noted")
	}
}

func TestConnections(t *testing.T) {
	for _, test := range []struct {
		name   string
		client client
		data   func(*link) uint32
		from   string
		want   bool
	}{
		{"new, its data", newClient, func(l *link) uint32 { return l.connectData }, home, true},
		{"new, its data behind another NAT", newClient, func(l *link) uint32 { return l.connectData }, away, true},
		{"new, no data", newClient, func(*link) uint32 { return 0 }, home, false},
		{"new, other data", newClient, func(l *link) uint32 { return l.connectData + 2 }, home, false},
		{"old, no data", oldClient, func(*link) uint32 { return 0 }, homeOther, true},
		{"old, no data from elsewhere", oldClient, func(*link) uint32 { return 0 }, away, false},
		{"old, other data", oldClient, func(l *link) uint32 { return l.connectData + 2 }, home, false},
	} {
		ls := newLinks()
		l := negotiate(t, ls, test.client)
		if got := ls.connecting(test.data(l), at(test.from).Addr()); (got == l) != test.want {
			t.Errorf("%s: %t", test.name, !test.want)
		}
	}
	ls := newLinks()
	l := launch(t, ls, newClient)
	if ls.connecting(l.connectData, at(home).Addr()) != nil {
		t.Error("a client connects that has not announced")
	}
	ls = newLinks()
	negotiate(t, ls, oldClient)
	negotiate(t, ls, oldClient)
	if ls.connecting(0, at(home).Addr()) != nil {
		t.Error("one of two old clients is taken for the other")
	}
}

// TestPingsOfANewClient: its payload finds it from anywhere, once. After that
// the stream stays near until the control link moves.
func TestPingsOfANewClient(t *testing.T) {
	ls := newLinks()
	l := negotiate(t, ls, newClient)
	l.controlAt(at(home))
	if ls.pinged(videoOf, plainPing, at(home)) || l.video.to.Load() != nil {
		t.Error("a ping without payload counts")
	}
	if ls.pinged(videoOf, rtp.Ping{Payload: [16]byte{1}}, at(home)) {
		t.Error("a guessed payload counts")
	}
	if ls.pinged(audioOf, pingOf(l, 1), at(home)) {
		t.Error("the payload of one stream counts for the other")
	}
	steps := []struct {
		name    string
		counter uint32
		from    string
		want    bool
		to      string
	}{
		{"first, by another NAT", 1, away, true, away},
		{"captured", 1, homeOther, false, away},
		{"the control link's address", 2, home, true, home},
		{"another port", 3, homeOther, true, homeOther},
		{"captured, from elsewhere", 2, away, false, homeOther},
		{"a higher number from elsewhere", 1 << 30, away, false, homeOther},
		{"the next", 4, homeOther, true, homeOther},
	}
	for _, step := range steps {
		if ls.pinged(videoOf, pingOf(l, step.counter), at(step.from)) != step.want {
			t.Errorf("%s: counts is %t", step.name, !step.want)
		}
		wantTo(t, &l.video, step.to)
	}
	if l.audio.to.Load() != nil {
		t.Error("video pings move the sound")
	}
	l.controlAt(at("203.0.113.1:1"))
	if !ls.pinged(videoOf, pingOf(l, 5), at("203.0.113.2:2")) {
		t.Error("the stream does not follow the control link")
	}
	wantTo(t, &l.video, "203.0.113.2:2")
	if ls.pinged(videoOf, pingOf(l, 6), at(away)) {
		t.Error("the stream moves twice for one move of the control link")
	}
	select {
	case <-l.video.first:
	default:
		t.Error("the first ping is not noticed")
	}
	counter := uint32(6)
	if n := testing.AllocsPerRun(100, func() {
		counter++
		ls.pinged(videoOf, pingOf(l, counter), at("203.0.113.2:2"))
	}); n != 0 {
		t.Errorf("%v allocations per ping", n)
	}
}

// TestPingCountersWrap: a session of 68 years still pings.
func TestPingCountersWrap(t *testing.T) {
	ls := newLinks()
	l := negotiate(t, ls, newClient)
	for _, counter := range []uint32{1<<32 - 2, 1<<32 - 1, 0, 1} {
		if !ls.pinged(videoOf, pingOf(l, counter), at(home)) {
			t.Errorf("ping %d does not count", counter)
		}
	}
}

func TestPingsOfAnOldClient(t *testing.T) {
	ls := newLinks()
	l := negotiate(t, ls, oldClient)
	if ls.pinged(videoOf, plainPing, at(home)) {
		t.Error("a ping counts before there is a control link")
	}
	l.controlAt(at(home))
	if ls.pinged(videoOf, plainPing, at(away)) {
		t.Error("a ping from elsewhere counts")
	}
	for range 2 {
		if !ls.pinged(videoOf, plainPing, at(home)) {
			t.Error("the client's own ping does not count")
		}
	}
	if ls.pinged(videoOf, plainPing, at(homeOther)) {
		t.Error("a neighbour at the client's address takes the stream over")
	}
	wantTo(t, &l.video, home)
	second := negotiate(t, ls, oldClient)
	second.controlAt(at(homeOther))
	if !ls.pinged(videoOf, plainPing, at(homeOther)) {
		t.Error("the only client without a stream is not found")
	}
	wantTo(t, &l.video, home)
	wantTo(t, &second.video, homeOther)
	l.controlAt(at("192.0.2.7:3000"))
	if !ls.pinged(videoOf, plainPing, at("192.0.2.7:3001")) {
		t.Error("the stream does not follow the control link")
	}
	wantTo(t, &l.video, "192.0.2.7:3001")
	// The control link moves to another address by a proof alone.
	l.controlAt(at(away))
	if ls.pinged(videoOf, plainPing, at("192.0.2.7:4000")) {
		t.Error("the address that the client has left still counts")
	}
	if !ls.pinged(videoOf, plainPing, at(away)) {
		t.Error("the stream does not follow the control link to another address")
	}
	wantTo(t, &l.video, away)
}

// TestTwoOldClientsAtOnce: neither gets the other's picture.
func TestTwoOldClientsAtOnce(t *testing.T) {
	ls := newLinks()
	for range 2 {
		negotiate(t, ls, oldClient).controlAt(at(home))
	}
	if ls.pinged(videoOf, plainPing, at(home)) {
		t.Error("one of two is taken for the other")
	}
}

// TestMovingNeedsAProof: an old control link numbers its messages in a way that
// proves nothing, so that it keeps its address.
func TestMovingNeedsAProof(t *testing.T) {
	for _, version := range []control.Version{control.V2, control.Legacy} {
		ls := newLinks()
		l := negotiate(t, ls, oldClient)
		sealer, err := control.NewSealer(l.key, control.Client, version)
		if err != nil {
			t.Fatal(err)
		}
		opener, err := control.NewOpener(l.key, control.Client, version)
		if err != nil {
			t.Fatal(err)
		}
		c := &controlLink{link: l, version: version, opener: opener}
		sealed, err := sealer.Seal(nil, control.TypePing, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Authentic(nil, at(away), sealed); got != (version == control.V2) {
			t.Errorf("version %d moves to another address: %t", version, got)
		}
		if !c.Authentic(nil, at(homeOther), sealed) {
			t.Errorf("version %d does not move to another port", version)
		}
		sealed[len(sealed)-1] ^= 1
		if c.Authentic(nil, at(homeOther), sealed) {
			t.Errorf("version %d moves by a forgery", version)
		}
		l.close()
		sealed[len(sealed)-1] ^= 1
		if c.Authentic(nil, at(homeOther), sealed) {
			t.Errorf("version %d moves a link that is over", version)
		}
	}
}

// TestEncryptionOfStreams: what DESCRIBE offers, and whom it refuses, by the
// configuration.
func TestEncryptionOfStreams(t *testing.T) {
	all := rtsp.EncryptControl | rtsp.EncryptVideo | rtsp.EncryptAudio
	for _, test := range []struct {
		setting              string
		supported, requested rtsp.Encryption
		refuses              bool
	}{
		{config.EncryptionPreferred, all, all, false},
		{config.EncryptionRequired, all, all, true},
		{config.EncryptionOptional, all, 0, false},
		{config.EncryptionOff, rtsp.EncryptControl, 0, false},
	} {
		c := config.Default()
		if c.Video.Encryption != config.EncryptionPreferred {
			t.Errorf("the default is %q", c.Video.Encryption)
		}
		c.Video.Encryption = test.setting
		h := &Host{}
		h.SetConfig(c)
		d, err := rtsp.ParseDescribe(h.describe().Payload)
		if err != nil || d.EncryptionSupported != test.supported || d.EncryptionRequested != test.requested {
			t.Errorf("%s: supports %v and requests %v, %v", test.setting, d.EncryptionSupported, d.EncryptionRequested, err)
		}
		for _, enabled := range []rtsp.Encryption{0, all &^ rtsp.EncryptControl, all &^ rtsp.EncryptVideo, all &^ rtsp.EncryptAudio} {
			err := h.checkAnnounce(&rtsp.Announce{Width: 1280, Height: 720, FPS: 60, EncryptionEnabled: enabled})
			if (err != nil) != test.refuses {
				t.Errorf("%s: a client that encrypts %v: %v", test.setting, enabled, err)
			}
			if err == nil {
				continue
			}
			if r := refusedAnnounce(err); r.Status != rtsp.StatusForbidden || r.Reason != sentence(err.Error()) {
				t.Errorf("%s: answers %d %q", test.setting, r.Status, r.Reason)
			}
		}
		if err := h.checkAnnounce(&rtsp.Announce{Width: 1280, Height: 720, FPS: 60, EncryptionEnabled: all}); err != nil {
			t.Errorf("%s: a client that encrypts everything: %v", test.setting, err)
		}
		err = h.checkEncrypts(gamestream.LaunchRequest{})
		if (evidence.KindOf(err) == evidence.Unauthorized) != test.refuses || h.checkEncrypts(gamestream.LaunchRequest{CoreVersion: 1}) != nil {
			t.Errorf("%s: a launch of an old client: %v", test.setting, err)
		}
	}
}

// TestStrangersAtTheRTSPPort: nobody answers.
func TestStrangersAtTheRTSPPort(t *testing.T) {
	h := &Host{links: newLinks(), floods: newFloods(nil)}
	launch(t, h.links, oldClient)
	for _, r := range []*rtsp.Request{
		{Method: rtsp.MethodSetup, Target: "streamid=audio/0/0", Header: rtsp.Header{{Name: rtsp.HeaderHost, Value: "0.0.0.0"}}, RemoteAddr: at(away)},
		{Method: rtsp.MethodDescribe, Candidate: "nobody", RemoteAddr: at(home)},
	} {
		if res := h.negotiate(context.Background(), r); res != rtsp.NoAnswer {
			t.Errorf("%s is answered: %+v", r.Method, res)
		}
	}
}

// FuzzStrangersPing: no datagram from elsewhere moves a stream, unless it holds
// the payload, which fuzzing does not find.
func FuzzStrangersPing(f *testing.F) {
	for _, p := range []rtp.Ping{plainPing, {}, {Payload: [16]byte{1}, Counter: 1 << 31}} {
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ls := newLinks()
		made := []*link{negotiate(t, ls, newClient), negotiate(t, ls, oldClient)}
		for _, l := range made {
			l.controlAt(at(home))
		}
		ls.pinged(videoOf, pingOf(made[0], 1), at(home))
		p, err := rtp.ParsePing(data)
		if err != nil {
			return
		}
		for range 2 {
			if ls.pinged(videoOf, p, at(away)) || ls.pinged(audioOf, p, at(away)) {
				t.Errorf("%x counts", data)
			}
		}
		wantTo(t, &made[0].video, home)
		if made[1].video.to.Load() != nil || made[0].audio.to.Load() != nil {
			t.Error("a stranger has a stream")
		}
	})
}
