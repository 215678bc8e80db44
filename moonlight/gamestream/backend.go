package gamestream

import (
	"context"
	"crypto/x509"
	"net/netip"
	"time"
)

// Caller is what a host knows about the paired client whose request it answers.
type Caller struct {
	ID          ClientID
	Certificate *x509.Certificate
	// RemoteAddr and LocalAddr are the two ends of the TCP connection.
	RemoteAddr, LocalAddr netip.AddrPort
	// UniqueID is what the client calls itself. Many clients share one; it
	// identifies nobody.
	UniqueID string
}

// Backend is the host's side of the API. Every method may be called from
// several goroutines at once. A *StatusError reaches the client as it is; any
// other error becomes 500 with a text that gives nothing away.
type Backend interface {
	// ServerInfo describes the host. caller is nil over HTTP and for unpaired
	// clients. PairStatus is set by the Host, LocalIP too where it is zero, and
	// MAC is hidden from callers that are nil.
	ServerInfo(ctx context.Context, caller *Caller) ServerInfo
	// Apps lists what the client may launch.
	Apps(ctx context.Context, caller *Caller) ([]App, error)
	// AppAsset gives the box art of an app as PNG.
	AppAsset(ctx context.Context, caller *Caller, appID int32) ([]byte, error)
	// Launch starts an app. Each launch or resume brings a key of its own.
	Launch(ctx context.Context, caller *Caller, request LaunchRequest) (LaunchReply, error)
	// Resume binds a new stream to the app that runs.
	Resume(ctx context.Context, caller *Caller, request LaunchRequest) (LaunchReply, error)
	// Cancel ends the client's sessions and the app.
	Cancel(ctx context.Context, caller *Caller) error
}

// LaunchReply answers a launch or resume.
type LaunchReply struct {
	// SessionURL is rtsp://IP:port, or rtspenc:// for clients with
	// CoreVersion >= 1. Clients take its port and its scheme, not its address.
	SessionURL string
}

// PairedClients remembers which certificates are paired. Methods may be called
// from several goroutines at once.
type PairedClients interface {
	// Paired tells whether a certificate is paired.
	Paired(ctx context.Context, id ClientID) (bool, error)
	// Add records a certificate; certPEM is one CERTIFICATE block.
	Add(ctx context.Context, id ClientID, certPEM []byte, name string) error
	// Remove forgets a certificate; one that is unknown is no error.
	Remove(ctx context.Context, id ClientID) error
}

// PINSource asks the person at the host for the PIN that a client shows.
type PINSource interface {
	// WaitPIN blocks until the person answered or ctx ends, which it does when
	// the client goes away, the request expires or another takes its place;
	// context.Cause is then what the client reads, if it is a *StatusError. An
	// error refuses the client.
	// Whoever may answer for the wrong request can try all PINs offline, so the
	// asker must show Addr and ID and let the person choose the request.
	WaitPIN(ctx context.Context, request PairRequest) (PairApproval, error)
}

// PairRequest is a client that waits for its PIN to be typed at the host.
type PairRequest struct {
	// ID is the certificate's fingerprint. It does not name the request: a
	// certificate is public, and several requests may show the same one.
	ID ClientID
	// UniqueID and DeviceName are claims of the client, unproved and cleaned of
	// control characters. Moonlight always says "roth".
	UniqueID, DeviceName string
	// Addr is where the request came from.
	Addr netip.AddrPort
	// At is when it came, and Expires when it lapses.
	At, Expires time.Time
}

// PairApproval is the person's answer to a PairRequest.
type PairApproval struct {
	// PIN is what the client shows.
	PIN PIN
	// Name is what the client shall be called from now on; it may be empty.
	Name string
	// Done is called once, when it is known how the pairing ended: at most three
	// times HostConfig.PairTimeout after WaitPIN returned. It must not block. It
	// may be nil.
	Done func(PairResult) `json:"-"`
}

// fail reports the end of a pairing, and returns err.
func (a PairApproval) fail(result PairResult, err error) error {
	if a.Done != nil {
		a.Done(result)
	}
	return err
}
