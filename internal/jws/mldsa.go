//go:build go1.27

package jws

import (
	"crypto"
	"crypto/mldsa"
)

// mldsaParameters are the parameter sets of ML-DSA (RFC 9964, section 2), by algorithm.
var mldsaParameters = map[string]mldsa.Parameters{
	"ML-DSA-44": mldsa.MLDSA44(),
	"ML-DSA-65": mldsa.MLDSA65(),
	"ML-DSA-87": mldsa.MLDSA87(),
}

func withMLDSA(all map[string]algorithm) map[string]algorithm {
	for name := range mldsaParameters {
		all[name] = algorithm{kty: "AKP", scheme: mlDSA, name: name}
	}
	return all
}

func (a algorithm) fitsMLDSA(public crypto.PublicKey) bool {
	key, ok := public.(*mldsa.PublicKey)
	return ok && key.Parameters() == mldsaParameters[a.name]
}

func (a algorithm) verifyMLDSA(public crypto.PublicKey, signed, signature []byte) bool {
	key, ok := public.(*mldsa.PublicKey)
	return ok && mldsa.Verify(key, signed, signature, nil) == nil
}
