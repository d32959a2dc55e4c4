package main

import (
	"context"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// How long keys live here.
const (
	keysTTL      = time.Second
	keysMaxStale = 2 * time.Second
)

const patience = time.Minute // with a busy machine, where nothing hangs

// An issuer is a server with a verifier for its tokens.
type issuer struct {
	*verifiertest.Issuer
	*server

	verifier *verifier.Verifier
	token    string // a good one
}

// start returns an issuer whose verifier has yet to ask for its keys.
func start(m mode) (*issuer, error) {
	i := &issuer{server: startServer(m)}
	i.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(i.socket.URL))
	i.next = i.Issuer
	i.token = i.Token(nil)
	config := i.Config()
	config.HTTPClient = nil            // over the socket
	config.JWKSURL = i.URL() + "/jwks" // one request for each fetch
	config.KeysTTL = keysTTL           // the default is 5 minutes
	config.KeysMaxStale = keysMaxStale // an hour
	config.FetchTimeout = patience     // 3 seconds
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
