package verifier

import (
	"crypto"
	"crypto/rsa"
	"math"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	minRSABits  = 2048 // RFC 7518, section 3.3
	maxRSABits  = 4096 // beyond it, checking a signature is a way to burn our CPU
	maxJWKDepth = 16
)

// A key is one public key of a key set.
type key struct {
	alg    string // the only algorithm it is for; "" when the set does not say
	public crypto.PublicKey
}

// decodeKey returns the key of a JWK (RFC 7517), and nil when it is not one that
// may verify signatures.
func decodeKey(jwk []byte) *key {
	alg, ok := checkJWK(jwk)
	if !ok {
		return nil
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(jwk); err != nil || isWeak(parsed.Key) {
		return nil
	}
	k := &key{alg: alg, public: parsed.Key}
	for alg := range algorithms {
		if k.fits(alg) {
			return k
		}
	}
	return nil
}

// checkJWK reports whether the JWK's own members leave it fit to verify signatures,
// and for which algorithm if they name one.
func checkJWK(jwk []byte) (alg string, ok bool) {
	fit := true
	wellFormed := members(jwk, maxJWKDepth, func(name []byte, value jsontext.Value) {
		switch string(name) {
		case "alg":
			alg, ok = text(value)
			fit = fit && ok && alg != ""
		case "use":
			use, ok := text(value)
			fit = fit && ok && use == "sig"
		case "key_ops":
			operations, ok := texts(value)
			fit = fit && ok && slices.Contains(operations, "verify")
		// A published private key is a compromised key; k is a symmetric one.
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
			fit = false
		}
	})
	return alg, wellFormed && fit
}

// fits reports whether the key is one for this algorithm.
func (k *key) fits(alg string) bool {
	return (k.alg == "" || k.alg == alg) && algorithms[alg].fits(k.public)
}

func (k *key) equal(other *key) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other.public)
}

func (k *key) verifies(t *token) bool {
	return algorithms[t.alg].verify(k.public, t.signed, t.signature)
}

// isWeak refuses RSA keys that are too small to be safe, too large to be quick,
// or of an exponent that no honest issuer uses. Points off their curve and
// Ed25519 keys of low order do not get past go-jose.
func isWeak(public crypto.PublicKey) bool {
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return false
	}
	bits := rsaKey.N.BitLen()
	return bits < minRSABits || bits > maxRSABits || rsaKey.N.Bit(0) == 0 ||
		rsaKey.E < 3 || rsaKey.E > math.MaxInt32 || rsaKey.E%2 == 0
}
