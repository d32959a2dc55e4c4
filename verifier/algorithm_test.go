package verifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestVerifyAcceptsEveryAlgorithm(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			accept(t, v, issuer.Token(nil, verifiertest.WithAlgorithm(alg)))
		})
	}
}

func TestVerifyRefusesABadSignature(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	tests := []struct {
		name   string
		change func(signature []byte) []byte
	}{
		{"its first bit flipped", func(s []byte) []byte { s[0] ^= 0x80; return s }},
		{"its last bit flipped", func(s []byte) []byte { s[len(s)-1] ^= 1; return s }},
		{"a bit in the middle flipped", func(s []byte) []byte { s[len(s)/2] ^= 4; return s }},
		{"zeros", func(s []byte) []byte { clear(s); return s }},
		{"ones", func(s []byte) []byte { return slices.Repeat([]byte{0xff}, len(s)) }},
		{"one byte", func([]byte) []byte { return []byte{0} }},
		{"its last byte cut off", func(s []byte) []byte { return s[:len(s)-1] }},
		{"its first byte cut off", func(s []byte) []byte { return s[1:] }},
		{"half of it", func(s []byte) []byte { return s[:len(s)/2] }},
		{"twice in a row", func(s []byte) []byte { return append(s, s...) }},
		{"a zero before it", func(s []byte) []byte { return append([]byte{0}, s...) }},
		{"a zero after it", func(s []byte) []byte { return append(s, 0) }},
		{"backwards", func(s []byte) []byte { slices.Reverse(s); return s }},
	}
	for _, alg := range algorithms {
		for _, test := range tests {
			token := issuer.Token(nil, verifiertest.WithAlgorithm(alg), verifiertest.WithSignature(test.change))
			if got := verdict(t, v, token); got != verifier.CodeInvalidToken {
				t.Errorf("%s, %s: code = %q, want %q", alg, test.name, got, verifier.CodeInvalidToken)
			}
		}
	}
}

func TestSignatureCoversHeaderAndPayload(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	for _, alg := range algorithms {
		one := strings.Split(issuer.Token(nil, verifiertest.WithAlgorithm(alg)), ".")
		two := strings.Split(issuer.Token(map[string]any{"sub": "root"},
			verifiertest.WithAlgorithm(alg), verifiertest.WithHeader("typ", "JWT")), ".")
		for _, token := range []string{
			one[0] + "." + two[1] + "." + one[2],
			two[0] + "." + one[1] + "." + one[2],
			one[0] + "." + one[1] + "." + two[2],
		} {
			if got := verdict(t, v, token); got != verifier.CodeInvalidToken {
				t.Errorf("%s: code = %q, want %q", alg, got, verifier.CodeInvalidToken)
			}
		}
	}
}

func TestVerifyRefusesTheSignatureOfAnotherKey(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{
		"RS256": rsaKey(), "RS384": rsaKey(), "RS512": rsaKey(),
		"PS256": rsaKey(), "PS384": rsaKey(), "PS512": rsaKey(),
		"ES256": ecKey(t, elliptic.P256()), "ES384": ecKey(t, elliptic.P384()), "ES512": ecKey(t, elliptic.P521()),
		"EdDSA": stranger, "Ed25519": stranger,
	}
	for _, alg := range algorithms {
		token := issuer.Token(nil, verifiertest.WithAlgorithm(alg), verifiertest.WithKey(keys[alg]))
		if got := verdict(t, v, token); got != verifier.CodeInvalidToken {
			t.Errorf("%s: code = %q, want %q", alg, got, verifier.CodeInvalidToken)
		}
	}
}

// Each key says which algorithm it's for. EdDSA and Ed25519 are one.
func TestAKeyServesOnlyItsOwnAlgorithm(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	for _, signing := range algorithms {
		for _, named := range algorithms {
			if named == signing {
				continue
			}
			want := verifier.CodeKeyNotFound
			if strings.HasPrefix(signing, "Ed") && strings.HasPrefix(named, "Ed") {
				want = ""
			}
			token := issuer.Token(nil, verifiertest.WithAlgorithm(signing), verifiertest.WithHeader("alg", named))
			if got := verdict(t, v, token); got != want {
				t.Errorf("%s under the name %s: code = %q, want %q", signing, named, got, want)
			}
		}
	}
}

// A key that doesn't say which algorithm it's for serves all of its kind.
func TestAKeyWithoutAlgServesTheAlgorithmsOfItsKind(t *testing.T) {
	t.Parallel()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		key  crypto.Signer
		algs []string
	}{
		{rsaKey(), []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{ecKey(t, elliptic.P256()), []string{"ES256"}},
		{ecKey(t, elliptic.P384()), []string{"ES384"}},
		{ecKey(t, elliptic.P521()), []string{"ES512"}},
		{edKey, []string{"EdDSA", "Ed25519"}},
	}
	issuer := everyAlgorithm()
	for _, kind := range kinds {
		config := offline(issuer)
		config.JWKS = keySet(t, jwk(t, kind.key.Public(), "key", map[string]any{"alg": nil}))
		v := newVerifier(t, config)
		for _, alg := range algorithms {
			if !slices.Contains(kind.algs, alg) {
				token := issuer.Token(nil, verifiertest.WithAlgorithm(alg), verifiertest.WithHeader("kid", "key"))
				if got := verdict(t, v, token); got != verifier.CodeKeyNotFound {
					t.Errorf("%T under %s: code = %q, want %q", kind.key, alg, got, verifier.CodeKeyNotFound)
				}
				continue
			}
			token := issuer.Token(nil, verifiertest.WithAlgorithm(alg),
				verifiertest.WithKey(kind.key), verifiertest.WithHeader("kid", "key"))
			if got := verdict(t, v, token); got != "" {
				t.Errorf("%T under %s: code = %q, want acceptance", kind.key, alg, got)
			}
		}
	}
}

// RFC 9864, section 2.2: EdDSA with an Ed25519 key is Ed25519. Either name is enough in a
// Config, in a header and in a JWK.
func TestEd25519GoesByBothOfItsNames(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range []string{"EdDSA", "Ed25519"} {
		for _, header := range []string{"EdDSA", "Ed25519"} {
			for _, published := range []any{"EdDSA", "Ed25519", nil} {
				config := offline(issuer)
				config.Algorithms = []string{listed}
				config.JWKS = keySet(t, jwk(t, key.Public(), "key", map[string]any{"alg": published}))
				token := tokenBy(key, header, "key")
				if got := verdict(t, newVerifier(t, config), token); got != "" {
					t.Errorf("Config %s, header %s, JWK %v: code = %q, want acceptance", listed, header, published, got)
				}
			}
		}
	}
}

// EdDSA is also the name of other curves' algorithms, which the name Ed25519 doesn't admit.
func TestTheOtherNameOfEd25519AdmitsNoOtherCurve(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	for _, names := range [][2]string{{"EdDSA", "Ed25519"}, {"Ed25519", "EdDSA"}} {
		config := offline(issuer)
		config.Algorithms = names[:1]
		v := newVerifier(t, config)
		for size, want := range map[int]verifier.Code{
			64: verifier.CodeInvalidToken, 114: verifier.CodeDisallowedAlg, 63: verifier.CodeDisallowedAlg,
		} {
			token := issuer.Token(nil, verifiertest.WithAlgorithm(names[1]),
				verifiertest.WithSignature(func([]byte) []byte { return make([]byte, size) }))
			if got := verdict(t, v, token); got != want {
				t.Errorf("%s where %s is listed, %d bytes: code = %q, want %q", names[1], names[0], size, got, want)
			}
		}
	}
}

func TestVerifyRefusesECDSAInOtherForms(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.JWKS = keySet(t, jwk(t, &key.PublicKey, "ES256-1", nil))
	v := newVerifier(t, config)
	good := issuer.Token(nil, verifiertest.WithKey(key))
	accept(t, v, good)

	raw := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	n, zero, one := key.Params().N, new(big.Int), big.NewInt(1)
	sign := func(hash crypto.Hash, signed []byte) (r, s *big.Int) {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest(hash, signed))
		if err != nil {
			t.Fatal(err)
		}
		return r, s
	}
	tests := map[string]func(signed []byte) []byte{
		"r and s zero": func([]byte) []byte { return raw(zero, zero) },
		"r zero":       func([]byte) []byte { return raw(zero, one) },
		"s zero":       func([]byte) []byte { return raw(one, zero) },
		"r and s one":  func([]byte) []byte { return raw(one, one) },
		"r and s the order of the curve": func([]byte) []byte {
			return raw(n, n)
		},
		"s beyond the order": func(signed []byte) []byte {
			r, s := sign(crypto.SHA256, signed)
			sum := new(big.Int).Add(s, n)
			return append(r.FillBytes(make([]byte, 32)), sum.FillBytes(make([]byte, 33))...)
		},
		"in DER": func(signed []byte) []byte {
			der, err := ecdsa.SignASN1(rand.Reader, key, digest(crypto.SHA256, signed))
			if err != nil {
				t.Fatal(err)
			}
			return der
		},
		"each half a byte longer": func(signed []byte) []byte {
			r, s := sign(crypto.SHA256, signed)
			return append(r.FillBytes(make([]byte, 33)), s.FillBytes(make([]byte, 33))...)
		},
		"s a byte longer": func(signed []byte) []byte {
			r, s := sign(crypto.SHA256, signed)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 33))...)
		},
		"over another hash": func(signed []byte) []byte {
			return raw(sign(crypto.SHA512, signed))
		},
		"s before r": func(signed []byte) []byte {
			r, s := sign(crypto.SHA256, signed)
			return raw(s, r)
		},
	}
	for name, sign := range tests {
		t.Run(name, func(t *testing.T) {
			refuse(t, v, resign(good, sign), verifier.CodeInvalidToken)
		})
	}
}

// A signature of ES512 is as good over any curve that is large enough, but for the
// binding of algorithm and curve (RFC 7518, section 3.4).
func TestVerifyRefusesAKeyOnAnotherCurve(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	issuer := everyAlgorithm()
	config := offline(issuer)
	config.JWKS = keySet(t, jwk(t, &key.PublicKey, "key", nil))
	v := newVerifier(t, config)
	for alg, size := range map[string]int{"ES384": 48, "ES512": 66} {
		hash := map[string]crypto.Hash{"ES384": crypto.SHA384, "ES512": crypto.SHA512}[alg]
		token := issuer.Token(nil, verifiertest.WithAlgorithm(alg), verifiertest.WithHeader("kid", "key"))
		padded := resign(token, func(signed []byte) []byte {
			r, s, err := ecdsa.Sign(rand.Reader, key, digest(hash, signed))
			if err != nil {
				t.Fatal(err)
			}
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		})
		refuse(t, v, padded, verifier.CodeKeyNotFound)
	}
}

func TestVerifyRefusesRSAInOtherForms(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	issuer := everyAlgorithm()
	config := offline(issuer)
	config.JWKS = keySet(t, jwk(t, &key.PublicKey, "key", nil))
	v := newVerifier(t, config)
	pss := func(hash crypto.Hash, salt int) func([]byte) []byte {
		return func(signed []byte) []byte {
			options := &rsa.PSSOptions{SaltLength: salt, Hash: hash}
			signature, err := key.Sign(rand.Reader, digest(hash, signed), options)
			if err != nil {
				t.Fatal(err)
			}
			return signature
		}
	}
	pkcs1 := func(hash crypto.Hash, named crypto.Hash) func([]byte) []byte {
		return func(signed []byte) []byte {
			signature, err := rsa.SignPKCS1v15(rand.Reader, key, named, digest(hash, signed))
			if err != nil {
				t.Fatal(err)
			}
			return signature
		}
	}
	tests := []struct {
		name, alg string
		sign      func([]byte) []byte
		want      verifier.Code
	}{
		{"a salt as long as the hash", "PS256", pss(crypto.SHA256, 32), ""},
		{"a salt as long as the hash", "PS384", pss(crypto.SHA384, 48), ""},
		{"a salt as long as the hash", "PS512", pss(crypto.SHA512, 64), ""},
		{"no salt", "PS256", pss(crypto.SHA256, 0), verifier.CodeInvalidToken},
		{"a shorter salt", "PS256", pss(crypto.SHA256, 31), verifier.CodeInvalidToken},
		{"a longer salt", "PS256", pss(crypto.SHA256, 33), verifier.CodeInvalidToken},
		{"the longest salt", "PS256", pss(crypto.SHA256, rsa.PSSSaltLengthAuto), verifier.CodeInvalidToken},
		{"the salt of another hash", "PS384", pss(crypto.SHA384, 32), verifier.CodeInvalidToken},
		{"the salt of another hash", "PS512", pss(crypto.SHA512, 32), verifier.CodeInvalidToken},
		{"another hash", "PS256", pss(crypto.SHA384, 32), verifier.CodeInvalidToken},
		{"the other padding", "PS256", pkcs1(crypto.SHA256, crypto.SHA256), verifier.CodeInvalidToken},

		{"its own hash", "RS256", pkcs1(crypto.SHA256, crypto.SHA256), ""},
		{"another hash", "RS256", pkcs1(crypto.SHA512, crypto.SHA512), verifier.CodeInvalidToken},
		{"a hash without its name", "RS256", pkcs1(crypto.SHA256, 0), verifier.CodeInvalidToken},
		{"the other padding", "RS256", pss(crypto.SHA256, 32), verifier.CodeInvalidToken},
	}
	for _, test := range tests {
		t.Run(test.alg+" with "+test.name, func(t *testing.T) {
			token := issuer.Token(nil, verifiertest.WithAlgorithm(test.alg), verifiertest.WithHeader("kid", "key"))
			if got := verdict(t, v, resign(token, test.sign)); got != test.want {
				t.Errorf("code = %q, want %q", got, test.want)
			}
		})
	}
}

// Ed25519 signatures have one form: S is below the order of the group.
func TestVerifyRefusesAMalleatedEd25519Signature(t *testing.T) {
	t.Parallel()
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	issuer := everyAlgorithm()
	v := newVerifier(t, offline(issuer))
	token := issuer.Token(nil, verifiertest.WithAlgorithm("EdDSA"),
		verifiertest.WithSignature(func(signature []byte) []byte {
			scalar := slices.Clone(signature[32:])
			slices.Reverse(scalar) // it is little-endian
			sum := new(big.Int).Add(new(big.Int).SetBytes(scalar), order).FillBytes(make([]byte, 32))
			slices.Reverse(sum)
			return append(signature[:32], sum...)
		}))
	refuse(t, v, token, verifier.CodeInvalidToken)
}

// The signature is checked first: nothing that a forged token claims can change the
// answer.
func TestSignatureIsJudgedBeforeAnyClaim(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	flip := verifiertest.WithSignature(func(s []byte) []byte { s[0] ^= 1; return s })
	for name, claims := range map[string]map[string]any{
		"expired":          {"exp": 1},
		"not yet valid":    {"nbf": int64(4_000_000_000)},
		"another issuer":   {"iss": "https://evil.example"},
		"another audience": {"aud": "https://other.test"},
		"no claims":        {"iss": nil, "aud": nil, "exp": nil},
		"malformed":        {"exp": "soon"},
	} {
		if got := verdict(t, v, issuer.Token(claims, flip)); got != verifier.CodeInvalidToken {
			t.Errorf("%s: code = %q, want %q", name, got, verifier.CodeInvalidToken)
		}
	}
	refuse(t, v, issuer.Token(nil, verifiertest.WithRawPayload("{"), flip), verifier.CodeInvalidToken)
}
