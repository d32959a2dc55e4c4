package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
)

// TokenTransport returns a transport for requests to a token endpoint. It adds a proof to each
// (RFC 9449, section 5), and sends a request once more if the endpoint wants a nonce in it
// (section 8). A Source with [WithDPoP] has it already, so you need it for a login alone:
//
//	httpClient := &http.Client{Transport: dpop.TokenTransport(http.DefaultTransport)}
//	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, httpClient), code)
//
// Nil means [http.DefaultTransport].
func (d *DPoP) TokenTransport(base http.RoundTripper) http.RoundTripper {
	return &tokenTransport{dpop: d, base: cmp.Or(base, http.DefaultTransport)}
}

// tokenClient returns a copy of an HTTP client that adds proofs.
func (d *DPoP) tokenClient(c *http.Client) *http.Client {
	proving := *c
	proving.Transport = d.TokenTransport(c.Transport)
	return &proving
}

type tokenTransport struct {
	dpop *DPoP
	base http.RoundTripper
}

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, outdated, err := t.send(req)
	if err != nil || !outdated || res.StatusCode != http.StatusBadRequest || !wantsNonce(res) {
		return res, err
	}
	again, ok := rewind(req)
	if !ok {
		return res, nil
	}
	if hasAssertion(again) {
		if demand, ok := req.Context().Value(nonceDemandKey{}).(*nonceDemand); ok {
			demand.isMade.Store(true)
		}
		closeBody(again)
		return res, nil
	}
	_ = res.Body.Close()
	res, _, err = t.send(again)
	return res, err
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (t *tokenTransport) CloseIdleConnections() { closeIdle(t.base) }

// send also reports whether the response has brought a nonce that the proof lacks.
func (t *tokenTransport) send(req *http.Request) (res *http.Response, outdated bool, err error) {
	// A server may be both endpoint and resource, with nonces of two kinds (RFC 9449, section 9).
	origin := "token endpoint " + originOf(req)
	nonce := t.dpop.nonces.of(origin)
	value, err := t.dpop.prove(req.Context(), proofClaims{
		Method: req.Method, Target: originOf(req) + pathOf(req), Nonce: nonce,
	})
	if err != nil {
		closeBody(req)
		return nil, false, &signingError{err}
	}
	if res, err = t.base.RoundTrip(withProof(req, value)); err != nil {
		return nil, false, err
	}
	t.dpop.nonces.learn(origin, res.Header.Values("DPoP-Nonce"))
	return res, t.dpop.nonces.of(origin) != nonce, nil
}

const maxErrorBytes = 64 << 10

// wantsNonce reads an error's body, and puts it back.
func wantsNonce(res *http.Response) bool {
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes)) // the next reader meets the error again
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), res.Body), res.Body}
	var answer struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(text, &answer) == nil && answer.Error == string(codeUseNonce)
}

// rewind returns a request with its body once more.
func rewind(req *http.Request) (*http.Request, bool) {
	again := *req
	if req.Body == nil || req.Body == http.NoBody {
		return &again, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	again.Body = body
	return &again, err == nil
}

// hasAssertion reports whether a client authenticates with an assertion. The endpoint takes each
// once, and may have done so before it looked at the proof.
func hasAssertion(req *http.Request) bool {
	if req.GetBody == nil {
		return false
	}
	body, err := req.GetBody()
	if err != nil {
		return false
	}
	defer body.Close()
	text, _ := io.ReadAll(io.LimitReader(body, maxErrorBytes))
	return bytes.Contains(text, []byte("client_assertion="))
}

// A nonceDemand in a request's context learns that the whole Fetch must be called once more.
type nonceDemand struct{ isMade atomic.Bool }

type nonceDemandKey struct{}

func withNonceDemand(ctx context.Context) (context.Context, *nonceDemand) {
	demand := new(nonceDemand)
	return context.WithValue(ctx, nonceDemandKey{}, demand), demand
}
