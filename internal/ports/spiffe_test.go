package ports_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A trustDomain is a SPIRE server with its OIDC discovery provider.
type trustDomain struct {
	bundle *jwtbundle.Bundle
	key    crypto.Signer
	url    string
}

func newTrustDomain(t *testing.T) *trustDomain {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &trustDomain{key: key, bundle: jwtbundle.FromJWTAuthorities(
		spiffeid.RequireTrustDomainFromString("example.org"), map[string]crypto.PublicKey{"authority": key.Public()})}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// ServeHTTP answers as the discovery provider does: keys have no use, and may not be cached.
func (d *trustDomain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var document any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document = map[string]any{
			"issuer": d.url, "jwks_uri": d.url + "/keys", "authorization_endpoint": "",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{},
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "ES384"},
		}
	case "/keys":
		w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
		var keys jose.JSONWebKeySet
		for id, key := range d.bundle.JWTAuthorities() {
			keys.Keys = append(keys.Keys, jose.JSONWebKey{Key: key, KeyID: id, Algorithm: "ES256"})
		}
		document = keys
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

// svid returns a good JWT-SVID, changed as claims say; nil removes one.
func (d *trustDomain) svid(t *testing.T, typ string, claims map[string]any) string {
	t.Helper()
	options := new(jose.SignerOptions).WithHeader("kid", "authority")
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: d.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{
		"iss": d.url, "sub": "spiffe://example.org/ns/shop/sa/orders", "aud": []string{"billing"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// SPIFFE's own library and the verifier agree, except that SPIFFE IDs stand in no list there, and
// that a token without iss is anyone's here.
func TestJWTSVIDsAreAcceptedAsSPIFFEDoes(t *testing.T) {
	domain := newTrustDomain(t)
	v, err := verifier.New(verifier.Config{
		Issuer:     domain.url,
		Audiences:  []string{"billing"},
		Algorithms: []string{"ES256"},
		Require:    verifier.Requirement{Subjects: []string{"spiffe://example.org/ns/shop/*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	good := func() string { return domain.svid(t, "JWT", nil) }
	otherKey := newTrustDomain(t)
	otherKey.url = domain.url
	for name, test := range map[string]struct {
		token        string
		theirs, ours bool
	}{
		"good":                     {good(), true, true},
		"without typ":              {domain.svid(t, "", nil), true, true},
		"of one audience":          {domain.svid(t, "JWT", map[string]any{"aud": "billing"}), true, true},
		"for another audience":     {domain.svid(t, "JWT", map[string]any{"aud": []string{"shop"}}), false, false},
		"for no audience":          {domain.svid(t, "JWT", map[string]any{"aud": nil}), false, false},
		"expired":                  {domain.svid(t, "JWT", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), false, false},
		"without exp":              {domain.svid(t, "JWT", map[string]any{"exp": nil}), false, false},
		"without sub":              {domain.svid(t, "JWT", map[string]any{"sub": nil}), false, false},
		"not a SPIFFE ID":          {domain.svid(t, "JWT", map[string]any{"sub": "alice"}), false, false},
		"of another trust domain":  {domain.svid(t, "JWT", map[string]any{"sub": "spiffe://example.com/ns/shop/sa/orders"}), false, false},
		"by another key":           {otherKey.svid(t, "JWT", nil), false, false},
		"with a type of its own":   {domain.svid(t, "at+jwt", nil), false, true},
		"of the type JOSE":         {domain.svid(t, "JOSE", nil), true, false},
		"without iss":              {domain.svid(t, "JWT", map[string]any{"iss": nil}), true, false},
		"of a workload not listed": {domain.svid(t, "JWT", map[string]any{"sub": "spiffe://example.org/ns/ops/sa/x"}), true, false},
		"of a namespace like it":   {domain.svid(t, "JWT", map[string]any{"sub": "spiffe://example.org/ns/shopping/sa/x"}), true, false},
	} {
		if _, err := jwtsvid.ParseAndValidate(test.token, domain.bundle, []string{"billing"}); (err == nil) != test.theirs {
			t.Errorf("%s: go-spiffe says %v", name, err)
		}
		claims, err := v.Verify(t.Context(), test.token)
		if (err == nil) != test.ours {
			t.Errorf("%s: the verifier says %v", name, err)
		}
		if err == nil && claims.Subject() != "spiffe://example.org/ns/shop/sa/orders" {
			t.Errorf("%s: the subject is %q", name, claims.Subject())
		}
	}
}

// A trust domain's bundle has the same keys, for other eyes.
func TestABundleIsNoJWKS(t *testing.T) {
	domain := newTrustDomain(t)
	bundle := spiffebundle.FromJWTAuthorities(domain.bundle.TrustDomain(), domain.bundle.JWTAuthorities())
	document, err := bundle.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.New(verifier.Config{
		Issuer: domain.url, Audiences: []string{"billing"}, Algorithms: []string{"ES256"}, JWKS: document,
	})
	if err == nil || !strings.Contains(err.Error(), "(use)") {
		t.Errorf("a bundle as a JWK Set: %v; want an error that names its use", err)
	}
}
