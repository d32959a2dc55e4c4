package verifier

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
)

func TestRememberedTokenIsACopy(t *testing.T) {
	cache := newTokenCache(1)
	large := strings.Repeat("a", 1<<20)
	token := large[:100]
	cache.add(&remembered{token: token, claims: newClaims(), data: &claims{}})
	if r := cache.get(token); r == nil || unsafe.StringData(r.token) == unsafe.StringData(token) {
		t.Error("the cache keeps what the token was a part of")
	}
}

// A clock that is set back can make a token of today one of tomorrow.
func TestRecallComparesNotBefore(t *testing.T) {
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
	r := &remembered{token: "token", name: jwks.ByKid("a"), key: key, claims: all, data: c}
	c.expiry = time.Now().Add(time.Hour)
	c.notBefore = time.Now().Add(50 * time.Second)
	v.cache.add(r)
	if _, ok := v.recall("token"); !ok {
		t.Fatal("a token that is valid by its leeway is not recalled")
	}
	c.notBefore = time.Now().Add(2 * time.Minute)
	if _, ok := v.recall("token"); ok {
		t.Error("a token that is not valid yet is recalled")
	}
	if v.cache.get("token") != nil {
		t.Error("a token that is of no use is not forgotten")
	}
}
