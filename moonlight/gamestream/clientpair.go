package gamestream

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"time"
)

const unpairTimeout = 2 * time.Second

// NewPIN makes the four digits to show to the user and to give to Pair.
func NewPIN() PIN {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	var value uint64
	for _, b := range random {
		value = value<<8 | uint64(b)
	}
	return PIN(fmt.Sprintf("%04d", value%10000))
}

// Pair goes through the five phases. It blocks until pin, which the user sees
// at the client, was typed at the host. On success the host's certificate is
// pinned; see HostCertificate. On failure the host is told to forget the
// attempt, and the error is one of ErrWrongPIN, ErrAlreadyPairing,
// ErrPairingRefused, ErrHostSignature, a *StatusError or what ended ctx.
func (c *Client) Pair(ctx context.Context, pin PIN) (err error) {
	if !pin.Valid() {
		return errors.New("pair: the PIN must have four digits")
	}
	before := c.HostCertificate()
	defer func() {
		if err == nil {
			return
		}
		c.pin(before)
		err = fmt.Errorf("pair with %s: %w", c.config.Host, err)
		if errors.Is(err, ErrAlreadyPairing) {
			return // that attempt is not ours to end
		}
		// ctx may be why it failed.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unpairTimeout)
		defer cancel()
		_, _ = c.ask(ctx, false, "/unpair", nil) // the answer means nothing
	}()
	info, err := c.PublicServerInfo(ctx)
	if err != nil {
		return err
	}
	if major := info.majorVersion(); major < 7 {
		return fmt.Errorf("the host has version %d, which pairs in an older manner: update it", major)
	}
	attempt := clientPairing{client: c}
	if err := attempt.run(ctx, pin); err != nil {
		return err
	}
	c.pin(attempt.host)
	return c.pairChallenge(ctx)
}

func (c *Client) pin(certificate *x509.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinned = certificate
}

// Unpair makes the host forget this client, over HTTPS. Hosts of other makes
// may only understand it over HTTP, or not at all.
func (c *Client) Unpair(ctx context.Context) error {
	_, err := c.ask(ctx, true, "/unpair", nil)
	return err
}

// clientPairing is one attempt.
type clientPairing struct {
	client    *Client
	host      *x509.Certificate
	cipher    pairCipher
	challenge [16]byte // ours
	secret    [16]byte // ours
}

// run does the four phases over HTTP.
func (p *clientPairing) run(ctx context.Context, pin PIN) error {
	if err := p.exchangeCertificates(ctx, pin); err != nil {
		return err
	}
	_, _ = rand.Read(p.challenge[:]) // never fails
	_, _ = rand.Read(p.secret[:])
	proof, hostChallenge, err := p.sendChallenge(ctx)
	if err != nil {
		return err
	}
	if err := p.answerChallenge(ctx, proof, hostChallenge); err != nil {
		return err
	}
	return p.sendSecret(ctx)
}

// exchangeCertificates waits until the PIN was typed.
func (p *clientPairing) exchangeCertificates(ctx context.Context, pin PIN) error {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	answer, err := p.client.pairPhase(ctx, false, url.Values{
		"phrase":     {"getservercert"},
		"salt":       {hex.EncodeToString(salt[:])},
		"clientcert": {hex.EncodeToString(p.client.config.Identity.certPEM)},
	})
	if err != nil {
		return err
	}
	text := answer.get("plaincert")
	if text == "" {
		return ErrAlreadyPairing
	}
	certPEM, err := hex.DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: plaincert is not hex", ErrMalformed)
	}
	if p.host, err = parseCertificate(certPEM); err != nil {
		return fmt.Errorf("%w: the host's certificate: %w", ErrMalformed, err)
	}
	p.cipher, err = newPairCipher(salt, pin)
	return err
}

// sendChallenge returns the host's proof, which can be checked only once its
// secret is known, and its challenge.
func (p *clientPairing) sendChallenge(ctx context.Context) (proof, hostChallenge []byte, err error) {
	sealed, err := p.cipher.encrypt(p.challenge[:])
	if err != nil {
		return nil, nil, err
	}
	answer, err := p.client.pairPhase(ctx, false, url.Values{"clientchallenge": {hex.EncodeToString(sealed)}})
	if err != nil {
		return nil, nil, err
	}
	response, err := decodeHex(answer.get("challengeresponse"), 48)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: challengeresponse", ErrMalformed)
	}
	plain, err := p.cipher.decrypt(response)
	if err != nil {
		return nil, nil, err
	}
	return plain[:32], plain[32:], nil
}

// answerChallenge sends our proof and checks the host's.
func (p *clientPairing) answerChallenge(ctx context.Context, proof, hostChallenge []byte) error {
	own := challengeHash(hostChallenge, p.client.config.Identity.certificate, p.secret[:])
	sealed, err := p.cipher.encrypt(own[:])
	if err != nil {
		return err
	}
	answer, err := p.client.pairPhase(ctx, false, url.Values{"serverchallengeresp": {hex.EncodeToString(sealed)}})
	if err != nil {
		return err
	}
	secret, err := hex.DecodeString(answer.get("pairingsecret"))
	if err != nil || len(secret) <= 16 {
		return fmt.Errorf("%w: pairingsecret", ErrMalformed)
	}
	if !signatureValid(secret[:16], secret[16:], p.host) {
		return ErrHostSignature
	}
	expected := challengeHash(p.challenge[:], p.host, secret[:16])
	if subtle.ConstantTimeCompare(expected[:], proof) != 1 {
		return ErrWrongPIN
	}
	return nil
}

// sendSecret lets the host check our proof.
func (p *clientPairing) sendSecret(ctx context.Context) error {
	secret, err := signedSecret(p.secret[:], p.client.config.Identity.key)
	if err != nil {
		return err
	}
	_, err = p.client.pairPhase(ctx, false, url.Values{"clientpairingsecret": {hex.EncodeToString(secret)}})
	return err
}

// pairPhase asks /pair; anything but paired 1 is an error.
func (c *Client) pairPhase(ctx context.Context, secure bool, query url.Values) (*element, error) {
	query.Set("devicename", "roth")
	query.Set("updateState", "1")
	d, err := c.ask(ctx, secure, "/pair", query)
	if err != nil {
		if _, ok := errors.AsType[*StatusError](err); ok {
			return nil, fmt.Errorf("%w: %w", ErrPairingRefused, err)
		}
		return nil, err
	}
	if d.root.get("paired") != "1" {
		return nil, ErrPairingRefused
	}
	return d.root, nil
}

// pairChallenge proves over HTTPS that the host now knows our certificate.
func (c *Client) pairChallenge(ctx context.Context) error {
	_, err := c.pairPhase(ctx, true, url.Values{"phrase": {"pairchallenge"}})
	return err
}
