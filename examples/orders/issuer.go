package main

import (
	"context"
	"net"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// startIssuer serves our own issuer on this host until ctx ends. It returns the
// configuration that trusts it, and a token with everything the procedures ask, good
// for an hour.
func startIssuer(ctx context.Context) (config verifier.Config, token string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return verifier.Config{}, "", err
	}
	issuer := verifiertest.NewIssuer(
		verifiertest.WithURL("http://"+listener.Addr().String()),
		verifiertest.WithAlgorithms("RS256"),
	)
	go func() { _ = serve(ctx, listener, issuer) }()
	now := time.Now()
	token = issuer.Token(map[string]any{
		"sub":         "alice",
		"scope":       "orders:write",
		"permissions": []string{"orders.import"},
		"auth_time":   now.Unix(),
		"exp":         now.Add(time.Hour).Unix(),
	})
	return verifier.Config{Issuer: issuer.URL(), Audiences: []string{verifiertest.Audience}}, token, nil
}
