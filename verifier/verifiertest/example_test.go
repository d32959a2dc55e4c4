package verifiertest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNewIssuer() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	claims, err := v.Verify(context.Background(), issuer.Token(nil))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject(), "of", claims.Issuer())
	// Output: user of https://issuer.test
}

func ExampleIssuer_Token() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	verify := func(token string) {
		claims, err := v.Verify(context.Background(), token)
		if err != nil {
			fmt.Println(verifier.CodeOf(err))
			return
		}
		fmt.Println(claims.Subject(), claims.Scopes())
	}
	verify(issuer.Token(map[string]any{"sub": "alice", "scope": "read write"}))
	verify(issuer.Token(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}))
	verify(issuer.Token(map[string]any{"aud": nil}))               // without
	verify(issuer.Token(map[string]any{"aud": verifiertest.Null})) // with a null
	// Output:
	// alice [read write]
	// token_expired
	// missing_claim
	// malformed_token
}

func ExampleIssuer_Token_hostile() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range []string{
		issuer.Token(nil, verifiertest.WithHeader("alg", "none")),
		issuer.Token(nil, verifiertest.WithHeader("jku", "https://evil.example/jwks")),
		issuer.Token(nil, verifiertest.WithKey(stranger)),
		issuer.Token(nil, verifiertest.WithSignature(func([]byte) []byte { return make([]byte, 64) })),
		issuer.Token(nil, verifiertest.WithRawPayload(`{"sub":"alice","sub":"root"}`)),
	} {
		_, err := v.Verify(context.Background(), token)
		fmt.Println(verifier.CodeOf(err))
	}
	// Output:
	// disallowed_alg
	// forbidden_header
	// invalid_token
	// invalid_token
	// malformed_token
}

func ExampleIssuer_Rotate() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	before := issuer.Token(nil)
	_, err = v.Verify(context.Background(), before)
	fmt.Println("before:", err)

	issuer.Rotate()
	_, err = v.Verify(context.Background(), issuer.Token(nil))
	fmt.Println("after:", err)
	_, err = v.Verify(context.Background(), before)
	fmt.Println("before, after all:", verifier.CodeOf(err))
	// Output:
	// before: <nil>
	// after: <nil>
	// before, after all: key_not_found
}

func ExampleIssuer_Fail() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	issuer.Fail(errors.New("no route to host"))
	_, err = v.Verify(context.Background(), issuer.Token(nil))
	fmt.Println(verifier.CodeOf(err))
	// Output: jwks_fetch_failed
}

// A service that counts what it costs its issuer.
func ExampleIssuer_Fetches() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		if _, err := v.Verify(context.Background(), issuer.Token(nil)); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(issuer.Fetches())
	// Output: 1
}

func ExampleClaims() {
	// In the test of a handler: what a verifier would have put before it.
	claims := verifiertest.Claims(map[string]any{"sub": "alice", "permissions": []string{"orders:delete"}})
	fmt.Println(claims.Subject(), claims.HasPermission("orders:delete"))
	// Output: alice true
}

// Keep this in step with the package's documentation.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		v, err := verifier.New(issuer.Config())
		if err != nil {
			t.Fatal(err)
		}
		token := issuer.Token(nil)
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute) // takes no time
		if _, err := v.Verify(t.Context(), token); verifier.CodeOf(err) != verifier.CodeTokenExpired {
			t.Errorf("Verify: %v, want %s", err, verifier.CodeTokenExpired)
		}
	})
}
