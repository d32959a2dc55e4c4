//go:build go1.27

package jws

import (
	"crypto"
	"crypto/mldsa"
	"maps"
	"slices"
)

// mldsaParameters maps each algorithm to its ML-DSA parameter set (RFC 9964, section 2).
var mldsaParameters = map[string]mldsa.Parameters{
	"ML-DSA-44": mldsa.MLDSA44(),
	"ML-DSA-65": mldsa.MLDSA65(),
	"ML-DSA-87": mldsa.MLDSA87(),
}

func mldsaNames() []string { return slices.Collect(maps.Keys(mldsaParameters)) }

func fitsMLDSA(name string, public crypto.PublicKey) bool {
	key, ok := public.(*mldsa.PublicKey)
	return ok && key.Parameters() == mldsaParameters[name]
}

func verifyMLDSA(public crypto.PublicKey, signed, signature []byte) bool {
	key, ok := public.(*mldsa.PublicKey)
	return ok && mldsa.Verify(key, signed, signature, nil) == nil
}
