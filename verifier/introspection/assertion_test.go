package introspection_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestPrivateKeyJWTSignsAnAssertionForTheIssuerAlone(t *testing.T) {
	t.Parallel()
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		key             crypto.Signer
		algorithm, want string
	}{
		{rsaKey, "", "RS256"},
		{rsaKey, "PS256", "PS256"},
		{p256, "", "ES256"},
		{p384, "", "ES384"},
		{p521, "", "ES512"},
		{edwards, "", "EdDSA"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			var mu sync.Mutex
			seen := make(map[string]bool)
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				claims := assertion(t, r, test.key.Public(), test.want)
				now := time.Now().Unix()
				mu.Lock()
				defer mu.Unlock()
				if claims.Issuer != "api" || claims.Subject != "api" || claims.Audience != issuer ||
					claims.ID == "" || seen[claims.ID] || now-claims.IssuedAt > 10 || claims.Expiry-claims.IssuedAt != 60 {
					t.Errorf("the assertion is %+v", claims)
				}
				seen[claims.ID] = true
				s.ServeHTTP(w, r)
			}))
			v := s.verifier(t, func(c *introspection.Config) {
				c.Endpoint, c.HTTPClient = url, transport(t)
				c.Client = introspection.PrivateKeyJWT{ClientID: "api", Key: test.key, KeyID: "mine", Algorithm: test.algorithm}
			})
			accept(t, v, s.issue("one", nil))
			accept(t, v, s.issue("two", nil))
			if len(seen) != 2 {
				t.Errorf("%d assertions for 2 questions", len(seen))
			}
		})
	}
}

type assertionClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"` // not a list
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
}

// assertion reads the one in a request by the book.
func assertion(t *testing.T, r *http.Request, key any, alg string) (claims assertionClaims) {
	t.Helper()
	if r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
		r.PostForm.Get("client_id") != "api" || r.Header.Get("Authorization") != "" {
		t.Errorf("the form is %v", r.PostForm)
	}
	signed, err := jose.ParseSigned(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Error(err)
		return claims
	}
	if kid := signed.Signatures[0].Header.KeyID; kid != "mine" {
		t.Errorf("kid is %q", kid)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		t.Error(err)
		return claims
	}
	if alg == "PS256" { // go-jose accepts a salt of any length
		text, signature := r.PostForm.Get("client_assertion"), signed.Signatures[0].Signature
		sum := sha256.Sum256([]byte(text[:strings.LastIndexByte(text, '.')]))
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		if err := rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature, options); err != nil {
			t.Errorf("the salt isn't as long as the hash: %v", err)
		}
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Error(err)
	}
	return claims
}
