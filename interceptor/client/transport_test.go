package client_test

import (
	"context"
	"crypto/elliptic"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// sendThrough makes a request as Connect does for a call with a token, by an HTTP client with this
// transport.
func sendThrough(t *testing.T, tokens *client.Source, transport http.RoundTripper, change func(*http.Request)) (*http.Response, error) {
	t.Helper()
	credential := mustCredential(t, tokens)
	ctx, _ := credential.Prove(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example/a.S/M", strings.NewReader("message"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = credential.Header()
	change(req)
	return (&http.Client{Transport: transport}).Do(req)
}

// keep returns a transport that keeps its requests.
func keep(requests *[]*http.Request) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		*requests = append(*requests, req)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
	})
}

func TestProofNamesTheRequestThatIsMade(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*http.Request)
		method string
		target string
	}{
		"a call": {func(*http.Request) {}, "POST", "https://api.example/a.S/M"},
		"a GET, whose query holds the message": {func(req *http.Request) {
			req.Method, req.URL.RawQuery, req.URL.Fragment, req.Body = "GET", "message=AA", "f", nil
		}, "GET", "https://api.example/a.S/M"},
		"another host in the header": {func(req *http.Request) { req.Host = "other.example:8443" }, "POST", "https://other.example:8443/a.S/M"},
		"an encoded path": {func(req *http.Request) { req.URL.Path, req.URL.RawPath = "/a/b c", "/a%2fb%20c" },
			"POST", "https://api.example/a%2fb%20c"},
		"no path":   {func(req *http.Request) { req.URL.Path = "" }, "POST", "https://api.example/"},
		"plaintext": {func(req *http.Request) { req.URL.Scheme = "http" }, "POST", "http://api.example/a.S/M"},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
			var requests []*http.Request
			res, err := sendThrough(t, tokens, tokens.Transport(keep(&requests)), test.change)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			claims := claimsOf(t, requests[0].Header["Dpop"][0])
			if claims["htm"] != test.method || claims["htu"] != test.target {
				t.Errorf("the proof is for %v %v, want %s %s", claims["htm"], claims["htu"], test.method, test.target)
			}
		})
	}
}

func TestOriginStandsBeforeTheProcedure(t *testing.T) {
	dpop := mustDPoP(t, client.DPoPConfig{Origin: "https://public.example/rpc"})
	tokens := client.NewSource(bound, client.WithDPoP(dpop))
	for path, want := range map[string]string{
		"/a.S/M":          "https://public.example/rpc/a.S/M",
		"/inside/a.S/M":   "https://public.example/rpc/a.S/M",
		"/in/side/a.S/M%": "https://public.example/rpc/a.S/M%25",
		"/a.S":            "https://public.example/rpc/a.S",
		"":                "https://public.example/rpc/",
	} {
		var requests []*http.Request
		res, err := sendThrough(t, tokens, tokens.Transport(keep(&requests)), func(req *http.Request) { req.URL.Path = path })
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := claimsOf(t, requests[0].Header["Dpop"][0])["htu"]; got != want {
			t.Errorf("%s: htu %v, want %v", path, got, want)
		}
	}
}

func TestTransportLeavesOtherRequestsAlone(t *testing.T) {
	proving := client.NewSource(bound, client.WithDPoP(nil))
	bearer := client.NewSource((&endpoint{life: time.Hour}).fetch)
	for name, test := range map[string]struct {
		tokens *client.Source
		change func(*http.Request)
	}{
		"a bearer token":      {bearer, func(*http.Request) {}},
		"another token":       {proving, func(req *http.Request) { req.Header.Set("Authorization", "DPoP other") }},
		"no token":            {proving, func(req *http.Request) { req.Header.Del("Authorization") }},
		"not a client's call": {proving, func(req *http.Request) { *req = *req.WithContext(context.Background()) }},
	} {
		var requests []*http.Request
		res, err := sendThrough(t, test.tokens, test.tokens.Transport(keep(&requests)), test.change)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := requests[0].Header["Dpop"]; got != nil {
			t.Errorf("%s: the request has a proof", name)
		}
	}
}

// The standard library sends a token to no other host.
func TestRedirectToAnotherHostHasNoProof(t *testing.T) {
	seen := make(map[string][]string)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		seen["other"] = append(req.Header.Values("Authorization"), req.Header.Values("DPoP")...)
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen[req.URL.Path] = req.Header.Values("DPoP")
		to := "/again"
		if req.URL.Path == to {
			to = strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
		}
		http.Redirect(w, req, to, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	tokens := client.NewSource(bound, client.WithDPoP(nil))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := sendThrough(t, tokens, tokens.Transport(transport), func(req *http.Request) {
		req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(server.URL, "http://")
		req.Host = ""
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	first, second := claimsOf(t, seen["/a.S/M"][0]), claimsOf(t, seen["/again"][0])
	if second["htu"] != server.URL+"/again" || first["jti"] == second["jti"] {
		t.Errorf("the redirected request has the proof %v", second)
	}
	if got := seen["other"]; len(got) != 0 {
		t.Errorf("the other host got %q", got)
	}
}

// With an Origin a proof names the server that the user means, and there it would be good.
func TestRedirectedCallHasNoProofForTheOrigin(t *testing.T) {
	for _, name := range []string{"the transport's", "the interceptor's"} {
		var proofs, atOther []string
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			atOther = req.Header.Values("DPoP")
		}))
		defer other.Close()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			proofs = req.Header.Values("DPoP")
			http.Redirect(w, req, other.URL+req.URL.Path, http.StatusTemporaryRedirect) // another port
		}))
		defer server.Close()
		const origin = "https://api.example"
		tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{Origin: origin})))
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		res, err := sendThrough(t, tokens, tokens.Transport(transport), func(req *http.Request) {
			req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(server.URL, "http://")
			req.Host = ""
			if name == "the interceptor's" {
				req.Header.Set("DPoP", "earlier")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if len(proofs) != 1 || claimsOf(t, proofs[0])["htu"] != origin+"/a.S/M" || len(atOther) != 0 {
			t.Errorf("%s: the other server got %q, after %q", name, atOther, proofs)
		}
	}
}

type closing struct {
	io.Reader

	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestRequestThatCannotProveIsNotMade(t *testing.T) {
	broken := errors.New("the device is gone")
	tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{
		Key: device{Signer: newKey(t, elliptic.P256()), err: broken},
	})))
	var requests []*http.Request
	body := &closing{Reader: strings.NewReader("message")}
	_, err := sendThrough(t, tokens, tokens.Transport(keep(&requests)), func(req *http.Request) { req.Body = body })
	if !errors.Is(err, broken) || len(requests) != 0 || !body.closed {
		t.Errorf("%v after %d requests, and the body is closed: %v", err, len(requests), body.closed)
	}
}

// idle is a transport with connections to close.
type idle struct {
	http.RoundTripper

	closed int
}

func (i *idle) CloseIdleConnections() { i.closed++ }

func TestTransportsCloseTheirConnections(t *testing.T) {
	base := &idle{RoundTripper: http.DefaultTransport}
	dpop := mustDPoP(t, client.DPoPConfig{})
	tokens := client.NewSource(bound, client.WithDPoP(dpop))
	for _, transport := range []http.RoundTripper{tokens.Transport(base), dpop.TokenTransport(base), tokens.Transport(keep(nil))} {
		(&http.Client{Transport: transport}).CloseIdleConnections()
	}
	if base.closed != 2 {
		t.Errorf("%d calls, want two", base.closed)
	}
}

func TestProofsNeverRepeat(t *testing.T) {
	tokens := client.NewSource(bound, client.WithDPoP(nil))
	var ids []string
	for range 1000 {
		ids = append(ids, claimsOf(t, prove(t, tokens))["jti"].(string))
	}
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != 1000 || len(ids[0]) < 22 { // 128 bits in base64url
		t.Errorf("%d of 1000 proofs differ, with IDs such as %q", got, ids[0])
	}
}
