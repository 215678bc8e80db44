package gamestream

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
)

// pair answers the four phases over HTTP.
func (h *Host) pair(r *request) *answer {
	reply, err := h.pairPhase(r, pairingKey{uniqueID: r.uniqueID, addr: r.remote.Addr()})
	if err != nil {
		if kind := dropKind(err); kind != "" && r.ctx.Err() == nil {
			h.config.Dropped(r.remote, kind)
		}
		return errorAnswer(err).element("paired", "0")
	}
	return reply
}

// dropKind names what strangers can cause at will, in a fixed text; it is empty
// for what only the operator or the host itself causes.
func dropKind(err error) string {
	switch err {
	case errOutOfOrder:
		return "pairing request out of order"
	case errTooMany, errBusy:
		return "pairing request refused for want of a place"
	case errDisplaced:
		return "pairing request displaced"
	case errPINLapsed:
		return "pairing request lapsed"
	case errRefused, errHostStopped:
		return ""
	}
	if _, ok := errors.AsType[*StatusError](err); ok {
		return "invalid pairing request"
	}
	return ""
}

// pairPhase changes nothing when a request does not fit: who has the address and
// the uniqueid of a client is not that client.
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
		key: key, network: networkOf(key.addr), end: end, client: certificate,
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
	ctx, stop := context.WithTimeoutCause(ctx, h.config.PINTimeout, errPINLapsed)
	defer stop()
	approval, err := h.config.PINs.WaitPIN(ctx, PairRequest{
		ID: CertificateID(p.client), UniqueID: printable(r.uniqueID), DeviceName: printable(r.query.Get("devicename")),
		Addr: r.remote, At: p.expires.Add(-h.config.PINTimeout), Expires: p.expires,
	})
	if status, ok := errors.AsType[*StatusError](context.Cause(ctx)); ok && err != nil {
		return status
	}
	switch {
	case err == nil && ctx.Err() == nil:
		return h.usePIN(p, salt, approval)
	case err == nil:
		return approval.fail(PairResult{Outcome: PairGone}, errOutOfOrder)
	case ctx.Err() != nil:
		return errOutOfOrder // the client went away, or the host stops
	}
	return errRefused // the cause is for the host's own eyes
}

// usePIN lets a pairing go on with its PIN. approval.Done is called by whatever
// ends it.
func (h *Host) usePIN(p *pairing, salt [16]byte, approval PairApproval) error {
	if !approval.PIN.Valid() {
		err := &StatusError{StatusBadRequest, "The PIN entered at the host is not four digits: start pairing again"}
		return approval.fail(PairResult{Outcome: PairFailed, Err: err}, err)
	}
	cipher, err := newPairCipher(salt, approval.PIN)
	if err != nil {
		return approval.fail(PairResult{Outcome: PairFailed, Err: err}, err)
	}
	return h.pairings.approve(p, cipher, approval)
}

func (h *Host) clientChallenge(text string, key pairingKey) (*answer, error) {
	sealed, err := decodeHex(text, 16)
	if err != nil {
		return nil, errBadPairing
	}
	response, err := h.pairings.challenge(key, h.config.Identity, sealed)
	if err != nil {
		return nil, err
	}
	return newAnswer().element("paired", "1").element("challengeresponse", hex.EncodeToString(response)), nil
}

func (h *Host) serverChallengeResponse(text string, key pairingKey) (*answer, error) {
	sealed, err := decodeHex(text, 32)
	if err != nil {
		return nil, errBadPairing
	}
	secret, err := h.pairings.response(key, h.config.Identity, sealed)
	if err != nil {
		return nil, err
	}
	return newAnswer().element("pairingsecret", hex.EncodeToString(secret)).element("paired", "1"), nil
}

// clientPairingSecret is where the host sees whether the PIN was right: the
// client's hash was made, or read, with another key if not.
func (h *Host) clientPairingSecret(ctx context.Context, text string, key pairingKey) (*answer, error) {
	signed, err := hex.DecodeString(text)
	if err != nil {
		return nil, errBadPairing
	}
	p, err := h.pairings.secret(key, signed)
	if err != nil {
		return nil, err
	}
	if p == nil {
		// Not an error: clients expect paired 0 with status 200 here.
		return newAnswer().element("paired", "0"), nil
	}
	result := PairResult{Outcome: PairPaired}
	if err = h.config.Paired.Add(ctx, CertificateID(p.client), p.clientPEM, p.name); err != nil {
		result = PairResult{Outcome: PairFailed, Err: err}
	}
	if p.done != nil {
		p.done(result)
	}
	if err != nil {
		return nil, err
	}
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
