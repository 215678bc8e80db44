package gamestream

import (
	"crypto/rand"
	"crypto/subtle"
)

// challenge answers clientchallenge: it proves that the host knows the PIN, which
// the client can check once it has the secret.
func (s *pairings) challenge(key pairingKey, host *Identity, sealed []byte) (response []byte, err error) {
	s.mu.Lock()
	defer s.unlock()
	p, err := s.in(key, phaseChallenge)
	if err != nil {
		return nil, err
	}
	challenge, err := p.cipher.decrypt(sealed)
	if err != nil {
		return nil, err
	}
	_, _ = rand.Read(p.hostChallenge[:]) // never fails
	hash := challengeHash(challenge, host.certificate, p.hostSecret[:])
	response, err = p.cipher.encrypt(append(hash[:], p.hostChallenge[:]...))
	if err != nil {
		return nil, err
	}
	s.advance(p, phaseResponse)
	return response, nil
}

// response takes serverchallengeresp, by which the client commits itself, and
// only then gives the host's secret away: with the secret, whoever does not know
// the PIN can find it by trying all.
func (s *pairings) response(key pairingKey, host *Identity, sealed []byte) (secret []byte, err error) {
	s.mu.Lock()
	defer s.unlock()
	p, err := s.in(key, phaseResponse)
	if err != nil {
		return nil, err
	}
	hash, err := p.cipher.decrypt(sealed)
	if err != nil {
		return nil, err
	}
	secret, err = signedSecret(p.hostSecret[:], host.key)
	if err != nil {
		return nil, err
	}
	p.clientHash = [32]byte(hash)
	s.advance(p, phaseSecret)
	return secret, nil
}

// secret takes clientpairingsecret, and the pairing out of those under way. A
// nil pairing without an error is a wrong PIN.
func (s *pairings) secret(key pairingKey, signed []byte) (*pairing, error) {
	s.mu.Lock()
	defer s.unlock()
	p, err := s.in(key, phaseSecret)
	if err != nil {
		return nil, err
	}
	if len(signed) != len(p.hostSecret)+len(p.client.Signature) {
		return nil, errBadPairing
	}
	own, signature := signed[:len(p.hostSecret)], signed[len(p.hostSecret):]
	if !signatureValid(own, signature, p.client) {
		// Somebody else sent this: the client has the key of its certificate.
		return nil, errBadPairing
	}
	expected := challengeHash(p.hostChallenge[:], p.client, own)
	if subtle.ConstantTimeCompare(expected[:], p.clientHash[:]) != 1 {
		s.drop(p, errOutOfOrder, PairResult{Outcome: PairWrongPIN})
		return nil, nil
	}
	done := p.done
	p.done = nil // the caller reports
	s.drop(p, nil, PairResult{})
	p.done = done
	return p, nil
}
