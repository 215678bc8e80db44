package gamestream

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ClientID is the lower-case hex SHA-256 of a certificate's DER form.
type ClientID string

// CertificateID is the ClientID of a certificate.
func CertificateID(certificate *x509.Certificate) ClientID {
	sum := sha256.Sum256(certificate.Raw)
	return ClientID(hex.EncodeToString(sum[:]))
}

const (
	keyBits          = 2048
	maxKeyBits       = 4096
	identityYears    = 20
	clientCommonName = "NVIDIA GameStream Client"
	hostCommonName   = "NVIDIA GameStream Server"
)

// Identity is a self-signed RSA certificate with its key. Clients verify RSA
// signatures, so no other kind of key will do.
type Identity struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
	certPEM     []byte // as sent and kept, byte for byte
	keyPEM      []byte
}

// NewHostIdentity makes the certificate that clients pin.
func NewHostIdentity() (*Identity, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choose a serial number: %w", err)
	}
	return newIdentity(hostCommonName, serial)
}

// NewClientIdentity makes a certificate like those of Moonlight: serial 0,
// valid for 20 years.
func NewClientIdentity() (*Identity, error) {
	return newIdentity(clientCommonName, new(big.Int))
}

func newIdentity(commonName string, serial *big.Int) (*Identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	now := time.Now().Add(-24 * time.Hour) // the other clock may be behind
	template := &x509.Certificate{
		SerialNumber:       serial,
		Subject:            pkix.Name{CommonName: commonName},
		NotBefore:          now,
		NotAfter:           now.AddDate(identityYears, 0, 0),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return LoadIdentity(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	)
}

// LoadIdentity reads what PEM gave. The key may be in PKCS#8 or PKCS#1 form.
func LoadIdentity(certPEM, keyPEM []byte) (*Identity, error) {
	certificate, err := parseCertificate(certPEM)
	if err != nil {
		return nil, fmt.Errorf("load the certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("load the key of a certificate: %w", err)
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("load the key of a certificate: it is no RSA key; make a new identity")
	}
	return &Identity{certificate: certificate, key: key, certPEM: certPEM, keyPEM: keyPEM}, nil
}

// PEM gives certificate and key for LoadIdentity. The key is secret: keep it
// in a file of mode 0600.
func (i *Identity) PEM() (certPEM, keyPEM []byte) { return i.certPEM, i.keyPEM }

// Certificate is the parsed certificate.
func (i *Identity) Certificate() *x509.Certificate { return i.certificate }

// ID is the fingerprint of the certificate.
func (i *Identity) ID() ClientID { return CertificateID(i.certificate) }

// tls is the identity for a TLS connection.
func (i *Identity) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.certificate.Raw}, PrivateKey: i.key, Leaf: i.certificate}
}

// parseCertificate reads one RSA certificate of a size that pairing can carry.
func parseCertificate(text []byte) (*x509.Certificate, error) {
	if len(text) > maxCertificate {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(text), maxCertificate)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it is not in PEM form")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("its key is not RSA")
	}
	if bits := key.N.BitLen(); bits < keyBits || bits > maxKeyBits {
		return nil, fmt.Errorf("its key has %d bits; %d to %d are allowed", bits, keyBits, maxKeyBits)
	}
	return certificate, nil
}
