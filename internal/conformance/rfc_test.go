package conformance_test

import (
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

var signedByRFC = []struct {
	source, jwk, token string
}{
	{"RFC 7515, A.2: RS256", rfc7515A2Key, rfc7515A2Token},
	{"RFC 7515, A.3: ES256", rfc7515A3Key, rfc7515A3Token},
	{"RFC 7515, A.4: ES512", rfc7515A4Key, rfc7515A4Token},
	{"RFC 7520, 4.1: RS256", rfc7520RSAKey, rfc7520S41Token},
	{"RFC 7520, 4.2: PS384", rfc7520RSAKey, rfc7520S42Token},
	{"RFC 7520, 4.3: ES512", rfc7520ECKey, rfc7520S43Token},
	{"RFC 8037, A.4: EdDSA", rfc8037Key, rfc8037Token},
}

func TestSignaturesOfTheRFCsAreGood(t *testing.T) {
	for _, tt := range signedByRFC {
		t.Run(tt.source, func(t *testing.T) {
			alg, signed, signature := split(t, tt.token)
			if !mustParseKey(t, tt.jwk).Verify(alg, signed, signature) {
				t.Error("the signature is not good")
			}
		})
	}
}

// In every byte, one bit or another is changed.
func TestSignaturesOfTheRFCsDoNotSurviveAChangedBit(t *testing.T) {
	for _, tt := range signedByRFC {
		t.Run(tt.source, func(t *testing.T) {
			key := mustParseKey(t, tt.jwk)
			alg, signed, signature := split(t, tt.token)
			for i := range signature {
				changed := slices.Clone(signature)
				changed[i] ^= 1 << (i % 8)
				if key.Verify(alg, signed, changed) {
					t.Errorf("good after a change in byte %d of the signature", i)
				}
			}
			for i := range signed {
				changed := []byte(signed)
				changed[i] ^= 1 << (i % 8)
				if key.Verify(alg, string(changed), signature) {
					t.Errorf("good after a change in byte %d of what is signed", i)
				}
			}
		})
	}
}

func TestSignaturesOfTheRFCsHaveOneLength(t *testing.T) {
	for _, tt := range signedByRFC {
		t.Run(tt.source, func(t *testing.T) {
			key := mustParseKey(t, tt.jwk)
			alg, signed, signature := split(t, tt.token)
			for i := range len(signature) + 1 {
				if key.Verify(alg, signed, slices.Insert(slices.Clone(signature), i, 0)) {
					t.Errorf("good with a zero inserted at byte %d", i)
				}
			}
			for i := range signature {
				if key.Verify(alg, signed, signature[:i]) {
					t.Errorf("good when cut off at byte %d", i)
				}
			}
		})
	}
}

// A secret key is no key, and neither HMAC nor "none" is an algorithm of any.
func TestTokensOfTheRFCsWithoutASignatureAreRefused(t *testing.T) {
	for _, tt := range []struct {
		source, jwk, token string
	}{
		{"RFC 7515, A.1: HS256", rfc7515A1Key, rfc7515A1Token},
		{"RFC 7515, A.5: none", "", rfc7515A5Token},
		{"RFC 7520, 4.4: HS256", rfc7520SecretKey, rfc7520S44Token},
	} {
		t.Run(tt.source, func(t *testing.T) {
			if parseKey([]byte(tt.jwk)) != nil {
				t.Error("Key took the key")
			}
			alg, signed, signature := split(t, tt.token)
			if jws.IsAlgorithm(alg) {
				t.Errorf("%s is an algorithm", alg)
			}
			for _, other := range signedByRFC {
				if mustParseKey(t, other.jwk).Verify(alg, signed, signature) {
					t.Errorf("good under the key of %s", other.source)
				}
			}
		})
	}
}

func mustParseKey(t *testing.T, jwk string) *jws.Key {
	t.Helper()
	key := parseKey([]byte(jwk))
	if key == nil {
		t.Fatalf("Key refused %s", jwk)
	}
	return key
}
