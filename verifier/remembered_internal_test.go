package verifier

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A clock that is set back can make a token of today one of tomorrow.
func TestRecallComparesNotBefore(t *testing.T) {
	t.Parallel()
	v, err := New(Config{
		Issuer:     "https://issuer.test",
		Audiences:  []string{"https://api.test"},
		Algorithms: []string{"ES256"},
		Leeway:     time.Minute,
		// The key of RFC 7515, appendix A.3.
		JWKS: []byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
			"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
			"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	key := v.keys.current().Key(jwks.ByKid("a"), "ES256")
	all := newClaims()
	c := all.data
	c.rules = v.claims
	c.expiry = dateOf(float64(time.Now().Add(time.Hour).Unix()))
	c.notBefore = dateOf(float64(time.Now().Add(50 * time.Second).Unix()))
	v.remember("token", all, jwks.ByKid("a"), key)
	if _, ok := v.recall("token"); !ok {
		t.Fatal("a token that is valid by its leeway is not recalled")
	}
	c.notBefore = dateOf(float64(time.Now().Add(2 * time.Minute).Unix()))
	v.remember("early", all, jwks.ByKid("a"), key)
	if _, ok := v.recall("early"); ok {
		t.Error("a token that is not valid yet is recalled")
	}
	if v.cache.Get("early") != nil {
		t.Error("a token that is of no use is not forgotten")
	}
}

// A key set that is written in another way, or that has other keys too, withdraws no key.
func TestRememberedTokensOutliveAKeySetThatSaysTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, token := signedByA("https://issuer.test")
		p := &published{}
		p.publish(`{"kid":"a","kty":"OKP","crv":"Ed25519","x":"` + x + `"}`)
		v, err := New(Config{
			Issuer: "https://issuer.test", Audiences: []string{"api"}, Algorithms: []string{"EdDSA"},
			JWKSURL: "https://issuer.test/jwks", HTTPClient: &http.Client{Transport: p},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			p.publish(okp("b", n%2), `{"x":"`+x+`","n`+fmt.Sprint(n)+`":null,"kty":"OKP","kid":"a","crv":"Ed25519"}`)
			time.Sleep(5 * time.Minute)
			if err := v.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, ok := v.recall(token); !ok {
				t.Fatalf("after %d refreshes the token is forgotten", n+1)
			}
		}
		p.publish(okp("a", 0))
		time.Sleep(5 * time.Minute)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := v.recall(token); ok {
			t.Error("the token outlives its key")
		}
	})
}

// signedByA returns the public key a, and a token that it signed.
func signedByA(issuer string) (x, token string) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signed := jws.Encoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"a"}`)) + "." +
		jws.Encoding.EncodeToString([]byte(`{"iss":"`+issuer+`","aud":"api","exp":4000000000}`))
	return jws.Encoding.EncodeToString(private.Public().(ed25519.PublicKey)),
		signed + "." + jws.Encoding.EncodeToString(ed25519.Sign(private, []byte(signed)))
}
