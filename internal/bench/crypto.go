package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var errSignature = errors.New("the signature is not valid")

// cryptoAlone hashes what was signed and checks the signature, with what the standard
// library has for it. It looks at nothing else.
func cryptoAlone(issuer *verifiertest.Issuer, alg string) (verify, error) {
	key, err := publicKey(issuer, alg)
	if err != nil {
		return nil, err
	}
	check, err := signatureCheck(key, alg)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, s *sample) error {
		if !check(s.signed, s.signature) {
			return errSignature
		}
		return nil
	}, nil
}

func signatureCheck(key crypto.PublicKey, alg string) (func(signed, signature []byte) bool, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if alg == "PS256" {
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return func(signed, signature []byte) bool {
				digest := sha256.Sum256(signed)
				return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
			}, nil
		}
		return func(signed, signature []byte) bool {
			digest := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
		}, nil
	case *ecdsa.PublicKey:
		return func(signed, signature []byte) bool {
			digest := sha256.Sum256(signed)
			r := new(big.Int).SetBytes(signature[:32])
			s := new(big.Int).SetBytes(signature[32:])
			return ecdsa.Verify(key, digest[:], r, s)
		}, nil
	case ed25519.PublicKey:
		return func(signed, signature []byte) bool { return ed25519.Verify(key, signed, signature) }, nil
	default:
		return nil, fmt.Errorf("no check for %T", key)
	}
}
