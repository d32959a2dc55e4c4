//go:build !go1.27

package jws

import "crypto"

// ML-DSA needs Go 1.27, in both the standard library and go-jose.
func mldsaNames() []string { return nil }

func fitsMLDSA(string, crypto.PublicKey) bool { return false }

func verifyMLDSA(crypto.PublicKey, []byte, []byte) bool { return false }
