package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// A Signer makes JWS that carry their own public key (RFC 7515, section 4.1.3). It never changes,
// and is as safe for concurrent use as its key. Printed, it shows no private key.
type Signer struct {
	header     string // encoded, with the dot
	thumbprint string
	sign       func(signed []byte) ([]byte, error)
}

// NewSigner returns a Signer. It returns an error if the key is weak, or doesn't fit alg.
func NewSigner(key crypto.Signer, alg, typ string) (*Signer, error) {
	public, err := newKey(key.Public(), "")
	if err != nil {
		return nil, err
	}
	if !public.Fits(alg) || algorithms[alg].scheme == mlDSA {
		return nil, fmt.Errorf("it can't sign with %q", alg)
	}
	header, err := json.Marshal(struct {
		Typ string          `json:"typ"`
		Alg string          `json:"alg"`
		JWK jose.JSONWebKey `json:"jwk"`
	}{typ, alg, jose.JSONWebKey{Key: key.Public()}})
	if err != nil {
		return nil, err
	}
	return &Signer{
		header:     base64.RawURLEncoding.EncodeToString(header) + ".",
		thumbprint: public.Thumbprint(),
		sign:       func(signed []byte) ([]byte, error) { return algorithms[alg].sign(key, signed) },
	}, nil
}

// DefaultAlgorithm returns the algorithm to sign with, or "" if there's none for this key. RSA keys
// use PSS (FAPI 2.0 Security Profile, section 5.4.1).
func DefaultAlgorithm(public crypto.PublicKey) string {
	for _, alg := range []string{"ES256", "EdDSA", "PS256", "ES384", "ES512"} {
		if algorithms[alg].fits(public) {
			return alg
		}
	}
	return ""
}

// Thumbprint returns the public key's thumbprint, as [Key.Thumbprint] does.
func (s *Signer) Thumbprint() string { return s.thumbprint }

// Sign returns a payload as a compact JWS.
func (s *Signer) Sign(payload []byte) (string, error) {
	encoding := base64.RawURLEncoding
	text := make([]byte, 0, len(s.header)+encoding.EncodedLen(len(payload))+encoding.EncodedLen(rsaBytes)+1)
	text = append(text, s.header...)
	text = encoding.AppendEncode(text, payload)
	signature, err := s.sign(text)
	if err != nil {
		return "", err
	}
	text = append(text, '.')
	return string(encoding.AppendEncode(text, signature)), nil
}

const rsaBytes = 2048 / 8 // the longest of the usual signatures

// sign returns a signature by a key that fits the algorithm.
func (a algorithm) sign(key crypto.Signer, signed []byte) ([]byte, error) {
	switch a.scheme {
	case rsaPKCS1:
		return key.Sign(rand.Reader, a.digest(signed), a.hash)
	case rsaPSS:
		// The salt is as long as the hash (RFC 7518, section 3.5).
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
		return key.Sign(rand.Reader, a.digest(signed), options)
	case ecdsaRaw:
		return a.signECDSA(key, signed)
	default:
		return key.Sign(rand.Reader, signed, crypto.Hash(0))
	}
}

// signECDSA returns the two numbers of a signature, one after the other (RFC 7518, section 3.4).
func (a algorithm) signECDSA(key crypto.Signer, signed []byte) ([]byte, error) {
	encoded, err := key.Sign(rand.Reader, a.digest(signed), a.hash)
	if err != nil {
		return nil, err
	}
	var signature struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(encoded, &signature)
	bits := a.curve.Params().BitSize
	if err != nil || len(rest) > 0 || !isWithin(signature.R, bits) || !isWithin(signature.S, bits) {
		return nil, errors.New("the key has returned a malformed signature")
	}
	size := (bits + 7) / 8
	both := make([]byte, 2*size)
	signature.R.FillBytes(both[:size])
	signature.S.FillBytes(both[size:])
	return both, nil
}

func isWithin(n *big.Int, bits int) bool { return n.Sign() > 0 && n.BitLen() <= bits }

// IsInMemory reports whether a key signs at once: it's one of the standard library's own.
func IsInMemory(key crypto.Signer) bool {
	switch key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return true
	default:
		return false
	}
}
