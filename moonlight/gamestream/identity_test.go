package gamestream

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

func TestClientIdentity(t *testing.T) {
	certificate := aliceIdentity().Certificate()
	if certificate.SerialNumber.Sign() != 0 || certificate.Version != 3 || certificate.SignatureAlgorithm != x509.SHA256WithRSA ||
		certificate.Subject.CommonName != "NVIDIA GameStream Client" || len(certificate.Signature) != 256 {
		t.Errorf("certificate: serial %v, version %d, %v, %q, %d signature bytes", certificate.SerialNumber, certificate.Version,
			certificate.SignatureAlgorithm, certificate.Subject.CommonName, len(certificate.Signature))
	}
	if years := certificate.NotAfter.Sub(certificate.NotBefore).Hours() / 24 / 365; years < 19 || time.Now().Before(certificate.NotBefore) {
		t.Errorf("valid for %.1f years from %v", years, certificate.NotBefore)
	}
	if id := aliceIdentity().ID(); len(id) != 64 || id == bobIdentity().ID() || strings.ToLower(string(id)) != string(id) {
		t.Errorf("id %q", id)
	}
}

func TestIdentitySurvivesItsFiles(t *testing.T) {
	certPEM, keyPEM := hostIdentity().PEM()
	loaded, err := LoadIdentity(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(loaded.certPEM, certPEM) || loaded.ID() != hostIdentity().ID() || !loaded.key.Equal(hostIdentity().key) {
		t.Error("another identity came back")
	}
}

func TestLoadIdentityRefuses(t *testing.T) {
	certPEM, keyPEM := hostIdentity().PEM()
	_, otherKey := bobIdentity().PEM()
	for name, pair := range map[string][2][]byte{
		"nothing":         {nil, nil},
		"no key":          {certPEM, nil},
		"another key":     {certPEM, otherKey},
		"no certificate":  {keyPEM, keyPEM},
		"too long":        {append(bytes.Repeat([]byte("\n"), maxCertificate), certPEM...), keyPEM},
		"broken contents": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1, 2}}), keyPEM},
	} {
		if _, err := LoadIdentity(pair[0], pair[1]); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
