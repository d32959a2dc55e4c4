package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/internal/dpoptest"
)

// A desk is a token endpoint that keeps the forms it gets.
type desk struct {
	*dpoptest.Guard
	*httptest.Server

	forms []url.Values
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Guard: dpoptest.NewGuard()}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		d.forms = append(d.forms, req.PostForm)
		d.Guard.ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		d.Server.Close()
		if err := d.Err(); err != nil {
			t.Errorf("the endpoint says: %v", err)
		}
	})
	return d
}

func (d *desk) config() *clientcredentials.Config {
	return &clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: d.URL + "/token"}
}

func TestEveryFetchProves(t *testing.T) {
	for name, fetch := range map[string]func(*desk) client.Fetch{
		"client credentials": func(d *desk) client.Fetch { return d.config().Token },
		"a refresh token": func(d *desk) client.Fetch {
			config := &oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: d.URL}}
			return client.FromRefreshToken(config, &oauth2.Token{RefreshToken: "r"})
		},
		"an exchange": func(d *desk) client.Fetch {
			return client.Exchange(d.config(), func(context.Context) (*oauth2.Token, error) {
				return &oauth2.Token{AccessToken: "subject"}, nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for requests, prepare := range map[int]func(*desk){
				1: func(*desk) {},
				2: func(d *desk) { d.WantNonce(dpoptest.TokenEndpoint) },
			} {
				d := newDesk(t)
				prepare(d)
				token, err := client.NewSource(fetch(d), client.WithDPoP(nil)).Token(t.Context())
				if err != nil || token.Type() != "DPoP" {
					t.Fatalf("Token: %v, %v", token, err)
				}
				if len(d.forms) != requests {
					t.Errorf("%d requests, want %d", len(d.forms), requests)
				}
				if first, last := d.forms[0].Encode(), d.forms[len(d.forms)-1].Encode(); first != last || first == "" {
					t.Errorf("the forms %q and %q differ", first, last)
				}
			}
		})
	}
}

func TestUsersHTTPClientProvesToo(t *testing.T) {
	d, asked := newDesk(t), new(atomic.Int64)
	own := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		asked.Add(1)
		return http.DefaultTransport.RoundTrip(req)
	})}
	mustToken(t, client.NewSource(d.config().Token, client.WithHTTPClient(own), client.WithDPoP(nil)))
	mustToken(t, client.NewSource(d.config().Token, client.WithDPoP(nil), client.WithHTTPClient(own)))
	if asked.Load() != 2 {
		t.Errorf("the user's client was asked %d times, want twice", asked.Load())
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Of an assertion there's one for each request: the endpoint may have used it up.
func TestRequestWithAnAssertionIsMadeAgainByItsFetch(t *testing.T) {
	d := newDesk(t)
	d.WantNonce(dpoptest.TokenEndpoint)
	n := 0
	fetch := func(ctx context.Context) (*oauth2.Token, error) {
		n++
		config := d.config()
		config.ClientSecret, config.AuthStyle = "", oauth2.AuthStyleInParams
		config.EndpointParams = url.Values{"client_assertion": {strings.Repeat("a", n)}}
		return config.Token(ctx)
	}
	mustToken(t, client.NewSource(fetch, client.WithDPoP(nil)))
	var assertions []string
	for _, form := range d.forms {
		assertions = append(assertions, form.Get("client_assertion"))
	}
	if !slices.Equal(assertions, []string{"a", "aa"}) {
		t.Errorf("the assertions were %q, want two different ones", assertions)
	}
}

func TestGrantedTokenHasTheKeyOfTheSource(t *testing.T) {
	d := newDesk(t)
	dpop := mustDPoP(t, client.DPoPConfig{})
	tokens := client.NewSource(bound, client.WithAuthorize(
		func(ctx context.Context, _ *client.Refusal) (*oauth2.Token, error) { return d.config().Token(ctx) },
	), client.WithDPoP(dpop))
	refusal := client.ReadRefusal(client.Response{
		Code: interceptor.CodePermissionDenied, Header: header("www-authenticate", `DPoP error="insufficient_scope", scope="a"`),
	})
	granted := tokens.Retry(t.Context(), mustCredential(t, tokens), refusal)
	if granted == nil {
		t.Fatalf("no other token: %v", refusal.Err)
	}
	if got := granted.Header(); !slices.Equal(got, []string{"DPoP token-1"}) || !granted.NeedsProof() {
		t.Errorf("it sends %q", got)
	}
}

func TestTokenTransportIsForLogins(t *testing.T) {
	d := newDesk(t)
	d.WantNonce(dpoptest.TokenEndpoint)
	dpop := mustDPoP(t, client.DPoPConfig{})
	transport := &http.Transport{}
	httpClient := &http.Client{Transport: dpop.TokenTransport(transport)}
	defer httpClient.CloseIdleConnections()
	config := &oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: d.URL}}
	token, err := config.Exchange(context.WithValue(t.Context(), oauth2.HTTPClient, httpClient), "code")
	if err != nil || token.RefreshToken == "" {
		t.Errorf("Exchange: %v, %v", token, err)
	}
}

// answers returns a transport that answers each request with the next of these bodies, and always
// with a new nonce.
func answers(requests *int, status int, bodies ...string) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		*requests++
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
			_ = req.Body.Close()
		}
		body := bodies[min(*requests, len(bodies))-1]
		return &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: req,
			Header: http.Header{"Dpop-Nonce": {strings.Repeat("n", *requests)}, "Content-Type": {"application/json"}},
		}, nil
	})
}

func TestTokenRequestIsMadeAgainOnceAndOnlyForANonce(t *testing.T) {
	const demand = `{"error":"use_dpop_nonce"}`
	for _, test := range []struct {
		name     string
		status   int
		answer   string
		body     func() io.Reader
		requests int
	}{
		{"a nonce", 400, demand, func() io.Reader { return strings.NewReader("a=b") }, 2},
		{"a request without a body", 400, demand, func() io.Reader { return nil }, 2},
		{"another error", 400, `{"error":"invalid_grant"}`, func() io.Reader { return strings.NewReader("a=b") }, 1},
		{"another status", 401, demand, func() io.Reader { return strings.NewReader("a=b") }, 1},
		{"no JSON", 400, "use_dpop_nonce", func() io.Reader { return strings.NewReader("a=b") }, 1},
		{"too long", 400, strings.Repeat(" ", 1<<16) + demand, func() io.Reader { return strings.NewReader("a=b") }, 1},
		{"a body that can't be sent again", 400, demand, func() io.Reader { return io.MultiReader(strings.NewReader("a=b")) }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			dpop := mustDPoP(t, client.DPoPConfig{})
			httpClient := &http.Client{Transport: dpop.TokenTransport(answers(&requests, test.status, test.answer))}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://issuer.example/token", test.body())
			if err != nil {
				t.Fatal(err)
			}
			res, err := httpClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || string(text) != test.answer || res.StatusCode != test.status {
				t.Errorf("the answer is %d %q, %v", res.StatusCode, text, err)
			}
			if requests != test.requests {
				t.Errorf("%d requests, want %d", requests, test.requests)
			}
			if len(req.Header["Dpop"]) != 0 {
				t.Error("the transport has changed its request")
			}
		})
	}
}

// The endpoint's replicas may not share their nonces. Another request may do.
func TestEndpointThatIsNeverSatisfiedIsAnOutage(t *testing.T) {
	config := clientcredentials.Config{TokenURL: "https://issuer.example/token", AuthStyle: oauth2.AuthStyleInParams}
	newSource := func() *client.Source { // its fetch goes on when a call gives up
		own := &http.Client{Transport: answers(new(int), 400, `{"error":"use_dpop_nonce"}`)}
		return client.NewSource(config.Token, client.WithDPoP(nil), client.WithHTTPClient(own))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newSource().Token(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled call: %v", err)
	}
	_, err = newSource().Token(t.Context())
	if failure, ok := tokenErrorOf(err); !ok || !failure.Temporary() {
		t.Errorf("Token: %v, want a temporary TokenError", err)
	}
}

// Both kinds of nonces may come from one origin (RFC 9449, section 9).
func TestNoncesOfAnEndpointAreNotForCalls(t *testing.T) {
	requests := 0
	dpop := mustDPoP(t, client.DPoPConfig{})
	httpClient := &http.Client{Transport: dpop.TokenTransport(answers(&requests, 200, `{}`))}
	res, err := httpClient.Get("https://api.example/token")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if nonce := claimsOf(t, prove(t, client.NewSource(bound, client.WithDPoP(dpop))))["nonce"]; nonce != nil {
		t.Errorf("a call has the endpoint's nonce %v", nonce)
	}
}

func FuzzTokenEndpointsAnswer(f *testing.F) {
	f.Add(400, []byte(`{"error":"use_dpop_nonce"}`), "nonce")
	f.Add(400, []byte(`{"error":1}`), `"`)
	f.Add(200, []byte(nil), "")
	dpop, err := client.NewDPoP(client.DPoPConfig{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, nonce string) {
		requests := 0
		transport := dpop.TokenTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			requests++
			return &http.Response{
				StatusCode: status, Body: io.NopCloser(strings.NewReader(string(body))), Header: http.Header{"Dpop-Nonce": {nonce}},
			}, nil
		}))
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://issuer.example", strings.NewReader("a=b"))
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(res.Body); string(text) != string(body) || requests > 2 {
			t.Errorf("%d requests, and the answer %q, want %q", requests, text, body)
		}
	})
}
