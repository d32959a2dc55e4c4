//go:build !go1.27

package jws

import "crypto"

// Go has ML-DSA from 1.27 on, and so has go-jose.

func mldsaNames() []string { return nil }

func fitsMLDSA(string, crypto.PublicKey) bool { return false }

func verifyMLDSA(crypto.PublicKey, []byte, []byte) bool { return false }
