package main

import (
	"log/slog"
	"net/http"
	"os"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/otelauth"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// policy says who may call what. For calls without a rule any token for this service will do.
var policy = interceptor.Policy{
	interceptor.HealthCheck:          {Access: interceptor.AccessPublic},
	interceptor.ReflectionV1:         {Access: interceptor.AccessPublic},
	"/greet.v1.GreetService/Greet":   {Require: verifier.Requirement{Scopes: []string{"greet:read"}}},
	"/greet.v1.GreetService/Collect": {Require: verifier.Requirement{Scopes: []string{"greet:write"}}},
	"/greet.http/Hello":              {Require: verifier.Requirement{Scopes: []string{"greet:read"}}},
	"/greet.http/Tools":              {Require: verifier.Requirement{Scopes: []string{"greet:tools"}}},
}

// An app has what its servers share.
type app struct {
	log     *slog.Logger
	metrics http.Handler
	auth    *interceptor.Authenticator
	tools   *interceptor.Authenticator // for MCP, whose clients ask where to log in
}

func newApp(log *slog.Logger) (*app, error) {
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(verifier.Config{
		Issuer:    os.Getenv("ISSUER"),
		Audiences: []string{"greet"},
	})
	if err != nil {
		return nil, err
	}

	// Metrics.
	options, err := otelauth.Options(otelauth.Config{Verifier: v})
	if err != nil {
		return nil, err
	}
	options = append(options, interceptor.WithPolicy(policy))

	auth, err := interceptor.New(v, options...)
	if err != nil {
		return nil, err
	}

	// MCP.
	tools, err := interceptor.New(v, append(options, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
		Resource:             os.Getenv("MCP"),
		AuthorizationServers: []string{os.Getenv("ISSUER")},
	}))...)
	if err != nil {
		return nil, err
	}

	return &app{log: log, metrics: metrics, auth: auth, tools: tools}, nil
}
