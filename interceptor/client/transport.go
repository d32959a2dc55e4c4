package client

import (
	"cmp"
	"net/http"
)

// Transport returns a transport for Connect's HTTP client, which proves that calls hold their
// token's key if the Source has [WithDPoP]. Connect's interceptor can't do so, since it sees neither
// the URL nor whether it's a GET:
//
//	httpClient := &http.Client{Transport: tokens.Transport(http.DefaultTransport)}
//	greeter := greetv1connect.NewGreetServiceClient(httpClient, "https://api.example",
//		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
//
// Other requests pass unchanged, and so do calls with bearer tokens. Nil means
// [http.DefaultTransport].
func (s *Source) Transport(base http.RoundTripper) http.RoundTripper {
	return &callTransport{base: cmp.Or(base, http.DefaultTransport)}
}

type callTransport struct{ base http.RoundTripper }

func (t *callTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	p := proofOf(req.Context())
	switch {
	case p == nil:
		return t.base.RoundTrip(req)
	case req.Response != nil && p.credential.dpop.origin != "":
		// After a redirect it goes elsewhere, and elsewhere could use a proof for the Origin.
		return t.base.RoundTrip(withoutProof(req))
	case req.Header.Get("Authorization") != p.credential.header[0]: // such as after a redirect
		return t.base.RoundTrip(req)
	}
	value, err := p.make(req.Context(), p.credential, req.Method, originOf(req), pathOf(req))
	if err != nil {
		closeBody(req)
		return nil, err
	}
	res, err := t.base.RoundTrip(withProof(req, value))
	if err == nil {
		p.Learn(res.Header.Values)
	}
	return res, err
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (t *callTransport) CloseIdleConnections() { closeIdle(t.base) }
