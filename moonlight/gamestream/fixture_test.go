package gamestream

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Making RSA keys is slow, so the tests share a few.
var (
	hostIdentity  = sync.OnceValue(func() *Identity { return must(NewHostIdentity()) })
	aliceIdentity = sync.OnceValue(func() *Identity { return must(NewClientIdentity()) })
	bobIdentity   = sync.OnceValue(func() *Identity { return must(NewClientIdentity()) })
)

func must(identity *Identity, err error) *Identity {
	if err != nil {
		panic(err)
	}
	return identity
}

// pairedSet is PairedClients in memory.
type pairedSet struct {
	mu    sync.Mutex
	names map[ClientID]string
	fail  error
}

func (s *pairedSet) Paired(_ context.Context, id ClientID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.names[id]
	return ok, s.fail
}

func (s *pairedSet) Add(_ context.Context, id ClientID, certPEM []byte, name string) error {
	certificate, err := parseCertificate(certPEM)
	if err != nil || CertificateID(certificate) != id {
		return errors.New("the certificate added is not that of its id")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[ClientID]string{}
	}
	s.names[id] = name
	return s.fail
}

func (s *pairedSet) Remove(_ context.Context, id ClientID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, id)
	return nil
}

func (s *pairedSet) name(id ClientID) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, ok := s.names[id]
	return name, ok
}

// desk is the person at the host: requests come out of a channel, and what the
// test writes into answer goes back.
type desk struct {
	requests chan PairRequest
	answers  map[ClientID]chan PairApproval
	results  chan PairResult
}

func newDesk(clients ...*Identity) *desk {
	d := &desk{requests: make(chan PairRequest, 64), answers: map[ClientID]chan PairApproval{}, results: make(chan PairResult, 16)}
	for _, client := range clients {
		d.answers[client.ID()] = make(chan PairApproval, 1)
	}
	return d
}

func (d *desk) WaitPIN(ctx context.Context, request PairRequest) (PairApproval, error) {
	d.requests <- request
	select {
	case approval := <-d.answers[request.ID]:
		if approval.PIN == "" {
			return approval, errors.New("the person said no")
		}
		return approval, nil
	case <-ctx.Done():
		return PairApproval{}, ctx.Err()
	}
}

// next waits for a request to arrive at the desk.
func (d *desk) next(t *testing.T) PairRequest {
	t.Helper()
	select {
	case request := <-d.requests:
		return request
	case <-time.After(10 * time.Second):
		t.Fatal("no pairing request arrived")
		return PairRequest{}
	}
}

// enter answers a request of a client.
func (d *desk) enter(client *Identity, pin PIN) {
	d.answers[client.ID()] <- PairApproval{PIN: pin, Name: "den", Done: func(r PairResult) { d.results <- r }}
}

// result waits for the end of a pairing whose PIN was entered.
func (d *desk) result(t *testing.T) PairResult {
	t.Helper()
	select {
	case r := <-d.results:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nobody said how the pairing ended")
		return PairResult{}
	}
}

// house is a Backend with two apps.
type house struct {
	mu       sync.Mutex
	launched []LaunchRequest
	callers  []ClientID
	running  int32
	delay    time.Duration // of a launch
}

func (b *house) ServerInfo(_ context.Context, caller *Caller) ServerInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ServerInfo{
		Hostname: "kennel & <sons>", UniqueID: "c7f6d5e4", MAC: "02:00:00:00:00:01",
		MaxLumaPixelsH264: 1e9, GPUType: "Tomato", GsVersion: "1.2",
		MaxLumaPixelsHEVC: MaxLumaPixelsHEVC, Codecs: CodecH264 | CodecHEVC, CurrentGame: b.running,
		DisplayModes: []DisplayMode{{1280, 720, 60}, {1920, 1080, 60}},
	}
}

func (b *house) Apps(context.Context, *Caller) ([]App, error) {
	return []App{{ID: 1, Title: "Demo"}, {ID: 2, Title: "Tom & Jerry", HDR: true}, {ID: 0, Title: "not sent"}}, nil
}

func (b *house) AppAsset(_ context.Context, _ *Caller, appID int32) ([]byte, error) {
	if appID != 1 {
		return nil, &StatusError{StatusNotFound, "There is no app 7."}
	}
	return []byte("\x89PNG picture"), nil
}

func (b *house) Launch(ctx context.Context, caller *Caller, request LaunchRequest) (LaunchReply, error) {
	select {
	case <-time.After(b.delay):
	case <-ctx.Done():
		return LaunchReply{}, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch request.AppID {
	case 1:
		b.launched, b.callers, b.running = append(b.launched, request), append(b.callers, caller.ID), 1
		return LaunchReply{SessionURL: "rtspenc://" + caller.LocalAddr.Addr().String() + ":48010"}, nil
	case 2:
		return LaunchReply{}, errors.New("secret detail of the disk")
	}
	return LaunchReply{}, &StatusError{StatusNotFound, "There is no such app."}
}

func (b *house) Resume(ctx context.Context, caller *Caller, request LaunchRequest) (LaunchReply, error) {
	if b.running == 0 {
		return LaunchReply{}, &StatusError{StatusNotAvailable, "Nothing runs."}
	}
	request.AppID = b.running
	return b.Launch(ctx, caller, request)
}

func (b *house) Cancel(context.Context, *Caller) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = 0
	return nil
}

// stage is a host that listens on loopback.
type stage struct {
	host    *Host
	backend *house
	paired  *pairedSet
	desk    *desk
	http    uint16
	https   uint16
}

// newStage starts a host; change may alter its config and its servers.
func newStage(t *testing.T, change func(*HostConfig, *http.Server)) *stage {
	t.Helper()
	s := &stage{backend: &house{}, paired: &pairedSet{}, desk: newDesk(aliceIdentity(), bobIdentity())}
	config := HostConfig{Identity: hostIdentity(), Backend: s.backend, Paired: s.paired, PINs: s.desk}
	if change == nil {
		change = func(*HostConfig, *http.Server) {}
	}
	change(&config, &http.Server{})
	host, err := NewHost(config)
	if err != nil {
		t.Fatal(err)
	}
	s.host = host
	plain, secure := NewServer(host.HTTP(), nil), NewServer(host.HTTPS(), host.TLSConfig())
	change(&HostConfig{}, plain)
	change(&HostConfig{}, secure)
	s.http = serve(t, plain, func(l net.Listener) error { return plain.Serve(l) })
	s.https = serve(t, secure, func(l net.Listener) error { return secure.ServeTLS(l, "", "") })
	t.Cleanup(host.Close)
	return s
}

func serve(t *testing.T, server *http.Server, run func(net.Listener) error) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = run(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

// client is a client of the stage. It knows the HTTPS port, since serverinfo
// here names the default one.
func (s *stage) client(t *testing.T, identity *Identity, change func(*ClientConfig)) *Client {
	t.Helper()
	config := ClientConfig{Host: "127.0.0.1", HTTPPort: s.http, HTTPSPort: s.https, Identity: identity}
	if change != nil {
		change(&config)
	}
	client, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// pairedClient is a client that the host knows already.
func (s *stage) pairedClient(t *testing.T, identity *Identity) *Client {
	t.Helper()
	if err := s.paired.Add(t.Context(), identity.ID(), identity.certPEM, "known"); err != nil {
		t.Fatal(err)
	}
	return s.client(t, identity, func(c *ClientConfig) { c.HostCertificate = hostIdentity().Certificate() })
}

func readAll(t *testing.T, reply *http.Response) []byte {
	t.Helper()
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
