package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// A sample is a token, and its parts for a contestant that does nothing but
// cryptography.
type sample struct {
	token             string
	signed, signature []byte
}

func newSample(token string) *sample {
	s := &sample{token: token}
	if dot := strings.LastIndexByte(token, '.'); dot >= 0 {
		s.signed = []byte(token[:dot])
		s.signature, _ = base64.RawURLEncoding.DecodeString(token[dot+1:])
	}
	return s
}

// mint returns n access tokens, of about 1.2 kB when signed with RSA.
func mint(issuer *verifiertest.Issuer, alg string, n int, options ...verifiertest.TokenOption) []*sample {
	return mintClaims(issuer, alg, n, typicalClaims, options...)
}

func mintClaims(
	issuer *verifiertest.Issuer, alg string, n int, claims func() map[string]any, options ...verifiertest.TokenOption,
) []*sample {
	samples := make([]*sample, n)
	options = append(options, verifiertest.WithAlgorithm(alg))
	var group sync.WaitGroup
	for chunk := range slices.Chunk(samples, 1+n/8) {
		group.Go(func() {
			for i := range chunk {
				chunk[i] = newSample(issuer.Token(claims(), options...))
			}
		})
	}
	group.Wait()
	return samples
}

// typicalClaims are what large issuers put into an access token.
func typicalClaims() map[string]any {
	now := time.Now()
	id := fmt.Sprintf("%08x-6d2b-4c0e-9b57-%012x", now.Unix(), now.UnixNano()&(1<<48-1))
	return map[string]any{
		"sub":         "auth0|" + id,
		"jti":         id,
		"aud":         []string{verifiertest.Audience, "https://issuer.test/userinfo"},
		"azp":         "3Fq0zW1hXc2vBn8mKl5tRy7uJp4sDg6e",
		"client_id":   "3Fq0zW1hXc2vBn8mKl5tRy7uJp4sDg6e",
		"exp":         now.Add(24 * time.Hour).Unix(),
		"nbf":         now.Add(-time.Minute).Unix(),
		"scope":       "openid profile email offline_access orders:read orders:write",
		"permissions": []string{"orders:read", "orders:write"},
		"sid":         id,
		"org_id":      "org_9a8b7c6d5e4f3a2b",
		"realm_access": map[string]any{
			"roles": []string{"offline_access", "uma_authorization"},
		},
	}
}

func forge(issuer *verifiertest.Issuer, alg string) *sample {
	return mint(issuer, alg, 1, verifiertest.WithSignature(func(signature []byte) []byte {
		signature[len(signature)/2] ^= 1
		return signature
	}))[0]
}

// garbage is as long as a token, and has the same characters, but is none.
var garbage = newSample(strings.Repeat("not-a-token.", 100))
