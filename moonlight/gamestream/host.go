package gamestream

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// HostConfig is what a Host needs.
type HostConfig struct {
	Identity *Identity
	Backend  Backend
	Paired   PairedClients
	PINs     PINSource
	// PINTimeout is how long a client is held until its PIN is typed; 5 minutes
	// where 0. Each of the three phases after it has PairTimeout; 6 seconds where
	// 0, as clients take no longer than their requests need. A client that stops
	// because the PIN is wrong is noticed by it.
	PINTimeout, PairTimeout time.Duration
	// MaxPairings bounds the pairings under way, 16 where 0, and
	// MaxPairingsPerAddr those of one address, 4 where 0. IPv6 addresses count by
	// their /64. A new request takes the place of an old one that waits for its
	// PIN, but not of one that has waited for less than PINGrace and whose address
	// has no more requests than that of the new one; 1 minute where 0.
	MaxPairings, MaxPairingsPerAddr int
	PINGrace                        time.Duration
	// Dropped is told of requests that were refused although nobody at the host
	// decided so, with a fixed text for each kind. Strangers can cause them at
	// will. It must not block; it may be nil.
	Dropped func(from netip.AddrPort, kind string)
	// Now is time.Now where nil.
	Now func() time.Time
}

// Host answers Moonlight clients. It keeps the pairings under way, with a timer
// for each that has its PIN, and nothing else; it starts no goroutines.
type Host struct {
	config   HostConfig
	pairings *pairings
}

// NewHost makes a Host; a missing part of the config is an error.
func NewHost(config HostConfig) (*Host, error) {
	if config.Identity == nil || config.Backend == nil || config.Paired == nil || config.PINs == nil {
		return nil, errors.New("make a gamestream host: identity, backend, paired clients and PIN source are all needed")
	}
	setDefault(&config.PINTimeout, 5*time.Minute)
	setDefault(&config.PairTimeout, 6*time.Second)
	setDefault(&config.PINGrace, time.Minute)
	setDefault(&config.MaxPairings, 16)
	setDefault(&config.MaxPairingsPerAddr, 4)
	if config.Dropped == nil {
		config.Dropped = func(netip.AddrPort, string) {}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Host{config: config, pairings: newPairings(config)}, nil
}

func setDefault[T time.Duration | int](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// Close ends the pairings that wait for a PIN, which lets http.Server.Shutdown
// finish. Pairings that come later are refused.
func (h *Host) Close() { h.pairings.close() }

// TLSConfig asks for a client certificate of any kind, which the handlers then
// compare with the paired ones: an unpaired client must be able to finish the
// handshake and read that it is not paired.
func (h *Host) TLSConfig() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{h.config.Identity.tls()},
		ClientAuth:   tls.RequestClientCert,
		NextProtos:   []string{"http/1.1"},
		MinVersion:   tls.VersionTLS12,
		// A session ticket would carry the client certificate in sealed form
		// beyond this process; the saving is not worth a second way in.
		SessionTicketsDisabled: true,
	}
}

// NewServer is an http.Server for one of the two handlers, with limits against
// slow and greedy clients; tlsConfig is nil for HTTP. Serve it with Serve or
// ServeTLS(listener, "", ""), and set its ErrorLog.
func NewServer(handler http.Handler, tlsConfig *tls.Config) *http.Server {
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    maxQueryBytes + 8<<10,
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.SetKeepAlivesEnabled(false)
	return server
}
