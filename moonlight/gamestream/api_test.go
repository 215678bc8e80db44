package gamestream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func launchRequest() LaunchRequest {
	return LaunchRequest{
		AppID: 1, Width: 1280, Height: 720, FPS: 60, Key: SessionKey{0xab, 1, 2}, KeyID: -7,
		Channels: 2, ChannelMask: 3, InitialControllers: 1, CoreVersion: 1,
	}
}

func TestLaunchResumeCancel(t *testing.T) {
	s := newStage(t, nil)
	alice := s.pairedClient(t, aliceIdentity())
	_, err := alice.Resume(t.Context(), launchRequest())
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != StatusNotAvailable {
		t.Errorf("resume of nothing: %v", err)
	}
	reply, err := alice.Launch(t.Context(), launchRequest())
	if err != nil {
		t.Fatal(err)
	}
	if reply.SessionURL != "rtspenc://127.0.0.1:48010" {
		t.Errorf("session URL %q", reply.SessionURL)
	}
	if info, err := alice.ServerInfo(t.Context()); err != nil || info.CurrentGame != 1 || !info.Busy() {
		t.Errorf("serverinfo while an app runs: %+v, %v", info, err)
	}
	if _, err := alice.Resume(t.Context(), launchRequest()); err != nil {
		t.Error(err)
	}
	if err := alice.Cancel(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := alice.ServerInfo(t.Context()); err != nil || info.CurrentGame != 0 || info.Busy() {
		t.Errorf("serverinfo after cancel: %+v, %v", info, err)
	}
	want := []LaunchRequest{launchRequest(), launchRequest()}
	if diff := cmp.Diff(want, s.backend.launched); diff != "" {
		t.Errorf("the backend saw other requests: %s", diff)
	}
	if id := aliceIdentity().ID(); s.backend.callers[0] != id {
		t.Errorf("the caller is %s, not %s", s.backend.callers[0], id)
	}
}

func TestErrorsOfTheBackend(t *testing.T) {
	s := newStage(t, nil)
	alice := s.pairedClient(t, aliceIdentity())
	request := launchRequest()
	request.AppID = 99
	_, err := alice.Launch(t.Context(), request)
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != 404 || status.Message != "There is no such app." {
		t.Errorf("unknown app: %v", err)
	}
	request.AppID = 2
	_, err = alice.Launch(t.Context(), request)
	status, ok := errors.AsType[*StatusError](err)
	if !ok || status.Code != StatusInternal || strings.Contains(err.Error(), "disk") {
		t.Errorf("an error of the backend's own: %v", err)
	}
	s.paired.fail = errors.New("the disk is full")
	if _, err = alice.AppList(t.Context()); !errors.As(err, &status) || status.Code != StatusInternal {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestAppsAndAssets(t *testing.T) {
	s := newStage(t, nil)
	alice := s.pairedClient(t, aliceIdentity())
	apps, err := alice.AppList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]App{{ID: 1, Title: "Demo"}, {ID: 2, Title: "Tom & Jerry", HDR: true}}, apps); diff != "" {
		t.Error(diff)
	}
	if png, err := alice.AppAsset(t.Context(), 1); err != nil || string(png) != "\x89PNG picture" {
		t.Errorf("asset: %q, %v", png, err)
	}
	_, err = alice.AppAsset(t.Context(), 7)
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != StatusNotFound {
		t.Errorf("asset of an unknown app: %v", err)
	}
}

func TestUnpairedClient(t *testing.T) {
	s := newStage(t, nil)
	bob := s.client(t, bobIdentity(), func(c *ClientConfig) { c.HostCertificate = hostIdentity().Certificate() })
	for name, err := range map[string]error{
		"serverinfo": second(bob.ServerInfo(t.Context())),
		"applist":    second(bob.AppList(t.Context())),
		"launch":     second(bob.Launch(t.Context(), launchRequest())),
		"cancel":     bob.Cancel(t.Context()),
		"challenge":  bob.pairChallenge(t.Context()),
	} {
		if !errors.Is(err, ErrNotPaired) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.backend.launched) > 0 {
		t.Error("an unpaired client launched")
	}
	info, err := bob.PublicServerInfo(t.Context())
	if err != nil || info.PairStatus || info.MAC != "00:00:00:00:00:00" || info.MaxLumaPixelsH264 != 0 || info.GPUType+info.GsVersion != "" {
		t.Errorf("public serverinfo: %+v, %v", info, err)
	}
	if _, err := s.client(t, bobIdentity(), nil).AppList(t.Context()); !errors.Is(err, ErrNotPaired) {
		t.Errorf("a client that knows no host: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// A client without any certificate completes the handshake and reads 401.
func TestNoCertificate(t *testing.T) {
	s := newStage(t, nil)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"},
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/serverinfo", s.https), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	want := `<?xml version="1.0" encoding="utf-8"?>
<root status_code="401" status_message="The client is not authorized. Certificate verification failed."></root>
`
	if string(body) != want || err != nil || response.StatusCode != http.StatusOK || response.ProtoMajor != 1 {
		t.Errorf("got %s %s, %v", response.Proto, body, err)
	}
}

func TestChangedHostCertificate(t *testing.T) {
	s := newStage(t, nil)
	if err := s.paired.Add(t.Context(), aliceIdentity().ID(), aliceIdentity().certPEM, ""); err != nil {
		t.Fatal(err)
	}
	alice := s.client(t, aliceIdentity(), func(c *ClientConfig) { c.HostCertificate = bobIdentity().Certificate() })
	if _, err := alice.Launch(t.Context(), launchRequest()); !errors.Is(err, ErrHostCertificate) {
		t.Errorf("got %v", err)
	}
	if len(s.backend.launched) > 0 {
		t.Error("the session key went to another host")
	}
}

func TestServerInfoCrosses(t *testing.T) {
	s := newStage(t, nil)
	info, err := s.pairedClient(t, aliceIdentity()).ServerInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := s.backend.ServerInfo(t.Context(), nil)
	want.AppVersion, want.GfeVersion, want.State = AppVersion, GfeVersion, StateFree
	want.HTTPSPort, want.ExternalPort, want.PairStatus = DefaultHTTPSPort, DefaultHTTPPort, true
	if diff := cmp.Diff(want, info, cmpopts.IgnoreFields(ServerInfo{}, "LocalIP", "ExternalIP")); diff != "" {
		t.Error(diff)
	}
	if info.LocalIP.String() != "127.0.0.1" || info.ExternalIP.IsValid() {
		t.Errorf("addresses %v and %v", info.LocalIP, info.ExternalIP)
	}
}

func TestOtherRequests(t *testing.T) {
	s := newStage(t, nil)
	long := strings.Repeat("x", maxQueryBytes)
	for _, test := range []struct {
		method, path string
		http         int
		want         string
	}{
		{http.MethodPost, "/serverinfo", 405, `status_code="405"`},
		{http.MethodGet, "/serverinfo#body", 200, `status_code="400"`},
		{http.MethodGet, "/nothing", 404, `status_code="404"`},
		{http.MethodGet, "/launch?appid=1", 200, `status_code="401"`},
		{http.MethodGet, "/serverinfo?a=%zz", 200, `status_code="400"`},
		{http.MethodGet, "/serverinfo?a=" + long, 200, `status_code="400"`},
		{http.MethodGet, "/serverinfo?uniqueid=" + long[:100], 200, `status_code="400"`},
		{http.MethodGet, "/serverinfo?" + strings.Repeat("a=1&", 100), 200, `status_code="400"`},
		{http.MethodGet, "/pair?uniqueid=1&phrase=pairchallenge", 200, `<paired>0</paired>`},
		{http.MethodGet, "/pair?uniqueid=1&clientchallenge=00", 200, `status_code="400"`},
		{http.MethodGet, "/unpair?uniqueid=1", 200, `status_code="401" status_message="Nothing was changed`},
	} {
		path, text, _ := strings.Cut(test.path, "#")
		request, err := http.NewRequestWithContext(t.Context(), test.method, fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path), strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != test.http || !strings.Contains(string(body), test.want) {
			t.Errorf("%s %.60s: %d %s", test.method, test.path, response.StatusCode, body)
		}
	}
}
