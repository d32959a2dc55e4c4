package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	proven     = "proven"
	proofRing  = 40_000 // each proof counts once
	withProof  = "a proof and a remembered token"
	withNonce  = "with a nonce"
	remembered = "a remembered token alone"

	// proofSlice lets some slices pass undisturbed even on a busy machine.
	proofSlice = time.Millisecond

	proofOrigin    = "https://api.example.com"
	proofProcedure = "/acme.orders.v1.OrderService/GetOrder"
)

// proofRaces compares a call's proof, and the remembered token that it belongs to, with the proof's
// signature alone.
func proofRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) ([]Race, error) {
	if !want(proven) {
		return nil, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
	if err != nil {
		return nil, err
	}
	claims := typicalClaims()
	claims["cnf"] = map[string]any{"jkt": signer.Thumbprint()}
	token := issuer.Token(claims, verifiertest.WithAlgorithm("RS256"))
	v, err := verifier.New(issuer.Config())
	if err != nil {
		return nil, err
	}
	checker, err := dpop.New(dpop.Config{Origins: []string{proofOrigin}, Leeway: -1, MaxAge: 10 * time.Minute, NonceMaxAge: time.Hour})
	if err != nil {
		return nil, err
	}
	time.Sleep(1100 * time.Millisecond) // a proof from the second of the start needs a nonce
	check, err := signatureCheck(key.Public(), "ES256")
	if err != nil {
		return nil, err
	}
	alone, err := mintProofs(signer, token, "")
	if err != nil {
		return nil, err
	}
	nonced, err := mintProofs(signer, token, checker.Nonce())
	if err != nil {
		return nil, err
	}
	sample := newSample(alone[0])
	results, err := race([]contestant{
		{cryptoOnly, 1, func(n int) error {
			for range n {
				if !check(sample.signed, sample.signature) {
					return errSignature
				}
			}
			return nil
		}},
		verifyProofs(withProof, checker, v, token, alone),
		verifyProofs(withProof+", "+withNonce, checker, v, token, nonced),
		{remembered, 1, func(n int) error {
			for range n {
				prove := func(verifier.Confirmation) error { return nil }
				if _, err := v.VerifyBound(context.Background(), token, prove); err != nil {
					return err
				}
			}
			return nil
		}},
	}, rounds, proofSlice)
	return []Race{{proven, results}}, err
}

func mintProofs(signer *jws.Signer, token, nonce string) ([]string, error) {
	sum := sha256.Sum256([]byte(token))
	proofs := make([]string, proofRing)
	for i := range proofs {
		claims := map[string]any{
			"jti": rand.Text(), "htm": "POST", "htu": proofOrigin + proofProcedure, "iat": time.Now().Unix(),
			"ath": base64.RawURLEncoding.EncodeToString(sum[:]),
		}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			return nil, err
		}
		if proofs[i], err = signer.Sign(payload); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// verifyProofs uses each proof once.
func verifyProofs(name string, checker *dpop.Checker, v *verifier.Verifier, token string, proofs []string) contestant {
	used := 0
	return contestant{name, 1, func(n int) error {
		if used+n > len(proofs) {
			return errors.New("too few proofs: run fewer rounds")
		}
		for _, value := range proofs[used : used+n] {
			if err := verifyProof(checker, v, token, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		used += n
		return nil
	}}
}

func verifyProof(checker *dpop.Checker, v *verifier.Verifier, token, value string) error {
	ctx := context.Background()
	proof, err := checker.Read(dpop.Request{
		Proofs: []string{value}, Method: "POST", Path: proofProcedure, Token: token,
	})
	if err != nil {
		return err
	}
	_, err = v.VerifyBound(ctx, token, func(c verifier.Confirmation) error { return proof.Check(ctx, c.KeyThumbprint) })
	return err
}
