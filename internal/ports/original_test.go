package ports_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/ports/flipt"
	"github.com/oidcrpc/oidcrpc/internal/ports/oidcauth"
	"github.com/oidcrpc/oidcrpc/internal/ports/openfga"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// What only one of the originals has.

func TestOpenFGATakesPresharedKeys(t *testing.T) {
	var c openfga.Config
	configure(t, &c, `{method: preshared, preshared: {keys: [k-1, k-2]}}`)
	client := serveGreet(t, must(t)(openfga.New(c)))
	for key, want := range map[string]codes.Code{"k-1": codes.OK, "k-2": codes.OK, "k-3": codes.Unauthenticated} {
		if a := client.call("authorization", "Bearer "+key); a.code != want {
			t.Errorf("%s: %+v, want %v", key, a, want)
		}
		if a := client.watch("authorization", "Bearer "+key)(); a.code != want {
			t.Errorf("%s, in a stream: %+v, want %v", key, a, want)
		}
	}
}

func TestOpenFGATakesAliases(t *testing.T) {
	story(t, "aliases", func(t *testing.T, s source) {
		var c openfga.Config
		configure(t, &c, `
method: oidc
oidc:
  issuer: `+s.URL()+`
  issuerAliases: [`+otherURL+`]
  audience: `+verifiertest.Audience+`
  jwksUri: `+s.URL()+`/jwks
`)
		client := serveGreet(t, must(t)(openfga.New(c)))
		for iss, want := range map[string]codes.Code{
			s.URL(): codes.OK, otherURL: codes.OK, "https://third.test": codes.Unauthenticated,
		} {
			if a := client.call("authorization", "Bearer "+s.Token(map[string]any{"iss": iss})); a.code != want {
				t.Errorf("%s: %+v, want %v", iss, a, want)
			}
		}
		c.OIDC.JWKSURI = ""
		if _, err := openfga.New(c); err == nil {
			t.Error("aliases without keys are accepted")
		}
	})
}

func TestOnlyListedSubjectsAreAccepted(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, source) *client{"openfga": openFGA, "flipt": fliptJWT} {
		story(t, name, func(t *testing.T, s source) {
			p := ports[name]
			a := serve(t, s).call(p.credential(s.Token(map[string]any{"sub": "mallory"}))...)
			if a.code != codes.PermissionDenied {
				t.Errorf("another subject: %+v", a)
			}
		})
	}
}

func TestOpenFGACanBeOpen(t *testing.T) {
	client := serveGreet(t, must(t)(openfga.New(openfga.Config{Method: "none"})))
	if a := client.call(); a.code != codes.OK {
		t.Errorf("a call: %+v", a)
	}
	for _, c := range []openfga.Config{{}, {Method: "preshared"}, {Method: "oidc"}} {
		if auth, err := openfga.New(c); err == nil || auth != nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestOpenFGANamesClientsByItsClaims(t *testing.T) {
	claims := verifiertest.Claims(map[string]any{"client_id": "shop", "cid": "x"})
	for want, names := range map[string][]string{"shop": nil, "x": {"appid", "cid"}, "": {"appid"}} {
		var c openfga.Config
		c.OIDC.ClientIDClaims = names
		if got := c.ClientID(claims); got != want {
			t.Errorf("%q: the client is %q, want %q", names, got, want)
		}
	}
}

func TestFliptTakesACookie(t *testing.T) {
	story(t, "cookie", func(t *testing.T, s source) {
		c := fliptJWT(t, s)
		if a := c.call("cookie", "a=b; flipt_client_token=s3cret"); a.code != codes.OK {
			t.Errorf("a client token in a cookie: %+v", a)
		}
		if a := c.call("cookie", "flipt_client_token=other"); a.code != codes.Unauthenticated {
			t.Errorf("another: %+v", a)
		}
	})
}

func TestFliptTakesAKeyInPEM(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	var c flipt.Config
	configure(t, &c, `
required: true
exclude: {evaluation: true}
methods: {jwt: {enabled: true, public_key_file: `+file+`, validate_claims: {issuer: flipt, audiences: [`+verifiertest.Audience+`]}}}
`)
	client := serveGreet(t, must(t)(flipt.New(c)))
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256"), verifiertest.WithURL("flipt"))
	token := issuer.Token(nil, verifiertest.WithKey(key), verifiertest.WithHeader("kid", nil))
	if a := client.call("authorization", "JWT "+token); a.code != codes.OK {
		t.Errorf("a token: %+v", a)
	}
}

func TestFliptCanExcludeAService(t *testing.T) {
	var c flipt.Config
	configure(t, &c, `{required: true, exclude: {evaluation: true}}`)
	auth := must(t)(flipt.New(c))
	for procedure, want := range map[string]bool{
		"/flipt.evaluation.EvaluationService/Boolean": true,
		"/flipt.ofrep.OFREPService/EvaluateFlag":      false,
		"/flipt.Flipt/ListFlags":                      false,
	} {
		_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: procedure, Request: none{}})
		if (refusal == nil) != want {
			t.Errorf("%s: %v", procedure, refusal)
		}
	}
}

type none struct{}

func (none) Values(context.Context, string) []string { return nil }

func TestNetBirdTakesPersonalTokensUnderBearer(t *testing.T) {
	story(t, "bearer", func(t *testing.T, s source) {
		c := netBird(t, s)
		if a := c.call("authorization", "Bearer "+pat); a.message != "Hello, Ada, from bob!" {
			t.Errorf("a personal token: %+v", a)
		}
		if a := c.call("authorization", "Bearer nbp_other"); a.code != codes.Unauthenticated {
			t.Errorf("an unknown one: %+v", a)
		}
	})
}

func TestBuildbarnTakesAnyPolicy(t *testing.T) {
	story(t, "policies", func(t *testing.T, s source) {
		other := verifiertest.NewIssuer(verifiertest.WithURL(otherURL))
		auth, tokens := newBuildbarn(t, s, other)
		for name, test := range map[string]struct {
			token string
			want  any
		}{
			"of the keys in the file":   {s.token(time.Hour), map[string]any{"public": map[string]any{"name": "alice"}}},
			"of the inline keys":        {other.Token(map[string]any{"sub": "bob"}), map[string]any{}},
			"that an expression denies": {s.Token(map[string]any{"sub": "bob"}), nil},
		} {
			admission, refusal := auth.Authenticate(t.Context(), interceptor.Call{
				Procedure: "/a.S/M", Authorization: []string{"Bearer " + test.token},
			})
			if refusal != nil {
				if test.want != nil || refusal.Code != interceptor.CodeUnauthenticated {
					t.Errorf("a token %s: %v", name, refusal)
				}
				continue
			}
			if got, err := tokens.Metadata(admission.Context()); !reflect.DeepEqual(got, test.want) {
				t.Errorf("a token %s: the metadata is %v, %v; want %v", name, got, err, test.want)
			}
		}
	})
}

func TestOIDCAuthNamesCallersByItsClaims(t *testing.T) {
	c := oidcauth.Config{Providers: []oidcauth.Provider{{IssuerURL: "https://issuer.test", UsernameClaim: "email"}}}
	claims := verifiertest.Claims(map[string]any{"sub": "1", "email": "alice@example.org"})
	if got := c.Username(claims); got != "alice@example.org" {
		t.Errorf("the username is %q", got)
	}
	claims = verifiertest.Claims(map[string]any{"sub": "1", "iss": otherURL})
	if got := c.Username(claims); got != "1" {
		t.Errorf("without a claim for it, the username is %q", got)
	}
}
