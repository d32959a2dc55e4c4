package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNew() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
		Require:   verifier.Requirement{Scopes: []string{"orders"}},
	})
	fmt.Println(v != nil, err)

	// Mistakes are told by the field.
	_, err = verifier.New(verifier.Config{Issuer: "https://issuer.example/"})
	fmt.Println(err)
	// Output:
	// true <nil>
	// verifier: Config.Audiences must name at least one audience, unless Config.ClientIDs is set
}

func ExampleVerifier_Verify() {
	issuer := verifiertest.NewIssuer() // in place of a real one
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	claims, err := v.Verify(ctx, issuer.Token(map[string]any{"sub": "alice", "scope": "orders:read"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject(), claims.Scopes(), claims.HasScope("orders:write"))

	_, err = v.Verify(ctx, issuer.Token(map[string]any{"aud": "https://elsewhere.example"}))
	fmt.Println(err)
	// Output:
	// alice [orders:read] false
	// invalid_audience: the token is for another audience: aud is ["https://elsewhere.example"], and Config.Audiences is ["https://api.test"]
}

// A server may wait until it can judge tokens, or tell its readiness probe.
func ExampleVerifier_Ready() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Ready(context.Background()))
	// Output: <nil>
}

// A refusal is the caller's to mend, and tells it how. A failure to get the issuer's
// keys is not: the caller should keep its token and try again.
func ExampleAuthError() {
	answer := func(err error) (status int, challenge string) {
		if refusal, ok := errors.AsType[*verifier.AuthError](err); ok {
			return refusal.StatusCode(), refusal.Challenge("orders").String()
		}
		if _, ok := errors.AsType[*verifier.KeysError](err); ok {
			return http.StatusServiceUnavailable, ""
		}
		return http.StatusInternalServerError, ""
	}

	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), issuer.Token(map[string]any{"exp": 1}))
	fmt.Println(answer(err))

	issuer.Fail(errors.New("no route to host"))
	unreached, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, err = unreached.Verify(context.Background(), issuer.Token(nil))
	fmt.Println(answer(err))
	// Output:
	// 401 Bearer realm="orders", error="invalid_token", error_description="the token has expired"
	// 503
}

func ExampleCodeOf() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), issuer.Token(map[string]any{"exp": 1}))
	switch verifier.CodeOf(err) {
	case "":
		fmt.Println("accepted")
	case verifier.CodeTokenExpired:
		fmt.Println("time for another token")
	default:
		fmt.Println(err)
	}
	// Output: time for another token
}

// A client learns from the challenge what would have been enough.
func ExampleParseChallenges() {
	header := http.Header{}
	header.Add("WWW-Authenticate", `Basic realm="legacy", Bearer realm="orders", error="insufficient_scope", scope="read write"`)

	challenges, err := verifier.ParseChallenges(header.Values("WWW-Authenticate"))
	if err != nil {
		log.Fatal(err)
	}
	for _, challenge := range challenges {
		fmt.Printf("%s: %q\n", challenge.Scheme, challenge.Value("scope"))
	}
	// Output:
	// Basic: ""
	// Bearer: "read write"
}

func ExampleChallenge_String() {
	challenge := verifier.Challenge{Scheme: "Bearer", Params: []verifier.Param{
		{Name: "realm", Value: `the "orders"`},
		{Name: "resource_metadata", Value: "https://api.example/.well-known/oauth-protected-resource"},
	}}
	fmt.Println(challenge)
	// Output: Bearer realm="the \"orders\"", resource_metadata="https://api.example/.well-known/oauth-protected-resource"
}

// Claims that have no accessor are decoded, in their exact case.
func ExampleClaims_Decode() {
	claims := verifiertest.Claims(map[string]any{"tenant": "acme", "address": map[string]any{"country": "CH"}})

	var own struct {
		Tenant  string `json:"tenant"`
		Address struct {
			Country string `json:"country"`
		} `json:"address"`
	}
	if err := claims.Decode(&own); err != nil {
		log.Fatal(err)
	}
	fmt.Println(own.Tenant, own.Address.Country)
	// Output: acme CH
}

func ExampleRequirement() {
	required := verifier.Requirement{Scopes: []string{"orders:read", "orders:write"}}
	claims := verifiertest.Claims(map[string]any{"scope": "orders:read"})

	err := required.Check(claims)
	fmt.Println(err)
	if refusal, ok := errors.AsType[*verifier.AuthError](err); ok {
		fmt.Println(refusal.StatusCode(), refusal.Scopes)
	}
	// Output:
	// insufficient_scope: the token lacks a required scope: it lacks the scope "orders:write": Config.ScopeClaim is "scope", and that claim grants others; have the client ask for it
	// 403 [orders:read orders:write]
}

func ExampleNewEventVerifier() {
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.Types = []string{"logout+jwt"}
	v, err := verifier.NewEventVerifier(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	logout := issuer.Token(map[string]any{"exp": nil}, verifiertest.WithHeader("typ", "logout+jwt"))
	event, err := v.VerifyEvent(context.Background(), logout)
	fmt.Println(event, err)
	_, err = v.VerifyEvent(context.Background(), issuer.Token(nil)) // an access token
	fmt.Println(verifier.CodeOf(err))
	// Output:
	// token "token-1" of https://issuer.test <nil>
	// invalid_token
}

// A service whose clients present certificates compares each with the token's. An interceptor does
// that by itself, with WithMutualTLS.
func ExampleVerifier_VerifyBound() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	token := issuer.Token(map[string]any{
		"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"},
	})
	_, err = v.Verify(context.Background(), token)
	fmt.Println("without proof:", verifier.CodeOf(err))

	presented := verifier.Confirmation{CertificateThumbprint: "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"}
	claims, err := v.VerifyBound(context.Background(), token, func(c verifier.Confirmation) error {
		if !c.IsZero() && c != presented {
			return &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "another client's token"}
		}
		return nil
	})
	fmt.Println("with proof:", err == nil, claims.IsBound())
	// Output:
	// without proof: invalid_token
	// with proof: true true
}
