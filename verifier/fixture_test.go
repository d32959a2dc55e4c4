package verifier_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func newVerifier(t testing.TB, config verifier.Config) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// offline is the configuration of a verifier that has the issuer's present keys
// and fetches nothing.
func offline(issuer *verifiertest.Issuer) verifier.Config {
	config := issuer.Config()
	config.JWKS = issuer.JWKS()
	config.HTTPClient = nil
	return config
}

// direct is the configuration of a verifier that asks for keys without discovery:
// each refresh is one request.
func direct(issuer *verifiertest.Issuer) verifier.Config {
	config := issuer.Config()
	config.JWKSURL = issuer.URL() + "/jwks"
	return config
}

func accept(t testing.TB, v *verifier.Verifier, token string) *verifier.Claims {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("Verify: %v, want acceptance", err)
	}
	if claims == nil {
		t.Fatal("Verify returned neither claims nor an error")
	}
	return claims
}

// refuse wants an AuthError of that code, without claims.
func refuse(t testing.TB, v *verifier.Verifier, token string, want verifier.Code) *verifier.AuthError {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if claims != nil {
		t.Error("Verify returned claims with an error")
	}
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok {
		t.Fatalf("Verify: %v, want an AuthError with code %q", err, want)
	}
	if refusal.Code != want {
		t.Errorf("Verify: %v, want code %q", refusal, want)
	}
	return refusal
}

// unavailable wants a KeysError of that code, without claims.
func unavailable(t testing.TB, v *verifier.Verifier, token string, want verifier.Code) *verifier.KeysError {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if claims != nil {
		t.Error("Verify returned claims with an error")
	}
	failure, ok := errors.AsType[*verifier.KeysError](err)
	if !ok {
		t.Fatalf("Verify: %v, want a KeysError with code %q", err, want)
	}
	if failure.Code != want {
		t.Errorf("Verify: %v, want code %q", failure, want)
	}
	if failure.RetryAfter <= 0 {
		t.Errorf("RetryAfter = %v, want it positive", failure.RetryAfter)
	}
	return failure
}

// verdict is the code of what Verify says, and "" when it accepts.
func verdict(t testing.TB, v *verifier.Verifier, token string) verifier.Code {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if (claims == nil) != (err != nil) {
		t.Errorf("claims: %v, error: %v; want exactly one of them", claims, err)
	}
	if code := verifier.CodeOf(err); code != "" || err == nil {
		return code
	}
	t.Fatalf("Verify: %v, want an error with a code", err)
	return ""
}

// A remote stands in for the network: it notes every request, and answers it by
// respond.
type remote struct {
	respond func(*http.Request) (*http.Response, error)

	mu   sync.Mutex
	urls []string
}

func (r *remote) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.urls = append(r.urls, req.URL.String())
	r.mu.Unlock()
	return r.respond(req)
}

func (r *remote) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.urls)
}

func (r *remote) client() *http.Client { return &http.Client{Transport: r} }

// slowly delays every answer of issuer, unless the request ends first.
func slowly(issuer *verifiertest.Issuer, delay time.Duration) *remote {
	return &remote{respond: func(req *http.Request) (*http.Response, error) {
		if err := sleep(req.Context(), delay); err != nil {
			return nil, err
		}
		return issuer.RoundTrip(req)
	}}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

func redirect(to string) *http.Response {
	res := response(http.StatusFound, "")
	res.Header.Set("Location", to)
	return res
}

// everyAlgorithm has a key for each algorithm. Its keys are made once, since RSA
// keys are slow to make: do not rotate them.
var everyAlgorithm = sync.OnceValue(func() *verifiertest.Issuer {
	return verifiertest.NewIssuer(verifiertest.WithAlgorithms(algorithms...))
})

var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var edKey = sync.OnceValue(func() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// jwk returns a public or private key as a JWK, changed by members: nil removes.
func jwk(t testing.TB, key any, kid string, members map[string]any) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(mustMarshal(t, jose.JSONWebKey{Key: key, KeyID: kid}), &all); err != nil {
		t.Fatal(err)
	}
	maps.Copy(all, members)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// rsaJWK needs no factors, and so can be of any size and exponent.
func rsaJWK(modulus, exponent *big.Int, kid string) map[string]any {
	return map[string]any{
		"kty": "RSA", "kid": kid,
		"n": base64.RawURLEncoding.EncodeToString(modulus.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(exponent.Bytes()),
	}
}

func keySet(t testing.TB, keys ...any) []byte {
	t.Helper()
	return mustMarshal(t, map[string]any{"keys": keys})
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// resign replaces the signature of a token by what sign makes of the bytes under
// it.
func resign(token string, sign func(signed []byte) []byte) string {
	signed := token[:strings.LastIndexByte(token, '.')]
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(signed)))
}

func digest(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// A notary signs any text, where [verifiertest.Issuer] would encode it first: a
// token that it signed can only be refused for its form.
type notary struct{ key *ecdsa.PrivateKey }

func newNotary(t testing.TB) *notary { return &notary{key: ecKey(t, elliptic.P256())} }

func (n *notary) config(t testing.TB) verifier.Config {
	return verifier.Config{
		Issuer:     "https://issuer.test",
		Audiences:  []string{verifiertest.Audience},
		Algorithms: []string{"ES256"},
		JWKS:       keySet(t, jwk(t, &n.key.PublicKey, "notary", nil)),
	}
}

const notaryHeader = `{"alg":"ES256","kid":"notary"}`

func notaryPayload() string {
	return fmt.Sprintf(`{"iss":"https://issuer.test","aud":%q,"exp":%d}`,
		verifiertest.Audience, time.Now().Add(time.Hour).Unix())
}

func segment(raw string) string { return base64.RawURLEncoding.EncodeToString([]byte(raw)) }

// sign returns header.payload.signature, over the segments as they are given.
func (n *notary) sign(t testing.TB, header, payload string) string {
	t.Helper()
	signed := header + "." + payload
	return signed + "." + segment(string(n.signature(t, signed)))
}

func (n *notary) signature(t testing.TB, signed string) []byte {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, n.key, digest(crypto.SHA256, []byte(signed)))
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// maxTokenBytes is the length up to which a token is looked at.
const maxTokenBytes = 16 << 10
