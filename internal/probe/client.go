package probe

import (
	"crypto/x509"
	"fmt"

	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// newClient makes a GameStream client; known says that info is the host's.
func (p *prober) newClient(known bool, info gamestream.ServerInfo, pinned *x509.Certificate) (*gamestream.Client, error) {
	config := gamestream.ClientConfig{Host: p.o.Host, HTTPPort: uint16(p.o.Port), Identity: p.identity.Identity, HostCertificate: pinned}
	if known {
		config.HTTPSPort = info.HTTPSPort
	}
	c, err := gamestream.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return c, nil
}
