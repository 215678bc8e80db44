package gamestream

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// ClientConfig is what a Client needs.
type ClientConfig struct {
	// Host is a name or an address without a port.
	Host string
	// HTTPPort is 47989 where 0. HTTPSPort is asked of the host where 0.
	HTTPPort, HTTPSPort uint16
	// Identity is the client's certificate and key.
	Identity *Identity
	// HostCertificate is the pinned certificate; nil before pairing.
	HostCertificate *x509.Certificate
	// UniqueID is what the client calls itself, up to 64 letters and digits;
	// clients that share one and an address cannot pair at the same time. It is
	// the beginning of Identity's fingerprint where empty.
	UniqueID string
}

// Client asks one host. Its methods may be called from several goroutines at
// once. They set no time limits of their own: give them a ctx that has one.
type Client struct {
	config ClientConfig
	http   *http.Client

	mu        sync.Mutex // covers what the client learns
	pinned    *x509.Certificate
	httpsPort uint16
}

// NewClient makes a Client. It opens no connection.
func NewClient(config ClientConfig) (*Client, error) {
	if config.Host == "" || config.Identity == nil {
		return nil, errors.New("make a gamestream client: a host and an identity are needed")
	}
	if len(config.UniqueID) > maxUniqueIDBytes {
		return nil, fmt.Errorf("make a gamestream client: the unique id has more than %d characters", maxUniqueIDBytes)
	}
	setIfZero(&config.HTTPPort, DefaultHTTPPort)
	setIfZero(&config.UniqueID, string(config.Identity.ID()[:16]))
	c := &Client{config: config, pinned: config.HostCertificate, httpsPort: config.HTTPSPort}
	c.http = &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:      true, // some hosts mistreat the second request
			MaxResponseHeaderBytes: 16 << 10,
			TLSClientConfig:        c.tlsConfig(),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func setIfZero[T comparable](value *T, standard T) { *value = first(*value, standard) }

// HostCertificate is the pinned certificate, nil before pairing. Keep it for
// the next ClientConfig.
func (c *Client) HostCertificate() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pinned
}

// tlsConfig trusts the pinned certificate and no other, and always shows the
// client's.
func (c *Client) tlsConfig() *tls.Config {
	own := c.config.Identity.tls()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The chain and the name of a self-signed certificate say nothing; the
		// comparison below takes their place.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			pinned := c.HostCertificate()
			if pinned == nil {
				return ErrNotPaired
			}
			if len(state.PeerCertificates) == 0 ||
				subtle.ConstantTimeCompare(state.PeerCertificates[0].Raw, pinned.Raw) != 1 {
				return ErrHostCertificate
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
	}
}

// get asks over HTTP, or over HTTPS where secure, and reads at most limit bytes.
func (c *Client) get(ctx context.Context, secure bool, path string, query url.Values, limit int64) ([]byte, error) {
	address, err := c.url(ctx, secure, path, query)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: the address cannot be used", c.config.Host, path)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.failed(path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s for %s: %w: HTTP status %d", c.config.Host, path, ErrMalformed, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, c.failed(path, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("ask %s for %s: %w: more than %d bytes", c.config.Host, path, ErrMalformed, limit)
	}
	return body, nil
}

// failed takes the URL out of an error of net/http: it may hold a session key.
func (c *Client) failed(path string, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("ask %s for %s: %w", c.config.Host, path, err)
}

func (c *Client) url(ctx context.Context, secure bool, path string, query url.Values) (string, error) {
	scheme, port := "http", c.config.HTTPPort
	if secure {
		var err error
		if port, err = c.securePort(ctx); err != nil {
			return "", err
		}
		scheme = "https"
	}
	values := url.Values{}
	for name, value := range query {
		values[name] = value
	}
	values.Set("uniqueid", c.config.UniqueID)
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	values.Set("uuid", hex.EncodeToString(random[:]))
	u := url.URL{
		Scheme: scheme, Host: net.JoinHostPort(c.config.Host, strconv.Itoa(int(port))),
		Path: path, RawQuery: values.Encode(),
	}
	return u.String(), nil
}

// securePort is the HTTPS port, asked of the host the first time.
func (c *Client) securePort(ctx context.Context) (uint16, error) {
	if c.HostCertificate() == nil {
		return 0, fmt.Errorf("%w: pair first", ErrNotPaired)
	}
	c.mu.Lock()
	port := c.httpsPort
	c.mu.Unlock()
	if port != 0 {
		return port, nil
	}
	info, err := c.PublicServerInfo(ctx)
	if err != nil {
		return 0, err
	}
	return info.HTTPSPort, nil
}

// ask gets an answer and parses it; a status other than 200 is a *StatusError
// beside the document.
func (c *Client) ask(ctx context.Context, secure bool, path string, query url.Values) (*document, error) {
	body, err := c.get(ctx, secure, path, query, maxXMLBytes)
	if err != nil {
		return nil, err
	}
	d, err := parseDocument(body)
	if err == nil {
		err = d.err()
	}
	if err != nil {
		return d, fmt.Errorf("ask %s for %s: %w", c.config.Host, path, err)
	}
	return d, nil
}
