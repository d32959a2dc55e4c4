package jws

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"math"
	"sync"
)

const (
	minRSABits = 2048 // RFC 7518, section 3.3
	maxRSABits = 4096 // larger keys would let an issuer burn our CPU
)

// A Key is a decoded public key for verifying signatures. It is safe for concurrent use.
type Key struct {
	alg    string // its only algorithm, by canonical name; "" for any
	public crypto.PublicKey
}

var errUnknown = errors.New("its kty, crv and alg fit no algorithm")

// newKey returns an error for a weak key and for one that fits no algorithm.
func newKey(public crypto.PublicKey, alg string) (*Key, error) {
	k := &Key{alg: alg, public: public}
	for name := range algorithms {
		if k.Fits(name) {
			if err := checkStrength(public); err != nil {
				return nil, err
			}
			return k, nil
		}
	}
	return nil, errUnknown
}

// Fits reports whether the key may be used with this algorithm.
func (k *Key) Fits(alg string) bool {
	return (k.alg == "" || k.alg == Canonical(alg)) && algorithms[alg].fits(k.public)
}

// Equal reports whether other is the same public key.
func (k *Key) Equal(other *Key) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other.public)
}

// Verify reports whether signature is valid for signed, under this key and algorithm. It returns
// false if the key does not fit the algorithm.
func (k *Key) Verify(alg, signed string, signature []byte) bool {
	if !k.Fits(alg) {
		return false
	}
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = append((*buffer)[:0], signed...)
	return algorithms[alg].verify(k.public, *buffer, signature)
}

// buffers holds copies of the signed text during hashing: hashes read no strings, and a new copy
// for each token would burden the garbage collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// checkStrength refuses RSA keys that are too small to be safe or too large to be quick, and
// exponents no honest issuer uses. go-jose already refuses Ed25519 keys of low order and points
// off their curve.
func checkStrength(public crypto.PublicKey) error {
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	switch bits := key.N.BitLen(); {
	case bits < minRSABits:
		return errors.New("it's shorter than 2048 bits")
	case bits > maxRSABits:
		return errors.New("it's longer than 4096 bits")
	case key.N.Bit(0) == 0, key.E < 3, key.E > math.MaxInt32, key.E%2 == 0:
		return errors.New("its RSA modulus or exponent is unsafe")
	default:
		return nil
	}
}
