package gamestream

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
)

// pairCipher is AES-128 in ECB mode without padding under the key that salt and
// PIN give: the first 16 bytes of SHA-256(salt, PIN) (libgamestream client.c,
// gs_pair; server major version 7).
type pairCipher struct{ block cipher.Block }

func newPairCipher(salt [16]byte, pin PIN) (pairCipher, error) {
	sum := sha256.Sum256(append(salt[:], pin...))
	block, err := aes.NewCipher(sum[:16])
	if err != nil {
		return pairCipher{}, errors.New("derive the pairing key") // the cause could speak of the key
	}
	return pairCipher{block}, nil
}

var errBlocks = errors.New("the length is no multiple of 16")

func (c pairCipher) encrypt(plain []byte) ([]byte, error) { return c.each(plain, cipher.Block.Encrypt) }

func (c pairCipher) decrypt(sealed []byte) ([]byte, error) {
	return c.each(sealed, cipher.Block.Decrypt)
}

func (c pairCipher) each(in []byte, do func(cipher.Block, []byte, []byte)) ([]byte, error) {
	if c.block == nil || len(in)%aes.BlockSize != 0 {
		return nil, errBlocks
	}
	out := make([]byte, len(in))
	for at := 0; at < len(in); at += aes.BlockSize {
		do(c.block, out[at:at+aes.BlockSize], in[at:at+aes.BlockSize])
	}
	return out, nil
}

// challengeHash is the proof that both sides exchange: a challenge of the other
// side, the signature bits of the own certificate, an own secret.
func challengeHash(challenge []byte, certificate *x509.Certificate, secret []byte) [32]byte {
	hash := sha256.New()
	hash.Write(challenge)
	hash.Write(certificate.Signature)
	hash.Write(secret)
	return [32]byte(hash.Sum(nil))
}

// signedSecret is a secret followed by its signature.
func signedSecret(secret []byte, key *rsa.PrivateKey) ([]byte, error) {
	sum := sha256.Sum256(secret)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, errors.New("sign the pairing secret")
	}
	return append(append(make([]byte, 0, len(secret)+len(signature)), secret...), signature...), nil
}

// signatureValid checks the signature of a secret against a certificate.
func signatureValid(secret, signature []byte, certificate *x509.Certificate) bool {
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	sum := sha256.Sum256(secret)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}
