package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// How long keys live here.
const (
	keysTTL      = time.Second
	keysMaxStale = 2 * time.Second
)

// A mode is how an issuer behaves.
type mode int32

const (
	healthy mode = iota
	slow
	down
	hung
)

// An issuer is a server that breaks on demand, with a verifier for its tokens.
type issuer struct {
	*verifiertest.Issuer

	verifier *verifier.Verifier
	token    string // a good one
	server   *httptest.Server
	mode     atomic.Int32
	fetches  atomic.Int32
}

// start returns an issuer whose verifier has yet to ask for its keys.
func start(m mode) (*issuer, error) {
	i := &issuer{}
	i.set(m)
	i.server = httptest.NewServer(i)
	i.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(i.server.URL))
	i.token = i.Token(nil)
	config := i.Config()
	config.HTTPClient = nil               // over the socket
	config.JWKSURL = i.URL() + "/jwks"    // one request for each fetch
	config.KeysTTL = keysTTL              // the default is 5 minutes
	config.KeysMaxStale = keysMaxStale    // an hour
	config.FetchTimeout = time.Second / 2 // 3 seconds
	var err error
	if i.verifier, err = verifier.New(config); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// startWithKeys returns an issuer whose keys were fetched.
func startWithKeys(ctx context.Context) (*issuer, error) {
	i, err := start(healthy)
	if err != nil {
		return nil, err
	}
	if err := i.verifier.Ready(ctx); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

func (i *issuer) verify(ctx context.Context, token string) error {
	_, err := i.verifier.Verify(ctx, token)
	return err
}

func (i *issuer) set(m mode) { i.mode.Store(int32(m)) }

func (i *issuer) stop() {
	i.server.CloseClientConnections() // some requests hang
	i.server.Close()
}

// ServeHTTP overrides the embedded issuer's.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.fetches.Add(1)
	switch mode(i.mode.Load()) {
	case hung:
		<-r.Context().Done()
		return
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case slow:
		time.Sleep(50 * time.Millisecond)
	case healthy:
	}
	i.Issuer.ServeHTTP(w, r)
}
