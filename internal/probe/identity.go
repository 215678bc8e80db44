package probe

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// identity is the client's certificate, and where it remembers its hosts.
type identity struct {
	*gamestream.Identity
	dir string
}

// loadIdentity reads the identity of a directory, or makes it.
func loadIdentity(dir string) (*identity, error) {
	if dir == "" {
		fresh, err := gamestream.NewClientIdentity()
		if err != nil {
			return nil, fmt.Errorf("make a client identity: %w", err)
		}
		return &identity{Identity: fresh}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "keep the client's identity: %w", err)
	}
	certPath, keyPath := filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	certPEM, certErr := os.ReadFile(certPath)
	keyPEM, keyErr := os.ReadFile(keyPath)
	switch {
	case certErr == nil && keyErr == nil:
		id, err := gamestream.LoadIdentity(certPEM, keyPEM)
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "the identity in %s cannot be used: %w; remove both files to get another, and pair again", dir, err)
		}
		return &identity{id, dir}, nil
	case !errors.Is(certErr, os.ErrNotExist) || !errors.Is(keyErr, os.ErrNotExist):
		return nil, evidence.Errorf(evidence.Invalid, "the identity in %s is not whole: %w", dir, errors.Join(certErr, keyErr))
	}
	id, err := gamestream.NewClientIdentity()
	if err != nil {
		return nil, fmt.Errorf("make a client identity: %w", err)
	}
	certPEM, keyPEM = id.PEM()
	if err := errors.Join(os.WriteFile(keyPath, keyPEM, 0o600), os.WriteFile(certPath, certPEM, 0o600)); err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "keep the client's identity: %w", err)
	}
	return &identity{id, dir}, nil
}

// hostFile is where the certificate of a host is pinned. Hosts name themselves
// as they like, so their name is not used as a file name.
func (i *identity) hostFile(uniqueID string) string {
	sum := sha256.Sum256([]byte(uniqueID))
	return filepath.Join(i.dir, "host-"+hex.EncodeToString(sum[:8])+".crt")
}

// pinned returns the certificate that a host had when it was paired, nil for
// a host that was not.
func (i *identity) pinned(uniqueID string) (*x509.Certificate, error) {
	if i.dir == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(i.hostFile(uniqueID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the pinned certificate: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, evidence.Errorf(evidence.Invalid, "the pinned certificate %s is not PEM: remove it and pair again", i.hostFile(uniqueID))
	}
	return x509.ParseCertificate(block.Bytes)
}

func (i *identity) pin(uniqueID string, c *x509.Certificate) error {
	if i.dir == "" || c == nil {
		return nil
	}
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	if err := os.WriteFile(i.hostFile(uniqueID), raw, 0o600); err != nil {
		return fmt.Errorf("pin the host's certificate: %w", err)
	}
	return nil
}
