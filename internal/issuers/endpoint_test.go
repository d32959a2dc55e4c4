package issuers_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const lifetime = 5 * time.Second // a call takes milliseconds

// An endpoint issues JWTs that live for lifetime.
type endpoint struct {
	*process

	config   verifier.Config
	url      string
	audience string // the parameter that names one
}

func TestTokenEndpoints(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *endpoint{
		"oidc-provider": briefOIDCProvider,
		"Ory Hydra":     briefHydra,
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t)
			e.config.Audiences = []string{audience}
			e.config.Require = verifier.Requirement{Scopes: []string{"orders:read"}}
			t.Run("an expired token is renewed", e.tellExpired)
			t.Run("the client's secret is wrong", e.tellWrongSecret)
			t.Run("calls go on through a stop while their token lives", func(t *testing.T) {
				e.tellOutage(t, e.stop, e.start)
			})
			t.Run("calls go on through a hang while their token lives", func(t *testing.T) {
				e.tellOutage(t, e.freeze, e.thaw)
			})
		})
	}
}

func (e *endpoint) tellExpired(t *testing.T) {
	asked := new(countingTransport)
	tokens := client.NewSource(robot(e.url, e.audience).Token, client.WithHTTPClient(&http.Client{Transport: asked}))
	calls := e.serve(t, tokens)
	began := time.Now()
	first := tokenOf(t, tokens)
	for time.Now().Before(first.Expiry) {
		wantOwnGreeting(t, calls)
	}
	wantOwnGreeting(t, calls)
	if tokenOf(t, tokens).AccessToken == first.AccessToken {
		t.Error("the expired token is still sent")
	}
	renewals := int32(time.Since(began) / (lifetime / 2)) // many times more than are needed
	if got := asked.requests.Load(); got < 2 || got > 1+renewals {
		t.Errorf("%d requests for tokens, want one for each that expired", got)
	}

	time.Sleep(2 * lifetime)
	wantOwnGreeting(t, calls) // the first after a pause
	strict := e.config
	strict.Leeway = -1
	v := newVerifier(t, strict)
	refuse(t, v, first.AccessToken, verifier.CodeTokenExpired)
	accept(t, v, tokenOf(t, tokens).AccessToken)
}

// tellWrongSecret shows what can't be cured, beside an outage.
func (e *endpoint) tellWrongSecret(t *testing.T) {
	config := robot(e.url, e.audience)
	config.ClientSecret = "wrong"
	err := greetAsOneself(t.Context(), e.serve(t, client.NewSource(config.Token)))
	failure, ok := errors.AsType[*client.TokenError](err)
	if !ok || failure.Temporary() || status.Code(err) != codes.Unauthenticated {
		t.Errorf("Greet: %v, want an Unauthenticated TokenError that isn't temporary", err)
	}
}

func (e *endpoint) tellOutage(t *testing.T, begin, end func(*testing.T)) {
	tokens := client.NewSource(robot(e.url, e.audience).Token)
	calls := e.serve(t, tokens)
	token := tokenOf(t, tokens)
	wantOwnGreeting(t, calls)
	begin(t)
	err := greetAsOneself(t.Context(), calls)
	if err != nil {
		t.Errorf("the first call in the outage: %v", err)
	}
	for err == nil && time.Since(token.Expiry) < patience {
		err = greetAsOneself(t.Context(), calls)
	}
	if failed := time.Now(); failed.Before(token.Expiry) {
		t.Errorf("a call failed %v before its token expired: %v", token.Expiry.Sub(failed), err)
	}
	failure, ok := errors.AsType[*client.TokenError](err)
	if !ok || !failure.Temporary() || failure.RetryAfter <= 0 || status.Code(err) != codes.Unavailable {
		t.Errorf("Greet: %v, want an Unavailable TokenError with a time to retry", err)
	}
	end(t)
	deadline := time.Now().Add(patience)
	for {
		err := greetAsOneself(t.Context(), calls)
		if err == nil {
			return
		}
		if status.Code(err) != codes.Unavailable || time.Now().After(deadline) {
			t.Fatalf("Greet after the outage: %v", err)
		}
	}
}

// serve returns a client of a server that needs the issuer no more.
func (e *endpoint) serve(t *testing.T, tokens *client.Source) greetv1.GreetServiceClient {
	t.Helper()
	v := newVerifier(t, e.config)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return greetClient(t, auth, grpcauth.PlaintextClientOptions(tokens)...)
}

// robot is what a client of an issuer knows.
func robot(tokenURL, audienceParam string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: "robot", ClientSecret: "secret", TokenURL: tokenURL, Scopes: []string{"orders:read"},
		EndpointParams: url.Values{audienceParam: {audience}}, AuthStyle: oauth2.AuthStyleInHeader,
	}
}

func tokenOf(t *testing.T, tokens *client.Source) *oauth2.Token {
	t.Helper()
	token, err := tokens.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantOwnGreeting(t *testing.T, calls greetv1.GreetServiceClient) {
	t.Helper()
	if err := greetAsOneself(t.Context(), calls); err != nil {
		t.Fatalf("Greet: %v", err)
	}
}

// greetAsOneself leaves it to the client to add a token.
func greetAsOneself(ctx context.Context, calls greetv1.GreetServiceClient) error {
	_, err := calls.Greet(ctx, &greetv1.GreetRequest{Name: "Ada"})
	return err
}

type countingTransport struct{ requests atomic.Int32 }

func (c *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return newClient().Transport.RoundTrip(req)
}
