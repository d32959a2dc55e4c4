package verifier_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	fit   = verifier.Code("")
	held  = verifier.CodeInvalidToken // the token was judged by a key that did not sign it
	unfit = verifier.CodeKeyNotFound
)

// routes are the ways in which a key set reaches a verifier.
var routes = map[string]func(config *verifier.Config, jwks []byte){
	"given": func(config *verifier.Config, jwks []byte) { config.JWKS = jwks },
	"fetched": func(config *verifier.Config, jwks []byte) {
		network := &remote{respond: func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, string(jwks)), nil
		}}
		config.JWKSURL, config.HTTPClient = "https://issuer.test/jwks", network.client()
	},
}

// A keyring has a key of each kind, each with a token of kid "key" that it signed.
type keyring struct {
	rsa, ec, ed crypto.Signer
	tokens      map[string]string // by algorithm

	bystander      any // the JWK of another key, and
	bystanderKey   crypto.Signer
	bystanderToken string
}

func newKeyring(t testing.TB) *keyring {
	t.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := &keyring{rsa: rsaKey(), ec: ecKey(t, elliptic.P256()), ed: edKey}
	k.tokens = map[string]string{
		"RS256": tokenBy(k.rsa, "RS256", "key"), "PS256": tokenBy(k.rsa, "PS256", "key"),
		"ES256": tokenBy(k.ec, "ES256", "key"), "EdDSA": tokenBy(k.ed, "EdDSA", "key"),
	}
	bystander := ecKey(t, elliptic.P256())
	k.bystanderKey = bystander
	k.bystander = jwk(t, bystander.Public(), "bystander", nil)
	k.bystanderToken = tokenBy(bystander, "ES256", "bystander")
	return k
}

func tokenBy(key crypto.Signer, alg, kid string) string {
	return everyAlgorithm().Token(nil, verifiertest.WithAlgorithm(alg),
		verifiertest.WithKey(key), verifiertest.WithHeader("kid", kid))
}

// judge wants this verdict about the token of alg, whichever way a set of these keys
// comes, and whether the bystander stands before or behind them. The bystander must
// never suffer.
func (k *keyring) judge(t *testing.T, alg string, want verifier.Code, keys ...any) {
	t.Helper()
	for route, configure := range routes {
		for i := range 2 {
			config := everyAlgorithm().Config()
			configure(&config, keySet(t, slices.Insert(slices.Clone(keys), i*len(keys), k.bystander)...))
			v := newVerifier(t, config)
			if got := verdict(t, v, k.tokens[alg]); got != want {
				t.Errorf("%s: code = %q, want %q", route, got, want)
			}
			if got := verdict(t, v, k.bystanderToken); got != "" {
				t.Errorf("%s: code = %q for a token of the good key beside it", route, got)
			}
		}
	}
}

// noVerifier wants a document to be useless by itself.
func noVerifier(t *testing.T, document []byte) {
	t.Helper()
	config := everyAlgorithm().Config()
	routes["given"](&config, document)
	if _, err := verifier.New(config); err == nil || !strings.HasPrefix(err.Error(), "verifier: Config.JWKS: ") {
		t.Errorf("New: %v, want an error about Config.JWKS", err)
	}
	config = everyAlgorithm().Config()
	routes["fetched"](&config, document)
	unavailable(t, newVerifier(t, config), everyAlgorithm().Token(nil), verifier.CodeJWKSError)
}

func TestKeyIsUsedForNothingItIsNotFor(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	tests := []struct {
		member, value string
		want          verifier.Code
	}{
		{"use", `"sig"`, fit},
		{"use", `"s\u0069g"`, fit},
		{"use", `"enc"`, unfit},
		{"use", `"SIG"`, unfit},
		{"use", `"sig "`, unfit},
		{"use", `""`, unfit},
		{"use", `null`, fit},
		{"use", `1`, unfit},
		{"use", `["sig"]`, unfit},

		{"key_ops", `["verify"]`, fit},
		{"key_ops", `["sign","verify"]`, fit},
		{"key_ops", `["sign"]`, unfit},
		{"key_ops", `["encrypt","wrapKey"]`, unfit},
		{"key_ops", `["VERIFY"]`, unfit},
		{"key_ops", `[]`, fit},
		{"key_ops", `null`, fit},
		{"key_ops", `"verify"`, unfit},
		{"key_ops", `["verify",1]`, unfit},
		{"key_ops", `{"verify":true}`, unfit},

		{"alg", `"ES256"`, fit},
		{"alg", `"E\u0053256"`, fit},
		{"alg", `"es256"`, unfit},
		{"alg", `"ES256K"`, unfit},
		{"alg", `"ECDH-ES"`, unfit},
		{"alg", `"none"`, unfit},
		{"alg", `"HS256"`, unfit},
		{"alg", `"RS256"`, unfit},
		{"alg", `"ES384"`, unfit},
		{"alg", `""`, unfit},
		{"alg", `null`, fit},
		{"alg", `256`, unfit},
		{"alg", `["ES256"]`, unfit},

		{"kid", `"k\u0065y"`, fit},
		{"kid", `"KEY"`, unfit},
		{"kid", `""`, unfit},
		{"kid", `null`, unfit},
		{"kid", `["key"]`, unfit},

		{"kty", `"ec"`, unfit},
		{"kty", `"RSA"`, unfit},
		{"kty", `"OKP"`, unfit},
		{"kty", `"oct"`, unfit},
		{"kty", `"AKP"`, unfit},
		{"kty", `""`, unfit},
		{"kty", `null`, unfit},
		{"crv", `"P-384"`, unfit},
		{"crv", `"P-224"`, unfit},
		{"crv", `"secp256k1"`, unfit},
		{"crv", `"p-256"`, unfit},
		{"crv", `""`, unfit},

		// What is not known, or known by another name, changes nothing.
		{"ext", `true`, fit},
		{"x", `"AA"`, unfit},
		{"D", `"AA"`, fit},
		{"USE", `"enc"`, fit},
		{"nested", nested(15), fit},
		{"nested", nested(16), unfit},
	}
	for _, test := range tests {
		t.Run(test.member+" "+test.value, func(t *testing.T) {
			key := jwk(t, k.ec.Public(), "key", map[string]any{test.member: raw(test.value)})
			k.judge(t, "ES256", test.want, key)
		})
	}
}

// A published private key is a compromised key. No member of one may stand in a JWK,
// of whichever kind and value.
func TestPrivateKeysAreUsedForNothing(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	for alg, private := range map[string]crypto.Signer{
		"RS256": k.rsa, "PS256": k.rsa, "ES256": k.ec, "EdDSA": k.ed,
	} {
		t.Run(alg, func(t *testing.T) {
			k.judge(t, alg, fit, jwk(t, private.Public(), "key", nil))
			k.judge(t, alg, unfit, jwk(t, private, "key", nil))
			noVerifier(t, keySet(t, jwk(t, private, "key", nil)))
			for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
				for value, want := range map[string]verifier.Code{`"AQAB"`: unfit, `""`: unfit, `[]`: unfit, `null`: fit} {
					key := jwk(t, private.Public(), "key", map[string]any{member: raw(value)})
					k.judge(t, alg, want, key)
				}
			}
		})
	}
}

func TestKeysOfOtherKindsAreSkipped(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	for name, key := range map[string]string{
		"a secret":             `{"kty":"oct","kid":"key","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`,
		"a secret for HMAC":    `{"kty":"oct","kid":"key","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`,
		"a secret without k":   `{"kty":"oct","kid":"key"}`,
		"AKP of another kind":  `{"kty":"AKP","kid":"key","alg":"SLH-DSA-SHA2-128s","pub":"` + strings.Repeat("A", 1750) + `"}`,
		"X25519":               `{"kty":"OKP","kid":"key","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`,
		"Ed448":                `{"kty":"OKP","kid":"key","crv":"Ed448","x":"` + strings.Repeat("A", 76) + `"}`,
		"secp256k1":            `{"kty":"EC","kid":"key","crv":"secp256k1","x":"AQ","y":"AQ"}`,
		"a kind of the future": `{"kty":"LATTICE","kid":"key","m":[[1,2],[3,4]]}`,
		"no kind":              `{"kid":"key"}`,
		"nothing":              `{}`,
		"null":                 `null`,
		"a number":             `1`,
		"a string":             `"key"`,
		"an array":             `[{"kid":"key"}]`,
		"true":                 `true`,
	} {
		t.Run(name, func(t *testing.T) {
			for alg := range k.tokens {
				k.judge(t, alg, unfit, raw(key))
			}
			noVerifier(t, []byte(`{"keys":[`+key+`]}`))
		})
	}
}

func TestKeysThatAreNoStrictJSONAreSkipped(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	good := string(mustMarshal(t, jwk(t, k.ec.Public(), "key", nil)))
	k.judge(t, "ES256", fit, raw(good))
	for name, key := range map[string]string{
		"kty twice":            strings.Replace(good, "{", `{"kty":"EC",`, 1),
		"kid twice":            strings.Replace(good, "{", `{"kid":"key",`, 1),
		"kid twice, escaped":   strings.Replace(good, "{", `{"\u006bid":"other",`, 1),
		"an unknown one twice": strings.Replace(good, "{", `{"a":1,"a":1,`, 1),
		"one twice, deeper":    strings.Replace(good, "{", `{"a":{"b":1,"b":2},`, 1),
		"invalid UTF-8":        strings.Replace(good, "{", "{\"a\":\"\xff\",", 1),
	} {
		t.Run(name, func(t *testing.T) {
			k.judge(t, "ES256", unfit, raw(key))
		})
	}
}

func TestRSAKeysAreOfASoundSizeAndExponent(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	modulus := func(bits int) *big.Int {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
		if err != nil {
			t.Fatal(err)
		}
		return n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
	}
	even := modulus(2048)
	even.SetBit(even, 0, 0)
	tests := []struct {
		name     string
		modulus  *big.Int
		exponent string // in decimal
		want     verifier.Code
	}{
		{"512 bits", modulus(512), "65537", unfit},
		{"1024 bits", modulus(1024), "65537", unfit},
		{"2047 bits", modulus(2047), "65537", unfit},
		{"2048 bits", modulus(2048), "65537", held},
		{"3072 bits", modulus(3072), "65537", held},
		{"4096 bits", modulus(4096), "65537", held},
		{"4097 bits", modulus(4097), "65537", unfit},
		{"8192 bits", modulus(8192), "65537", unfit},
		{"65536 bits", modulus(65536), "65537", unfit},
		{"a modulus of 0", new(big.Int), "65537", unfit},
		{"an even modulus", even, "65537", unfit},
		{"exponent 0", modulus(2048), "0", unfit},
		{"exponent 1", modulus(2048), "1", unfit},
		{"exponent 2", modulus(2048), "2", unfit},
		{"exponent 3", modulus(2048), "3", held},
		{"exponent 4", modulus(2048), "4", unfit},
		{"exponent 65536", modulus(2048), "65536", unfit},
		{"exponent 2^31 - 2", modulus(2048), "2147483646", unfit},
		{"exponent 2^31 - 1", modulus(2048), "2147483647", held},
		{"exponent 2^31 + 1", modulus(2048), "2147483649", unfit},
		{"exponent 2^32 + 3", modulus(2048), "4294967299", unfit},
		{"exponent 2^63 + 3", modulus(2048), "9223372036854775811", unfit},
		{"exponent 2^64 + 3", modulus(2048), "18446744073709551619", unfit},
		{"exponent 2^64 + 65537", modulus(2048), "18446744073709617153", unfit},
		{"an exponent as large as the modulus", modulus(2048), modulus(2048).String(), unfit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			exponent, _ := new(big.Int).SetString(test.exponent, 10)
			key := rsaJWK(test.modulus, exponent, "key")
			k.judge(t, "RS256", test.want, key)
			k.judge(t, "PS256", test.want, key)
		})
	}
}

func TestRSAKeysAreWellEncoded(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	good := jwk(t, k.rsa.Public(), "key", nil)
	k.judge(t, "RS256", fit, good)
	for name, members := range map[string]map[string]any{
		"no modulus":            {"n": nil},
		"no exponent":           {"e": nil},
		"an empty modulus":      {"n": ""},
		"an empty exponent":     {"e": ""},
		"a modulus of null":     {"n": raw("null")},
		"an exponent of null":   {"e": raw("null")},
		"an exponent in JSON":   {"e": 65537},
		"a modulus of no bytes": {"n": "!!"},
		"an array":              {"n": []string{"AQAB"}},
	} {
		t.Run(name, func(t *testing.T) {
			k.judge(t, "RS256", unfit, jwk(t, k.rsa.Public(), "key", members))
		})
	}
}

func TestPointsAreOnTheirCurve(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	good := jwk(t, k.ec.Public(), "key", nil)
	x, y := good["x"].(string), good["y"].(string)
	for name, members := range map[string]map[string]any{
		"x and y exchanged":     {"x": y, "y": x},
		"another x":             {"x": changed(t, x)},
		"another y":             {"y": changed(t, y)},
		"the point at infinity": {"x": zeros(32), "y": zeros(32)},
		"a short x":             {"x": x[:40]},
		"a long x":              {"x": zeros(1) + x},
		"a long y":              {"y": y + zeros(3)},
		"a coordinate of the field's size": {
			"x": encoded(elliptic.P256().Params().P.Bytes()),
		},
		"a coordinate beyond the field": {"x": encoded(slices.Repeat([]byte{0xff}, 32))},
		"no x":                          {"x": nil},
		"no y":                          {"y": nil},
		"an empty y":                    {"y": ""},
		"a y of null":                   {"y": raw("null")},
		"no curve":                      {"crv": nil},
		"another curve":                 {"crv": "P-521"},
	} {
		t.Run(name, func(t *testing.T) {
			k.judge(t, "ES256", unfit, jwk(t, k.ec.Public(), "key", members))
		})
	}
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func zeros(n int) string { return encoded(make([]byte, n)) }

// changed flips a bit of the first byte.
func changed(t testing.TB, coordinate string) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(coordinate)
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	return encoded(data)
}

// Under a key of low order, the signature of nothing may be one of everything.
func TestEd25519KeysOfLowOrderAreSkipped(t *testing.T) {
	t.Parallel()
	const ones = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	lowOrder := []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"ec" + ones + "ff7f", // 2
		"0000000000000000000000000000000000000000000000000000000000000000", // 4
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // 8
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		// The same in forms that are not canonical.
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ec" + ones + "ffff",
		"ed" + ones + "ff7f",
		"ed" + ones + "ffff",
		"ee" + ones + "ff7f",
		"ee" + ones + "ffff",
	}
	k := newKeyring(t)
	forgery := append([]byte{1}, make([]byte, 63)...) // R is the neutral element, S is 0
	for _, point := range lowOrder {
		t.Run(point, func(t *testing.T) {
			x, err := hex.DecodeString(point)
			if err != nil || len(x) != 32 {
				t.Fatalf("%d bytes, %v", len(x), err)
			}
			k.tokens["EdDSA"] = resign(k.tokens["EdDSA"], func([]byte) []byte { return forgery })
			k.judge(t, "EdDSA", unfit, map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "key", "x": encoded(x)})
		})
	}
}

func TestEd25519KeysAreOf32Bytes(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	x := jwk(t, k.ed.Public(), "key", nil)["x"].(string)
	k.judge(t, "EdDSA", fit, map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "key", "x": x})
	public, err := base64.RawURLEncoding.DecodeString(x)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]any{
		"31 bytes":  encoded(public[:31]),
		"33 bytes":  encoded(append(public[:32:32], 0)),
		"64 bytes":  encoded(append(public[:32:32], public...)),
		"no bytes":  "",
		"null":      raw("null"),
		"no base64": strings.Repeat("!", 43),
	} {
		t.Run(name, func(t *testing.T) {
			k.judge(t, "EdDSA", unfit, map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "key", "x": x})
		})
	}
}

// Keys that do not fit drop out first. Of those left under one kid, two that differ
// are ambiguous: to choose would be to guess.
func TestKeysOfOneKid(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	ec := func(members map[string]any) any { return jwk(t, k.ec.Public(), "key", members) }
	other := func(members map[string]any) any {
		return jwk(t, ecKey(t, elliptic.P256()).Public(), "key", members)
	}
	spoilt := func(n int) (keys []any) {
		for range n {
			keys = append(keys, other(map[string]any{"use": "enc"}))
		}
		return keys
	}
	tests := []struct {
		name string
		keys []any
		want verifier.Code
	}{
		{"one key twice", []any{ec(nil), ec(nil)}, fit},
		{"one key twice, once with alg", []any{ec(nil), ec(map[string]any{"alg": "ES256"})}, fit},
		{"one key twice, once for another use", []any{ec(nil), ec(map[string]any{"use": "enc"})}, fit},
		{"two keys", []any{ec(nil), other(nil)}, unfit},
		{"two keys in the other order", []any{other(nil), ec(nil)}, unfit},
		{"two keys, one twice", []any{ec(nil), ec(nil), other(nil)}, unfit},
		{"another key for encryption", []any{ec(nil), other(map[string]any{"use": "enc"})}, fit},
		{"another key of another alg", []any{ec(nil), other(map[string]any{"alg": "ES384"})}, fit},
		{"another key of another operation", []any{ec(nil), other(map[string]any{"key_ops": []string{"sign"}})}, fit},
		{"another key that is private", []any{ec(nil), jwk(t, ecKey(t, elliptic.P256()), "key", nil)}, fit},
		{"another key off the curve", []any{ec(nil), other(map[string]any{"x": zeros(32)})}, fit},
		{"a key of another kind", []any{ec(nil), jwk(t, k.rsa.Public(), "key", nil)}, fit},
		{"a key of another curve", []any{ec(nil), jwk(t, ecKey(t, elliptic.P384()).Public(), "key", nil)}, fit},
		{"a secret", []any{ec(nil), map[string]any{"kty": "oct", "kid": "key", "k": "AAAA"}}, fit},
		{"another key of another kid", []any{ec(nil), jwk(t, ecKey(t, elliptic.P256()).Public(), "KEY", nil)}, fit},
		{"fifteen others for encryption", append(spoilt(15), ec(nil)), fit},
		{"sixteen others for encryption", append(spoilt(16), ec(nil)), unfit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k.judge(t, "ES256", test.want, test.keys...)
		})
	}
}

func TestOneKidMayHaveAKeyForEachAlgorithm(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	keys := []any{
		jwk(t, k.rsa.Public(), "key", map[string]any{"alg": "RS256"}),
		jwk(t, k.rsa.Public(), "key", map[string]any{"alg": "PS256"}),
		jwk(t, k.ec.Public(), "key", nil),
		jwk(t, k.ed.Public(), "key", map[string]any{"alg": "EdDSA"}),
	}
	for alg := range k.tokens {
		k.judge(t, alg, fit, keys...)
	}
}

func TestKeySetDocuments(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	key := string(mustMarshal(t, jwk(t, k.ec.Public(), "key", nil)))
	good := map[string]string{
		"white space":           " {\r\n\t\"keys\" : [ " + key + " ] }\n",
		"other members":         `{"issuer":null,"keys":[` + key + `],"x":{"y":[1]}}`,
		"a member in uppercase": `{"KEYS":[],"keys":[` + key + `]}`,
		"other members twice":   `{"x":1,"keys":[` + key + `],"x":2}`,
		"keys twice, the last":  `{"keys":[],"keys":[` + key + `]}`,
		"keys, escaped":         `{"k\u0065ys":[` + key + `]}`,
	}
	for name, document := range good {
		t.Run(name, func(t *testing.T) {
			for route, configure := range routes {
				config := everyAlgorithm().Config()
				configure(&config, []byte(document))
				if got := verdict(t, newVerifier(t, config), k.tokens["ES256"]); got != "" {
					t.Errorf("%s: code = %q, want acceptance", route, got)
				}
			}
		})
	}
	bad := map[string]string{
		"an empty document":   ``,
		"an empty object":     `{}`,
		"no keys":             `{"keys":[]}`,
		"keys of null":        `{"keys":null}`,
		"one key for many":    `{"keys":` + key + `}`,
		"a key by itself":     key,
		"an array":            `[` + key + `]`,
		"keys in uppercase":   `{"KEYS":[` + key + `]}`,
		"keys twice":          `{"keys":[` + key + `],"keys":[]}`,
		"cut short":           `{"keys":[` + key,
		"a second document":   `{"keys":[` + key + `]}{}`,
		"trailing garbage":    `{"keys":[` + key + `]}x`,
		"a byte-order mark":   "\ufeff" + `{"keys":[` + key + `]}`,
		"a NUL at the end":    `{"keys":[` + key + "]}\x00",
		"HTML":                `<html><body>{"keys":[` + key + `]}</body></html>`,
		"null":                `null`,
		"brackets":            strings.Repeat("[", 100_000),
		"brackets inside":     `{"keys":` + strings.Repeat("[", 100_000),
		"keys inside of keys": `{"keys":[{"keys":[` + key + `]}]}`,
	}
	for name, document := range bad {
		t.Run(name, func(t *testing.T) {
			noVerifier(t, []byte(document))
		})
	}
}

func TestFetchedKeySetIsOneMebibyteAtMost(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	set := string(keySet(t, k.bystander))
	for size, want := range map[int]verifier.Code{1 << 20: "", 1<<20 + 1: verifier.CodeJWKSError} {
		config := everyAlgorithm().Config()
		routes["fetched"](&config, []byte(set+strings.Repeat(" ", size-len(set))))
		if got := verdict(t, newVerifier(t, config), k.bystanderToken); got != want {
			t.Errorf("%d bytes: code = %q, want %q", size, got, want)
		}
	}
}

// A key that made room for others is decoded again, to the same end.
func TestMoreKeysThanAreKeptDecoded(t *testing.T) {
	t.Parallel()
	keys := make([]any, 0, 40)
	tokens := make(map[string]verifier.Code)
	for i := range 70 {
		kid := fmt.Sprint("key-", i)
		key := ecKey(t, elliptic.P256())
		keys = append(keys, jwk(t, key.Public(), kid, nil))
		switch i % 4 {
		case 0, 1:
			tokens[tokenBy(key, "ES256", kid)] = ""
		case 2: // ambiguous
			keys = append(keys, jwk(t, ecKey(t, elliptic.P256()).Public(), kid, nil))
			tokens[tokenBy(key, "ES256", kid)] = verifier.CodeKeyNotFound
		case 3: // forged
			tokens[tokenBy(ecKey(t, elliptic.P256()), "ES256", kid)] = verifier.CodeInvalidToken
		}
	}
	for route, configure := range routes {
		config := everyAlgorithm().Config()
		configure(&config, keySet(t, keys...))
		v := newVerifier(t, config)
		for range 3 { // in another order each time
			for token, want := range tokens {
				if got := verdict(t, v, token); got != want {
					t.Errorf("%s: code = %q, want %q", route, got, want)
				}
			}
		}
	}
}

// A refresh that brings no usable key leaves the good ones where they are.
func TestUnusableKeySetReplacesNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		jwks := string(issuer.JWKS())
		network := &remote{respond: func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, jwks), nil
		}}
		config := direct(issuer)
		config.HTTPClient = network.client()
		v := newVerifier(t, config)
		token := issuer.Token(nil)
		accept(t, v, token)

		for _, jwks = range []string{`{"keys":[]}`, `{"keys":[{"kty":"oct","kid":"ES256-1","k":"AAAA"}]}`, `<html>`} {
			sleep(t.Context(), time.Second)
			asked := len(network.requests())
			stranger := issuer.Token(nil, verifiertest.WithHeader("kid", "stranger"))
			unavailable(t, v, stranger, verifier.CodeJWKSError)
			if len(network.requests()) == asked {
				t.Fatal("the keys were not asked for")
			}
			accept(t, v, token)
			sleep(t.Context(), unavailable(t, v, stranger, verifier.CodeJWKSError).RetryAfter)
		}
	})
}

// A refresh replaces the keys, and comes when their time to live has passed.
func TestWithdrawnKeyDiesWithItsTimeToLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := direct(issuer)
		v := newVerifier(t, config)
		withdrawn := issuer.Token(map[string]any{"exp": int64(4_000_000_000)})
		accept(t, v, withdrawn)
		issuer.Rotate()
		sleep(t.Context(), 5*time.Minute)
		refuse(t, v, withdrawn, verifier.CodeKeyNotFound)
		accept(t, v, issuer.Token(nil))
	})
}
