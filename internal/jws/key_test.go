package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A kind is a key with the algorithms that it fits.
type kind struct {
	key  crypto.Signer
	algs []string
}

func kinds(t *testing.T) []kind {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []kind{
		{rsaKey, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{ecKey(t, elliptic.P256()), []string{"ES256"}},
		{ecKey(t, elliptic.P384()), []string{"ES384"}},
		{ecKey(t, elliptic.P521()), []string{"ES512"}},
		{edKey, []string{"EdDSA", "Ed25519"}},
	}
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func jwk(t *testing.T, key jose.JSONWebKey) []byte {
	t.Helper()
	raw, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// parseKey returns nil for a JWK that may not verify signatures.
func parseKey(text []byte) *jws.Key {
	read := jws.ReadJWK(string(text))
	key, err := read.Key()
	if err != nil {
		return nil
	}
	return key
}

var (
	algorithms = []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	}
	others = []string{"", "none", "None", "HS256", "HS384", "HS512", "rs256", "ES256K", "Ed448", "ML-DSA", "dir"}
)

func TestAlgorithmsAreAsymmetric(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		if !jws.IsAlgorithm(alg) {
			t.Errorf("IsAlgorithm(%q) is false", alg)
		}
	}
	for _, alg := range others {
		if jws.IsAlgorithm(alg) {
			t.Errorf("IsAlgorithm(%q) is true", alg)
		}
	}
}

func TestKeyFitsTheAlgorithmsOfItsKind(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		key := parseKey(jwk(t, jose.JSONWebKey{Key: kind.key.Public()}))
		if key == nil {
			t.Fatalf("Key refused a key for %s", kind.algs)
		}
		for _, alg := range slices.Concat(algorithms, others) {
			if got, want := key.Fits(alg), slices.Contains(kind.algs, alg); got != want {
				t.Errorf("a key for %s: Fits(%q) = %v, want %v", kind.algs, alg, got, want)
			}
			// Whatever does not fit, and whatever was not signed, is not good.
			if key.Verify(alg, "signed", make([]byte, 256)) || key.Verify(alg, "", nil) {
				t.Errorf("a key for %s: Verify by %q is true", kind.algs, alg)
			}
		}
	}
}

func TestKeyOfOneAlgorithmFitsNoOther(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		for _, named := range slices.Concat(algorithms, others[1:]) {
			key := parseKey(jwk(t, jose.JSONWebKey{Key: kind.key.Public(), Algorithm: named}))
			if (key != nil) != slices.Contains(kind.algs, named) {
				t.Errorf("a key for %s that says %q: %v", kind.algs, named, key)
			}
			for _, alg := range algorithms {
				if key != nil && key.Fits(alg) != (jws.Canonical(alg) == jws.Canonical(named)) {
					t.Errorf("a key for %s that says %q: Fits(%q) = %v", kind.algs, named, alg, key.Fits(alg))
				}
			}
		}
	}
}

// go-jose has a bound of its own, which any package can move, as this test does: it isn't
// parallel.
func TestRSAKeysAreBoundedByUs(t *testing.T) {
	bound := jose.MaxRSAModulusBits
	jose.MaxRSAModulusBits = 1 << 20
	defer func() { jose.MaxRSAModulusBits = bound }()
	for bits, want := range map[uint]bool{2047: false, 2048: true, 4096: true, 4097: false, 8192: false} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		key := parseKey(jwk(t, jose.JSONWebKey{Key: &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}}))
		if (key != nil) != want {
			t.Errorf("a key of %d bits: %v", bits, key)
		}
	}
}

func TestPrivateKeysAreNoKeys(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		if parseKey(jwk(t, jose.JSONWebKey{Key: kind.key})) != nil {
			t.Errorf("Key took a private key for %s", kind.algs)
		}
	}
	if parseKey(jwk(t, jose.JSONWebKey{Key: []byte("secret")})) != nil {
		t.Error("Key took a secret")
	}
}

// Keys are equal by their public key alone: under which kid and alg they are
// published makes no difference.
func TestEqualComparesPublicKeys(t *testing.T) {
	t.Parallel()
	all := kinds(t)
	for i, one := range all {
		key := parseKey(jwk(t, jose.JSONWebKey{Key: one.key.Public()}))
		for j, other := range all {
			same := parseKey(jwk(t, jose.JSONWebKey{Key: other.key.Public(), KeyID: "k", Algorithm: other.algs[0]}))
			if got := key.Equal(same); got != (i == j) {
				t.Errorf("a key for %s and one for %s: Equal = %v", one.algs, other.algs, got)
			}
		}
	}
	first := parseKey(jwk(t, jose.JSONWebKey{Key: ecKey(t, elliptic.P256()).Public()}))
	second := parseKey(jwk(t, jose.JSONWebKey{Key: ecKey(t, elliptic.P256()).Public()}))
	if first.Equal(second) {
		t.Error("two keys of one kind are equal")
	}
}

func TestKidIsTheOneThatCanBeTrusted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"kid":"a"}`:                      "a",
		`{"kty":"x","k\u0069d":"a"}`:       "a",
		`{"kid":""}`:                       "",
		`{}`:                               "",
		`{"KID":"a"}`:                      "",
		`{"kid":1}`:                        "",
		`{"kid":null}`:                     "",
		`{"kid":["a"]}`:                    "",
		`{"kid":"a","kid":"a"}`:            "",
		`{"kid":"a","x":1,"x":1}`:          "",
		`{"kid":"a"}x`:                     "",
		`{"kid":"a"`:                       "",
		`[{"kid":"a"}]`:                    "",
		"{\"kid\":\"a\xff\"}":              "",
		``:                                 "",
		`{"kid":"a","x":` + nest(15) + `}`: "a",
		`{"kid":"a","x":` + nest(16) + `}`: "",
	} {
		if got := jws.ReadJWK(text).Kid; got != want {
			t.Errorf("the kid of %s = %q, want %q", text, got, want)
		}
	}
}

func nest(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
