package verifiertest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

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

// Claims that grant scopes and permissions as Entra ID's tokens do.
func ExampleClaims_names() {
	claims := verifiertest.Claims(map[string]any{"scp": "orders:read", "roles": []string{"admin"}},
		verifiertest.WithScopeClaim("scp"), verifiertest.WithPermissionsClaim("roles"))
	fmt.Println(claims.HasScope("orders:read"), claims.HasPermission("admin"))
	// Output: true true
}

// A client that fetches its tokens, without a network.
func ExampleWithTokenEndpoint() {
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	config := clientcredentials.Config{ClientID: "shop", TokenURL: issuer.URL() + "/token", Scopes: []string{"orders:read"}}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: issuer})
	token, err := config.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	claims, err := v.Verify(ctx, token.AccessToken)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject(), claims.Scopes())
	// Output: shop [orders:read]
}

// A service in another process trusts the server's URL.
func ExampleNewServer() {
	server := verifiertest.NewServer(verifiertest.WithAlgorithms("RS256"))
	v, err := verifier.New(verifier.Config{Issuer: server.URL(), Audiences: []string{verifiertest.Audience}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), server.Token(nil))
	fmt.Println(err)
	server.Close()
	// Output: <nil>
}

// A key that another issuer has, too.
func ExampleWithSigningKey() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	one := verifiertest.NewIssuer(verifiertest.WithSigningKey("ES256", key))
	other := verifiertest.NewIssuer(verifiertest.WithSigningKey("ES256", key))
	v, err := verifier.New(one.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), other.Token(nil))
	fmt.Println(err)
	// Output: <nil>
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
