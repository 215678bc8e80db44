package gamestream

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strings"
)

// pair answers the four phases over HTTP.
func (h *Host) pair(r *request) *answer {
	key := pairingKey{uniqueID: r.uniqueID, addr: r.remote.Addr()}
	reply, err := h.pairPhase(r, key)
	if err == ErrAlreadyPairing {
		// This and no plaincert is how clients are told so.
		return newAnswer().element("paired", "1")
	}
	if err != nil {
		return errorAnswer(err).element("paired", "0")
	}
	return reply
}

// pairPhase leaves no pairing behind when it fails: the later phases take
// theirs out of the map before they look at anything.
func (h *Host) pairPhase(r *request, key pairingKey) (*answer, error) {
	switch {
	case r.query.Get("phrase") == "getservercert":
		return h.getServerCert(r, key)
	case r.query.Has("clientchallenge"):
		return h.clientChallenge(r.query.Get("clientchallenge"), key)
	case r.query.Has("serverchallengeresp"):
		return h.serverChallengeResponse(r.query.Get("serverchallengeresp"), key)
	case r.query.Has("clientpairingsecret"):
		return h.clientPairingSecret(r.ctx, r.query.Get("clientpairingsecret"), key)
	}
	return nil, errBadPairing
}

// getServerCert holds the request open until the person at the host has typed
// the PIN that the client shows.
func (h *Host) getServerCert(r *request, key pairingKey) (*answer, error) {
	salt, certificate, err := parseGreeting(r.query)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(r.ctx)
	defer end(nil)
	p := &pairing{
		key: waitingKey{key, CertificateID(certificate)}, end: end, client: certificate,
		clientPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}),
	}
	if err := h.pairings.begin(p); err != nil {
		return nil, err
	}
	if err := h.awaitPIN(ctx, r, p, salt); err != nil {
		h.pairings.forget(p)
		return nil, err
	}
	return newAnswer().element("paired", "1").element("plaincert", hex.EncodeToString(h.config.Identity.certPEM)), nil
}

// parseGreeting reads what getservercert brings.
func parseGreeting(query url.Values) (salt [16]byte, certificate *x509.Certificate, err error) {
	bytes, err := decodeHex(query.Get("salt"), len(salt))
	if err != nil {
		return salt, nil, errBadPairing
	}
	certPEM, err := hex.DecodeString(query.Get("clientcert"))
	if err != nil {
		return salt, nil, errBadPairing
	}
	certificate, err = parseCertificate(certPEM)
	if err != nil {
		return salt, nil, &StatusError{StatusBadRequest, "The client's certificate cannot be used: " + err.Error()}
	}
	return [16]byte(bytes), certificate, nil
}

func (h *Host) awaitPIN(ctx context.Context, r *request, p *pairing, salt [16]byte) error {
	ctx, stop := context.WithTimeout(ctx, h.config.PINTimeout)
	defer stop()
	approval, err := h.config.PINs.WaitPIN(ctx, PairRequest{
		ID: CertificateID(p.client), UniqueID: printable(r.uniqueID), DeviceName: printable(r.query.Get("devicename")),
		Addr: r.remote, At: p.expires.Add(-h.config.PINTimeout), Expires: p.expires,
	})
	switch {
	case context.Cause(ctx) == context.DeadlineExceeded:
		return errPINLapsed
	case context.Cause(ctx) == errDisplaced:
		return errDisplaced
	case ctx.Err() != nil:
		return errOutOfOrder
	case err != nil:
		return errRefused // the cause is for the host's own eyes
	case !approval.PIN.Valid():
		return &StatusError{StatusBadRequest, "The PIN entered at the host is not four digits: start pairing again"}
	}
	cipher, err := newPairCipher(salt, approval.PIN)
	if err != nil {
		return err
	}
	p.report = approval.Report
	return h.pairings.approve(p, cipher, printable(approval.Name))
}

func (h *Host) clientChallenge(text string, key pairingKey) (*answer, error) {
	p, err := h.pairings.take(key, phaseChallenge)
	if err != nil {
		return nil, err
	}
	sealed, err := decodeHex(text, 16)
	if err != nil {
		p.tell(PairAbandoned)
		return nil, errBadPairing
	}
	challenge, err := p.cipher.decrypt(sealed)
	if err != nil {
		return nil, err
	}
	_, _ = rand.Read(p.hostSecret[:]) // never fails
	_, _ = rand.Read(p.hostChallenge[:])
	hash := challengeHash(challenge, h.config.Identity.certificate, p.hostSecret[:])
	response, err := p.cipher.encrypt(append(hash[:], p.hostChallenge[:]...))
	if err != nil {
		return nil, err
	}
	if err := h.pairings.put(key, p, phaseResponse); err != nil {
		return nil, err
	}
	return newAnswer().element("paired", "1").element("challengeresponse", hex.EncodeToString(response)), nil
}

func (h *Host) serverChallengeResponse(text string, key pairingKey) (*answer, error) {
	p, err := h.pairings.take(key, phaseResponse)
	if err != nil {
		return nil, err
	}
	sealed, err := decodeHex(text, 32)
	if err != nil {
		p.tell(PairAbandoned)
		return nil, errBadPairing
	}
	hash, err := p.cipher.decrypt(sealed)
	if err != nil {
		return nil, err
	}
	p.clientHash = [32]byte(hash)
	secret, err := signedSecret(p.hostSecret[:], h.config.Identity.key)
	if err != nil {
		return nil, err
	}
	if err := h.pairings.put(key, p, phaseSecret); err != nil {
		return nil, err
	}
	p.tell(PairAnswered)
	return newAnswer().element("pairingsecret", hex.EncodeToString(secret)).element("paired", "1"), nil
}

// clientPairingSecret is where a wrong PIN shows: the client's hash was made,
// or read, with another key.
func (h *Host) clientPairingSecret(ctx context.Context, text string, key pairingKey) (*answer, error) {
	p, err := h.pairings.take(key, phaseSecret)
	if err != nil {
		return nil, err
	}
	step := PairAbandoned
	defer func() { p.tell(step) }()
	secret, err := decodeHex(text, 16+len(p.client.Signature))
	if err != nil {
		return nil, errBadPairing
	}
	expected := challengeHash(p.hostChallenge[:], p.client, secret[:16])
	knowsPIN := subtle.ConstantTimeCompare(expected[:], p.clientHash[:]) == 1
	ownsCertificate := signatureValid(secret[:16], secret[16:], p.client)
	if !knowsPIN || !ownsCertificate {
		step = PairWrongPIN
		// Not an error: clients expect paired 0 with status 200 here.
		return newAnswer().element("paired", "0"), nil
	}
	if err := h.config.Paired.Add(ctx, CertificateID(p.client), p.clientPEM, p.name); err != nil {
		return nil, err
	}
	step = PairDone
	return newAnswer().element("paired", "1"), nil
}

// decodeHex reads exactly size bytes in hex of either case.
func decodeHex(text string, size int) ([]byte, error) {
	if len(text) != 2*size {
		return nil, hex.ErrLength
	}
	return hex.DecodeString(text)
}

// printable bounds a text of a peer and cleans it of what a terminal obeys.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxNameBytes {
		text = strings.ToValidUTF8(text[:maxNameBytes], "")
	}
	return text
}
