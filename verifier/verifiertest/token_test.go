package verifiertest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// parts decodes a token that is of good form.
func parts(t *testing.T, token string) (header, payload, signature []byte) {
	t.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("%d segments, want 3", len(segments))
	}
	var decoded [3][]byte
	for i, segment := range segments {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(segment); err != nil {
			t.Fatal(err)
		}
	}
	return decoded[0], decoded[1], decoded[2]
}

func object(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestTokenIsThatOfRFC9068(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	header, payload, _ := parts(t, issuer.Token(nil))
	if got, want := object(t, header), map[string]any{"alg": "ES256", "kid": "ES256-1", "typ": "at+jwt"}; !maps.Equal(got, want) {
		t.Errorf("header = %v, want %v", got, want)
	}
	claims := object(t, payload)
	now := time.Now()
	for name, want := range map[string]time.Time{"iat": now, "exp": now.Add(5 * time.Minute)} {
		seconds, _ := claims[name].(float64)
		if got := time.Unix(int64(seconds), 0); got.Sub(want).Abs() > 2*time.Second {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
		delete(claims, name)
	}
	want := map[string]any{
		"iss": "https://issuer.test", "aud": verifiertest.Audience, "sub": "user", "client_id": "client", "jti": "token-1",
	}
	if !maps.Equal(claims, want) {
		t.Errorf("claims = %v, want %v", claims, want)
	}

	config := issuer.Config()
	config.RFC9068 = true
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), issuer.Token(nil)); err != nil {
		t.Error(err)
	}
}

func TestTokensHaveIDsOfTheirOwn(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	for _, want := range []string{"token-1", "token-2"} {
		_, payload, _ := parts(t, issuer.Token(nil))
		if got := object(t, payload)["jti"]; got != want {
			t.Errorf("jti = %v, want %s", got, want)
		}
	}
	if got := granted(t, issuer, "grant_type=client_credentials")["jti"]; got != "token-3" {
		t.Errorf("jti = %v, want token-3, from the token endpoint", got)
	}
}

func TestClaimsAreSetReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	given := map[string]any{"sub": "alice", "new": []int{1}, "jti": nil, "aud": verifiertest.Null}
	before := maps.Clone(given)
	_, payload, _ := parts(t, verifiertest.NewIssuer().Token(given))
	claims := object(t, payload)
	if claims["sub"] != "alice" || !reflect.DeepEqual(claims["new"], []any{1.0}) {
		t.Errorf("claims = %v", claims)
	}
	if _, has := claims["jti"]; has {
		t.Error("nil does not remove a claim")
	}
	if aud, has := claims["aud"]; !has || aud != nil {
		t.Errorf("aud = %v, %v; want a null", aud, has)
	}
	if !reflect.DeepEqual(given, before) {
		t.Error("Token changed the map that it was given")
	}
}

func TestEachTokenOptionDoesWhatItSays(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("ES256", "EdDSA"))
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	code := func(token string) verifier.Code {
		_, err := v.Verify(t.Context(), token)
		return verifier.CodeOf(err)
	}

	t.Run("WithAlgorithm", func(t *testing.T) {
		token := issuer.Token(nil, verifiertest.WithAlgorithm("EdDSA"))
		header, _, _ := parts(t, token)
		if got := object(t, header); got["alg"] != "EdDSA" || got["kid"] != "EdDSA-1" {
			t.Errorf("header = %s", header)
		}
		if got := code(token); got != "" {
			t.Errorf("code = %q, want a good token", got)
		}
	})
	t.Run("WithHeader", func(t *testing.T) {
		token := issuer.Token(nil, verifiertest.WithHeader("x", 1), verifiertest.WithHeader("typ", nil),
			verifiertest.WithHeader("y", verifiertest.Null))
		header, _, _ := parts(t, token)
		want := map[string]any{"alg": "ES256", "kid": "ES256-1", "x": 1.0, "y": nil}
		if got := object(t, header); !reflect.DeepEqual(got, want) {
			t.Errorf("header = %v, want %v", got, want)
		}
		if got := code(token); got != "" {
			t.Errorf("code = %q, want a good token", got)
		}
		// The key signs it all the same.
		if got := code(issuer.Token(nil, verifiertest.WithHeader("alg", "none"))); got != verifier.CodeDisallowedAlg {
			t.Errorf("code = %q for another alg, want %q", got, verifier.CodeDisallowedAlg)
		}
	})
	t.Run("WithKey", func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		token := issuer.Token(nil, verifiertest.WithAlgorithm("EdDSA"), verifiertest.WithKey(private))
		signed := token[:strings.LastIndexByte(token, '.')]
		if _, _, signature := parts(t, token); !ed25519.Verify(public, []byte(signed), signature) {
			t.Error("the token is not signed with the key")
		}
		if got := code(token); got != verifier.CodeInvalidToken {
			t.Errorf("code = %q, want %q", got, verifier.CodeInvalidToken)
		}
	})
	t.Run("WithSignature", func(t *testing.T) {
		var good []byte
		token := issuer.Token(nil, verifiertest.WithSignature(func(signature []byte) []byte {
			good = slices.Clone(signature)
			return []byte("x")
		}))
		if _, _, signature := parts(t, token); string(signature) != "x" || len(good) != 64 {
			t.Errorf("signature = %q, made of %d bytes", signature, len(good))
		}
		good = append([]byte("."), base64.RawURLEncoding.EncodeToString(good)...)
		if got := code(token[:strings.LastIndexByte(token, '.')] + string(good)); got != "" {
			t.Errorf("code = %q for what is replaced, want a good token", got)
		}
	})
	t.Run("WithRawHeader and WithRawPayload", func(t *testing.T) {
		const rawHeader, rawPayload = "\xff{\"alg\": 1", "no JSON"
		header, payload, signature := parts(t, issuer.Token(map[string]any{"sub": "x"},
			verifiertest.WithRawHeader(rawHeader), verifiertest.WithRawPayload(rawPayload)))
		if string(header) != rawHeader || string(payload) != rawPayload || bytes.Equal(signature, make([]byte, 64)) {
			t.Errorf("header = %q, payload = %q", header, payload)
		}
		// They are signed.
		raw := issuer.Token(nil, verifiertest.WithRawHeader(`{"alg":"ES256","kid":"ES256-1"}`),
			verifiertest.WithRawPayload(rawPayload))
		if got := code(raw); got != verifier.CodeMalformedToken {
			t.Errorf("code = %q, want %q after a good signature", got, verifier.CodeMalformedToken)
		}
	})
}

func TestWhatCannotBeSignedPanics(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	tests := map[string]func(){
		"an unknown algorithm":        func() { verifiertest.NewIssuer(verifiertest.WithAlgorithms("HS256")) },
		"an algorithm without a key":  func() { issuer.Token(nil, verifiertest.WithAlgorithm("RS256")) },
		"a claim that JSON lacks":     func() { issuer.Token(map[string]any{"x": func() {}}) },
		"a header that JSON lacks":    func() { issuer.Token(nil, verifiertest.WithHeader("x", make(chan int))) },
		"claims that are expired":     func() { verifiertest.Claims(map[string]any{"exp": 1}) },
		"claims that never expire":    func() { verifiertest.Claims(map[string]any{"exp": nil}) },
		"claims without an issuer":    func() { verifiertest.Claims(map[string]any{"iss": nil}) },
		"claims of the wrong type":    func() { verifiertest.Claims(map[string]any{"nbf": "now"}) },
		"claims of an audience alone": func() { verifiertest.Claims(map[string]any{"aud": []any{1}}) },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("nothing panicked")
				}
			}()
			f()
		})
	}
}

func TestClaimsMayNameAnyIssuerAndAudience(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{
		"iss": "https://other.test", "aud": []string{"a", "b"}, "sub": "alice", "scope": "read", "permissions": []string{"drop"},
	})
	if claims.Issuer() != "https://other.test" || !slices.Equal(claims.Audience(), []string{"a", "b"}) ||
		claims.Subject() != "alice" || !claims.HasScope("read") || !claims.HasPermission("drop") {
		t.Errorf("claims of %s for %q", claims.Issuer(), claims.Audience())
	}
	for name, aud := range map[string]any{"one": "a", "any": []any{"a", 1}[:1], "none": nil} {
		claims := verifiertest.Claims(map[string]any{"aud": aud})
		if got := claims.Audience(); (len(got) == 1) != (aud != nil) {
			t.Errorf("%s: audience = %q", name, got)
		}
	}
	if got := verifiertest.Claims(map[string]any{"aud": nil, "client_id": nil}); got.Audience() != nil || got.ClientID() != "" {
		t.Errorf("audience = %q and client = %q, want none", got.Audience(), got.ClientID())
	}
	if got := verifiertest.Claims(nil).Subject(); got != "user" {
		t.Errorf("subject = %q, want a token's", got)
	}
}

func TestTimesAreNumbersOfSeconds(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	exp := time.Now().Add(time.Hour)
	claims, err := v.Verify(t.Context(), issuer.Token(map[string]any{"exp": exp}))
	if err != nil || !claims.Expiry().Equal(exp.Truncate(time.Second)) {
		t.Errorf("Verify: %v, %v; want an expiry of %v", claims, err, exp)
	}
}

func TestClaimsTakeDurationsFromNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, payload, _ := parts(t, verifiertest.NewIssuer().Token(map[string]any{"exp": -time.Minute, "auth_time": -1500 * time.Millisecond}))
		claims, now := object(t, payload), time.Now()
		for name, want := range map[string]time.Time{"exp": now.Add(-time.Minute), "auth_time": now.Add(-2 * time.Second)} {
			if got := claims[name]; got != float64(want.Unix()) {
				t.Errorf("%s = %v, want %d", name, got, want.Unix())
			}
		}
	})
}
