package verifier_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNewMulti() {
	v, err := verifier.NewMulti(
		verifier.Config{Issuer: "https://issuer.example/", Audiences: []string{"https://api.example"}},
		verifier.Config{
			Issuer:     "https://partner.example",
			Audiences:  []string{"orders"},
			Algorithms: []string{"ES256"},
			Require:    verifier.Requirement{Scopes: []string{"partner"}},
		},
	)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithRealm("orders"))
	fmt.Println(auth != nil, err)
	// Output: true <nil>
}

func ExampleNewDynamic() {
	issuer := verifiertest.NewIssuer() // in place of real ones
	find := func(ctx context.Context, name string) (audience string, ok bool, err error) {
		return verifiertest.Audience, name == issuer.URL(), ctx.Err() // from a database
	}
	client := issuer.Config().HTTPClient

	v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Resolve: func(ctx context.Context, name string) (verifier.Config, error) {
		audience, ok, err := find(ctx, name)
		if err != nil {
			return verifier.Config{}, err // Unavailable: try again
		}
		if !ok {
			return verifier.Config{}, verifier.ErrUnknownIssuer // refused
		}
		return verifier.Config{
			Issuer:     name,
			Audiences:  []string{audience},
			Algorithms: []string{"ES256"},
			HTTPClient: client, // the same one each time, or the keys have to be fetched anew
		}, nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := v.Verify(context.Background(), issuer.Token(nil))
	fmt.Println(claims.Issuer(), err)

	_, err = v.Verify(context.Background(), issuer.Token(map[string]any{"iss": "https://made-up.example"}))
	fmt.Println(err)
	// Output:
	// https://issuer.test <nil>
	// invalid_issuer: the token is from another issuer: the Resolver doesn't know its iss
}

// A page for operators, or a log line now and then.
func ExampleVerifier_Status() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/debug/keys", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%+v\n", v.Status()[0])
	})
	fmt.Println(v.Status()[0].Usable, v.Ready(context.Background()), v.Status()[0].Usable)
	// Output: false <nil> true
}
