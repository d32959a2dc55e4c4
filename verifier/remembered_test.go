package verifier_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// isRemembered reports whether a token that is accepted is the one whose claims were
// returned before: they are the same object only if nothing was verified again.
func isRemembered(t testing.TB, v *verifier.Verifier, token string, before *verifier.Claims) bool {
	t.Helper()
	return accept(t, v, token) == before
}

func TestVerifyRemembersToken(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	one, other := issuer.Token(nil), issuer.Token(map[string]any{"sub": "other"})
	claims, otherClaims := accept(t, v, one), accept(t, v, other)
	for range 3 {
		if !isRemembered(t, v, one, claims) || !isRemembered(t, v, other, otherClaims) {
			t.Error("a token was verified again")
		}
	}
	if claims.Subject() != "user" || otherClaims.Subject() != "other" {
		t.Errorf("subjects are %q and %q, want user and other", claims.Subject(), otherClaims.Subject())
	}
}

func TestNegativeTokenCacheSizeRemembersNothing(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = -1
	v := newVerifier(t, config)
	token := issuer.Token(nil)
	if isRemembered(t, v, token, accept(t, v, token)) {
		t.Error("the token was remembered")
	}
}

func TestVerifiersShareNoTokens(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.Audiences = []string{"https://other.test"}
	v, other := newVerifier(t, issuer.Config()), newVerifier(t, config)
	token := issuer.Token(nil)
	claims := accept(t, v, token)
	refuse(t, other, token, verifier.CodeInvalidAudience)
	if !isRemembered(t, v, token, claims) {
		t.Error("the other verifier made this one forget")
	}
	refuse(t, other, token, verifier.CodeInvalidAudience)
}

func TestRememberedTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		config.Leeway = 30 * time.Second
		v := newVerifier(t, config)
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
		claims := accept(t, v, token)
		time.Sleep(90*time.Second - time.Nanosecond)
		if !isRemembered(t, v, token, claims) {
			t.Error("the token was forgotten before its time")
		}
		time.Sleep(time.Nanosecond)
		refuse(t, v, token, verifier.CodeTokenExpired)
	})
}

func TestRememberedTokenDiesWithItsKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		v := newVerifier(t, issuer.Config())
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		accept(t, v, token)
		issuer.Rotate()
		time.Sleep(time.Second)
		// The new key is learnt from a token that it signed.
		accept(t, v, issuer.Token(nil))
		refuse(t, v, token, verifier.CodeKeyNotFound)
	})
}

// A server that sees nothing but remembered tokens must notice a withdrawn key as soon
// as any other.
func TestRememberedTokenCountsAsUseOfTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := issuer.Config()
		config.KeysTTL = 5 * time.Minute
		v := newVerifier(t, config)
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		accept(t, v, token)
		issuer.Rotate()
		for range 5 * 60 / 10 {
			time.Sleep(10 * time.Second)
			_, _ = v.Verify(t.Context(), token)
			synctest.Wait()
		}
		refuse(t, v, token, verifier.CodeKeyNotFound)
	})
}

func TestRememberedTokenDiesWhenItsKeyIDNamesAnotherKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before, after := verifiertest.NewIssuer(), verifiertest.NewIssuer() // both name their key ES256-1
		keys := before
		network := &remote{respond: func(req *http.Request) (*http.Response, error) { return keys.RoundTrip(req) }}
		config := before.Config()
		config.HTTPClient = network.client()
		v := newVerifier(t, config)
		token := before.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		accept(t, v, token)
		keys = after
		time.Sleep(6 * time.Minute)
		accept(t, v, after.Token(nil))
		refuse(t, v, token, verifier.CodeInvalidToken)
	})
}

func TestRememberedTokenDoesNotOutliveUnreachableKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		v := newVerifier(t, issuer.Config())
		token := issuer.Token(map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
		accept(t, v, token)
		issuer.Fail(errors.New("down"))
		time.Sleep(12 * time.Hour)
		unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
	})
}

func TestRememberedTokenIsAskedForTheBaselineEachTime(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.Require.Scopes = []string{"orders:read"}
	v := newVerifier(t, config)
	token := issuer.Token(map[string]any{"scope": "orders:write"})
	for range 3 {
		refuse(t, v, token, verifier.CodeInsufficientScope)
	}
}

func TestVerifyReturnsTheContextsErrorBeforeARememberedToken(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	token := issuer.Token(nil)
	accept(t, v, token)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if claims, err := v.Verify(ctx, token); claims != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Verify = %v, %v; want context.Canceled", claims, err)
	}
}

func TestTokenLikeARememberedOneIsRefused(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	token := issuer.Token(map[string]any{"sub": "user"})
	accept(t, v, token)
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for i := range payload {
		changed := []byte(payload)
		changed[i] ^= 1
		like := header + "." + string(changed) + "." + signature
		if claims, err := v.Verify(t.Context(), like); err == nil {
			t.Fatalf("accepted with byte %d of its payload changed: %v", i, claims.Subject())
		}
	}
}

func TestRefusedTokensPushNoneOut(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = 1
	v := newVerifier(t, config)
	token := issuer.Token(nil)
	claims := accept(t, v, token)
	forge := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	})
	for i := range 10 {
		refuse(t, v, issuer.Token(map[string]any{"sub": string(rune('a' + i))}, forge), verifier.CodeInvalidToken)
		refuse(t, v, issuer.Token(map[string]any{"exp": 1}), verifier.CodeTokenExpired)
		refuse(t, v, issuer.Token(map[string]any{"aud": "another"}), verifier.CodeInvalidAudience)
		refuse(t, v, strings.Repeat("a", i), verifier.CodeMalformedToken)
	}
	if !isRemembered(t, v, token, claims) {
		t.Error("tokens that were refused have pushed out one that was not")
	}
}

func TestTokenUsedLongestAgoIsForgottenFirst(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = 2
	v := newVerifier(t, config)
	a, b, c := issuer.Token(nil), issuer.Token(nil), issuer.Token(nil)
	claimsA, claimsB := accept(t, v, a), accept(t, v, b)
	accept(t, v, a)
	claimsC := accept(t, v, c)
	if !isRemembered(t, v, a, claimsA) || !isRemembered(t, v, c, claimsC) {
		t.Error("a token that was used lately was forgotten")
	}
	if isRemembered(t, v, b, claimsB) {
		t.Error("three tokens were remembered, want two")
	}
}

func TestLargeTokensTakeThePlaceOfSeveral(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = 4
	v := newVerifier(t, config)
	small := issuer.Token(nil)
	claims := accept(t, v, small)
	large := issuer.Token(map[string]any{"filler": strings.Repeat("a", 5000)})
	largeClaims := accept(t, v, large)
	if !isRemembered(t, v, large, largeClaims) || !isRemembered(t, v, small, claims) {
		t.Fatal("a small token and a large one were not both remembered")
	}
	other := issuer.Token(map[string]any{"filler": strings.Repeat("b", 5000)})
	accept(t, v, other)
	if isRemembered(t, v, large, largeClaims) {
		t.Error("two large tokens were remembered in the place of four average ones")
	}
}

// A list takes more memory than the text of its words, if they are short.
func TestTokensOfManyWordsTakeThePlaceOfSeveral(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = 4
	v := newVerifier(t, config)
	text := strings.Repeat("a ", 800)
	token := issuer.Token(map[string]any{"filler": text})
	if !isRemembered(t, v, token, accept(t, v, token)) {
		t.Error("a token with a text was not remembered")
	}
	token = issuer.Token(map[string]any{"scope": text})
	if isRemembered(t, v, token, accept(t, v, token)) {
		t.Error("a token with a long list was remembered")
	}
}

func TestRememberedTokensAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	for _, size := range []int{3, 2000} {
		config := issuer.Config()
		config.TokenCacheSize = size
		v := newVerifier(t, config)
		tokens := make([]string, 8)
		for i := range tokens {
			tokens[i] = issuer.Token(map[string]any{"sub": string(rune('a' + i))})
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i := range 200 {
					n := i * i % len(tokens)
					claims, err := v.Verify(t.Context(), tokens[n])
					if err != nil || claims.Subject() != string(rune('a'+n)) {
						t.Errorf("Verify = %v, %v; want the claims of token %d", claims, err, n)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestRememberedTokenAllocatesNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	token := issuer.Token(nil)
	allocs := testing.AllocsPerRun(100, func() { accept(t, v, token) })
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
