package jws_test

import (
	"crypto/elliptic"
	"maps"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const ed25519JWK = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

func with(members string) string { return `{` + members + `,` + ed25519JWK[1:] }

// Certificates with negative serials (WSO2), thumbprints of another form (WorkOS) and PEM
// tails are common, and nothing in them is used.
func TestMembersThatAreNotUsedSpoilNoKey(t *testing.T) {
	t.Parallel()
	for _, members := range []string{
		`"x5c":["not base64"]`, `"x5c":["AAAA"]`, `"x5c":"AAAA"`, `"x5c":[]`, `"x5c":1`,
		`"x5t":"?"`, `"x5t":""`, `"x5t":7`, `"x5t#S256":"too short"`, `"x5u":"not a URL"`, `"x5u":{}`,
		`"iat":"yesterday"`, `"ext":true`,
	} {
		if parseKey([]byte(with(members))) == nil {
			t.Errorf("a key with %s is refused", members)
		}
	}
}

// System.Text.Json writes every member that a class has.
func TestNullMembersAreAbsent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"kid", "alg", "use", "key_ops", "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "n", "e", "y", "x5c", "x5t",
	} {
		key := jws.ReadJWK(with(`"` + name + `":null`))
		if decoded, err := key.Key(); decoded == nil || err != nil {
			t.Errorf("a key with a null %s: %v", name, err)
		}
	}
	if parseKey([]byte(with(`"key_ops":[]`))) == nil {
		t.Error("a key with an empty key_ops is refused")
	}
}

func TestUnusableKeysSayWhy(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"d":"AAAA"`:                  "its private key is published too",
		`"d":"AAAA","use":"enc"`:      "its private key is published too",
		`"use":"enc"`:                 "it's not for signatures (use)",
		`"key_ops":["sign"]`:          "it's not for verifying (key_ops)",
		`"k":"AAAA"`:                  "it's a shared secret",
		`"alg":"ES256"`:               "its kty, crv and alg fit no algorithm",
		`"alg":""`:                    "one of its members has the wrong type",
		`"n":1`:                       "one of its members has the wrong type",
		`"z":1,"z":1`:                 "it's not a JSON object that every parser reads alike",
		`"\u0078":"AAAA"`:             "it's not a JSON object that every parser reads alike", // x twice
		`"alg":"EdDSA","use":"sig"`:   "",
		`"key_ops":["sign","verify"]`: "",
	} {
		key := jws.ReadJWK(with(members))
		_, err := key.Key()
		if got := errorText(err); got != want {
			t.Errorf("with %s: %q, want %q", members, got, want)
		}
	}
	broken := jws.ReadJWK(`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`)
	if _, err := broken.Key(); errorText(err) != "it can't be decoded" {
		t.Errorf("a point off its curve: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// LemonLDAP::NG shuffles the members of a JWK from one response to the next.
func TestKeysAreEqualThatSayTheSame(t *testing.T) {
	t.Parallel()
	const members = `"kid":"a","use":"sig","alg":"EdDSA"`
	key := jws.ReadJWK(with(members))
	for text, want := range map[string]bool{
		with(`"alg":"EdDSA","use":"sig","kid":"a"`):   true,
		with(members + `,"x5c":["AAAA"]`):             true,
		with(members + `,"d":null`):                   true,
		with(`"kid":"b","use":"sig","alg":"EdDSA"`):   false,
		with(`"kid":"a","use":"sig","alg":"Ed25519"`): true,
		with(`"kid":"a","use":"sig"`):                 false,
		with(`"kid":"a","use":"enc","alg":"EdDSA"`):   false,
		with(members + `,"d":"AAAA"`):                 false,
		with(members + `,"x5t":"AAAA"`):               false,
		`{` + members + `,"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}`: false,
	} {
		if got := jws.ReadJWK(text) == key; got != want {
			t.Errorf("%s: equal = %v, want %v", text, got, want)
		}
	}
}

// Any reader of a set can sign with a private key that stands in it, also under the kid of
// the public half.
// A member of another kind of key makes no other key of it.
func TestTwinWithAStrayMemberIsUnusable(t *testing.T) {
	private := ecKey(t, elliptic.P256())
	twin := string(jwk(t, jose.JSONWebKey{Key: private.Public(), KeyID: "public"}))
	keys := []jws.JWK{
		jws.ReadJWK(`{"n":"AQAB",` + twin[1:]),
		jws.ReadJWK(string(jwk(t, jose.JSONWebKey{Key: private, KeyID: "private"}))),
	}
	jws.MarkPublished(keys)
	if decoded, _ := keys[0].Key(); decoded != nil {
		t.Error("the public twin of a published private key is usable")
	}
}

func TestTwinOfAPublishedPrivateKeyIsUnusable(t *testing.T) {
	t.Parallel()
	private, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	keys := []jws.JWK{
		jws.ReadJWK(string(jwk(t, jose.JSONWebKey{Key: private.Public(), KeyID: "public"}))),
		jws.ReadJWK(string(jwk(t, jose.JSONWebKey{Key: private, KeyID: "private"}))),
		jws.ReadJWK(string(jwk(t, jose.JSONWebKey{Key: other.Public(), KeyID: "other"}))),
	}
	jws.MarkPublished(keys)
	usable := make(map[string]bool)
	for _, key := range keys {
		if decoded, _ := key.Key(); decoded != nil {
			usable[key.Kid] = true
		}
	}
	if got := slices.Collect(maps.Keys(usable)); !slices.Equal(got, []string{"other"}) {
		t.Errorf("usable keys: %q, want the other alone", got)
	}
}
