package main

import (
	"context"
	"net"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An issuer is our own, with a configuration that trusts it.
type issuer struct {
	config   verifier.Config
	tokenURL string // gives any token to every caller on this host
	token    string // with everything the procedures ask, good for an hour
}

// startIssuer serves our own issuer on this host until ctx ends.
func startIssuer(ctx context.Context) (issuer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return issuer{}, err
	}
	own := verifiertest.NewIssuer(
		verifiertest.WithURL("http://"+listener.Addr().String()),
		verifiertest.WithAlgorithms("RS256"),
		verifiertest.WithTokenEndpoint(map[string]any{"exp": time.Hour}),
	)
	go func() { _ = serve(ctx, listener, own) }()
	return issuer{
		config:   verifier.Config{Issuer: own.URL(), Audiences: []string{verifiertest.Audience}},
		tokenURL: own.URL() + "/token",
		token: own.Token(map[string]any{
			"sub":         "alice",
			"scope":       "orders:write",
			"permissions": []string{"orders.import"},
			"auth_time":   time.Now(),
			"exp":         time.Hour,
		}),
	}, nil
}
