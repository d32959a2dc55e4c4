// Package jws verifies JSON Web Signatures (RFC 7515) with JSON Web Keys (RFC 7517).
package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
)

// An algorithm verifies one kind of signature (RFC 7518, section 3; RFC 8037; RFC 9864). HMAC is
// missing on purpose, because a published key must never be a secret.
type algorithm struct {
	kty, crv string // in its JWKs; an empty crv matches any
	scheme   scheme
	hash     crypto.Hash
	curve    elliptic.Curve
	name     string // the ML-DSA parameter set
}

// ChangesReading reports whether a header parameter changes how a JWS is read, so that no
// signature may count: extensions (RFC 7515, section 4.1.11), another payload (RFC 7797), and
// encryption.
func ChangesReading(parameter string) bool {
	switch parameter {
	case "crit", "b64", "zip", "enc", "p2c", "epk":
		return true
	default:
		return false
	}
}

type scheme int

const (
	_ scheme = iota // the zero algorithm fits no key
	rsaPKCS1
	rsaPSS
	ecdsaRaw
	edwards25519
	mlDSA
)

var algorithms = withMLDSA(map[string]algorithm{
	"RS256":   {kty: "RSA", scheme: rsaPKCS1, hash: crypto.SHA256},
	"RS384":   {kty: "RSA", scheme: rsaPKCS1, hash: crypto.SHA384},
	"RS512":   {kty: "RSA", scheme: rsaPKCS1, hash: crypto.SHA512},
	"PS256":   {kty: "RSA", scheme: rsaPSS, hash: crypto.SHA256},
	"PS384":   {kty: "RSA", scheme: rsaPSS, hash: crypto.SHA384},
	"PS512":   {kty: "RSA", scheme: rsaPSS, hash: crypto.SHA512},
	"ES256":   {kty: "EC", crv: "P-256", scheme: ecdsaRaw, hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384":   {kty: "EC", crv: "P-384", scheme: ecdsaRaw, hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512":   {kty: "EC", crv: "P-521", scheme: ecdsaRaw, hash: crypto.SHA512, curve: elliptic.P521()},
	"EdDSA":   {kty: "OKP", crv: "Ed25519", scheme: edwards25519},
	"Ed25519": {kty: "OKP", crv: "Ed25519", scheme: edwards25519},
})

// withMLDSA adds the ML-DSA algorithms (RFC 9964), which need Go 1.27.
func withMLDSA(all map[string]algorithm) map[string]algorithm {
	for _, name := range mldsaNames() {
		all[name] = algorithm{kty: "AKP", scheme: mlDSA, name: name}
	}
	return all
}

// Canonical returns one name for an algorithm with two: Ed25519 becomes EdDSA, which means the
// same with an Ed25519 key (RFC 9864, section 2.2).
func Canonical(alg string) string {
	if alg == "Ed25519" {
		return "EdDSA"
	}
	return alg
}

// IsAlgorithm reports whether alg names a signature algorithm supported here, always an
// asymmetric one.
func IsAlgorithm(alg string) bool {
	_, ok := algorithms[alg]
	return ok
}

// fits reports whether public is a key for this algorithm.
func (a algorithm) fits(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return a.scheme == rsaPKCS1 || a.scheme == rsaPSS
	case *ecdsa.PublicKey:
		return a.scheme == ecdsaRaw && a.curve == key.Curve
	case ed25519.PublicKey:
		return a.scheme == edwards25519
	default:
		return a.scheme == mlDSA && fitsMLDSA(a.name, public)
	}
}

// verify reports whether signature is valid for signed under public, a key that fits the
// algorithm.
func (a algorithm) verify(public crypto.PublicKey, signed, signature []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.scheme == rsaPSS {
			// The salt is as long as the hash (RFC 7518, section 3.5).
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(key, a.hash, a.digest(signed), signature, options) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, a.digest(signed), signature) == nil
	case *ecdsa.PublicKey:
		size := (a.curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		return ecdsa.VerifyASN1(key, a.digest(signed), asn1Signature(signature))
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, signature)
	default:
		return verifyMLDSA(public, signed, signature)
	}
}

// asn1Signature encodes an ECDSA signature for the standard library, as a sequence of two numbers
// (RFC 3279, section 2.2.3). A JWS has one in each half (RFC 7518, section 3.4).
func asn1Signature(raw []byte) []byte {
	var room [3 + 2*(3+66)]byte // for P-521
	encoded := appendInteger(room[:3], raw[:len(raw)/2])
	encoded = appendInteger(encoded, raw[len(raw)/2:])
	size := byte(len(encoded) - 3) //nolint:gosec // it fits in room
	if size < 0x80 {
		encoded[1], encoded[2] = tagSequence, size
		return encoded[1:]
	}
	encoded[0], encoded[1], encoded[2] = tagSequence, 0x81, size // one byte of length follows
	return encoded
}

const (
	tagInteger  = 0x02
	tagSequence = 0x30
)

// appendInteger encodes a number of less than 127 bytes without leading zeros, except the one that
// keeps it from being negative.
func appendInteger(to, number []byte) []byte {
	number = bytes.TrimLeft(number, "\x00")
	isPadded := len(number) == 0 || number[0] >= 0x80
	to = append(to, tagInteger, byte(len(number))) //nolint:gosec // see above
	if isPadded {
		to[len(to)-1]++
		to = append(to, 0)
	}
	return append(to, number...)
}

// digest hashes signed. Unlike crypto.Hash, it allocates only its result.
func (a algorithm) digest(signed []byte) []byte {
	switch a.hash {
	case crypto.SHA256:
		sum := sha256.Sum256(signed)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(signed)
		return sum[:]
	default:
		sum := sha512.Sum512(signed)
		return sum[:]
	}
}
