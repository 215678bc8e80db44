package store

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Client is a paired client.
type Client struct {
	// ID is ClientID of the certificate.
	ID string
	// Name is what the client or its user calls it; it need not be unique.
	Name string
	// CertPEM is the certificate that the client shows from now on.
	CertPEM []byte
	// PairedAt is when the client was last paired.
	PairedAt time.Time
	// LastSeen is the time of the last TouchClient; zero before the first.
	LastSeen time.Time
}

// ClientID is the identity of a client: the SHA-256 of its certificate's DER
// form in lower-case hex.
func ClientID(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// AddClient records a paired client, or pairs a known one anew: its name and
// time are then replaced. certPEM holds one certificate.
func (s *Store) AddClient(ctx context.Context, name string, certPEM []byte, at time.Time) (Client, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return Client{}, errors.New("add a client: its certificate is not in PEM form")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return Client{}, fmt.Errorf("add a client: read its certificate: %w", err)
	}
	client := Client{ID: ClientID(block.Bytes), Name: name, CertPEM: certPEM, PairedAt: at.UTC()}
	err := s.changeDurably(ctx, "add a client", func(ctx context.Context, tx *sql.Tx) error {
		const upsert = `INSERT INTO clients (id, name, cert_pem, paired_at, last_seen) VALUES (?, ?, ?, ?, 0)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, cert_pem = excluded.cert_pem, paired_at = excluded.paired_at
			RETURNING last_seen`
		var seen int64
		if err := tx.QueryRowContext(ctx, upsert, client.ID, name, string(certPEM), stamp(at)).Scan(&seen); err != nil {
			return err
		}
		client.LastSeen = unstamp(seen)
		return nil
	})
	return client, err
}

const clientColumns = "SELECT id, name, cert_pem, paired_at, last_seen FROM clients"

func scanClient(row scanner) (Client, error) {
	var c Client
	var cert string
	var paired, seen int64
	err := row.Scan(&c.ID, &c.Name, &cert, &paired, &seen)
	c.CertPEM, c.PairedAt, c.LastSeen = []byte(cert), unstamp(paired), unstamp(seen)
	return c, err
}

// Client finds a paired client; ErrNotFound where the id is not paired.
func (s *Store) Client(ctx context.Context, id string) (Client, error) {
	return get(ctx, s, "find client "+shortID(id), clientColumns+" WHERE id = ?", scanClient, id)
}

// Clients lists the paired clients, the first paired first.
func (s *Store) Clients(ctx context.Context) ([]Client, error) {
	return list(ctx, s, "list the clients", clientColumns+" ORDER BY paired_at, id", scanClient)
}

// TouchClient records that a client was seen; ErrNotFound where it is not paired.
func (s *Store) TouchClient(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "note when client "+shortID(id)+" was seen", func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, "UPDATE clients SET last_seen = max(last_seen, ?) WHERE id = ?", stamp(at), id))
	})
}

// RemoveClient unpairs a client; ErrNotFound where it is not paired. Its
// sessions stay in the history.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	return s.changeDurably(ctx, "remove client "+shortID(id), func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, "DELETE FROM clients WHERE id = ?", id))
	})
}

// shortID keeps 64 hex digits out of messages.
func shortID(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
