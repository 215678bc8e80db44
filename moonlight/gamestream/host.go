package gamestream

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"
)

// HostConfig is what a Host needs.
type HostConfig struct {
	Identity *Identity
	Backend  Backend
	Paired   PairedClients
	PINs     PINSource
	// PINTimeout is how long a client is held until its PIN is typed; 5 minutes
	// where 0. The phases after it have PairTimeout; 1 minute where 0.
	PINTimeout, PairTimeout time.Duration
	// MaxPairings bounds the pairings under way, 16 where 0, and
	// MaxPairingsPerAddr those of one address, 4 where 0.
	MaxPairings, MaxPairingsPerAddr int
	// Now is time.Now where nil.
	Now func() time.Time
}

// Host answers Moonlight clients. It keeps the pairings under way and nothing
// else; it starts no goroutines.
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
	setDefault(&config.PairTimeout, time.Minute)
	setDefault(&config.MaxPairings, 16)
	setDefault(&config.MaxPairingsPerAddr, 4)
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
