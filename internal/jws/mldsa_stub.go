//go:build !go1.27

package jws

import "crypto"

// Go has ML-DSA from 1.27 on, and so has go-jose.

func withMLDSA(all map[string]algorithm) map[string]algorithm { return all }

func (a algorithm) fitsMLDSA(crypto.PublicKey) bool { return false }

func (a algorithm) verifyMLDSA(crypto.PublicKey, []byte, []byte) bool { return false }
