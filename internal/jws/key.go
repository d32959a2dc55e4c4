package jws

import (
	"crypto"
	"crypto/rsa"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	minRSABits = 2048 // RFC 7518, section 3.3
	maxRSABits = 4096 // beyond it, checking a signature is a way to burn our CPU
	maxDepth   = 16
)

// A Key is a public key that may verify signatures.
type Key struct {
	alg    string // the only algorithm it is for; "" when the set does not say
	public crypto.PublicKey
}

// ParseKey returns the key of a JWK, and nil when it is not one that may verify
// signatures: of another kind or use, weak, broken, or private.
func ParseKey(jwk []byte) *Key {
	alg, ok := checkJWK(jwk)
	if !ok {
		return nil
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(jwk); err != nil || isWeak(parsed.Key) {
		return nil
	}
	k := &Key{alg: alg, public: parsed.Key}
	for alg := range algorithms {
		if k.Fits(alg) {
			return k
		}
	}
	return nil
}

// checkJWK reports whether the JWK's own members leave it fit to verify signatures,
// and for which algorithm if they name one.
func checkJWK(jwk []byte) (alg string, ok bool) {
	fit := true
	wellFormed := strictjson.Members(string(jwk), maxDepth, func(name, value string) {
		switch name {
		case "alg":
			alg, ok = strictjson.Text(value)
			alg = strings.Clone(alg)
			fit = fit && ok && alg != ""
		case "use":
			use, ok := strictjson.Text(value)
			fit = fit && ok && use == "sig"
		case "key_ops":
			operations, ok := strictjson.Texts(value)
			fit = fit && ok && slices.Contains(operations, "verify")
		// A published private key is a compromised key; k is a symmetric one.
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
			fit = false
		}
	})
	return alg, wellFormed && fit
}

// KeyID returns the kid of a JWK, or "" when it has none that can be trusted to be
// the only one.
func KeyID(jwk []byte) (kid string) {
	wellFormed := strictjson.Members(string(jwk), maxDepth, func(name, value string) {
		if name == "kid" {
			kid, _ = strictjson.Text(value)
			kid = strings.Clone(kid)
		}
	})
	if !wellFormed {
		return ""
	}
	return kid
}

// Fits reports whether the key is one for this algorithm.
func (k *Key) Fits(alg string) bool {
	return (k.alg == "" || k.alg == alg) && algorithms[alg].fits(k.public)
}

// Equal reports whether other is the same public key.
func (k *Key) Equal(other *Key) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other.public)
}

// Verify reports whether signature is the key's, by this algorithm, of signed. It is
// false for an algorithm that the key does not fit.
func (k *Key) Verify(alg, signed string, signature []byte) bool {
	if !k.Fits(alg) {
		return false
	}
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = append((*buffer)[:0], signed...)
	return algorithms[alg].verify(k.public, *buffer, signature)
}

// buffers hold what was signed while it is hashed: hashes read no strings, and a new
// copy for each token is work for the garbage collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

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
