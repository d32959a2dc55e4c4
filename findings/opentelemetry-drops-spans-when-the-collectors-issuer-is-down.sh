#!/usr/bin/env bash
# If the OpenTelemetry collector can't fetch its issuer's keys, exporters drop their spans at once.
#
# Versions:  github.com/open-telemetry/opentelemetry-collector-contrib/extension/oidcauthextension v0.165.1,
#            go.opentelemetry.io/collector/config/configgrpc v1.71.0,
#            go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.47.0, Go 1.26.
# Guess:     the token can't be judged just now, so the collector says Unavailable. The exporter
#            tries again, as it's set up to, and the spans arrive when the keys do.
# Behaviour: the collector says Unauthenticated, with the failed fetch in its message. OTLP
#            has this code among the ones not to be retried. A pause of the issuer, while the
#            collector has no keys yet, loses what all callers send meanwhile.
# Output, 2026-11-28:
#> issuer up: export OK, 1 span received
#> issuer's keys fail 3 times: export Unauthenticated, 0 spans received, after 1 fetch of the keys
#> server that is Unavailable 3 times: export OK, 1 span received
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/oidcauthextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// receiver counts the spans, and answers Unavailable to the first calls.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	unavailable, spans int
}

func (r *receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if r.unavailable > 0 {
		r.unavailable--
		return nil, status.Error(codes.Unavailable, "later")
	}
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans += len(scope.Spans)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func main() {
	err, r, _ := run(0, 0)
	fmt.Printf("issuer up: export %v, %s received\n", status.Convert(err).Code(), count(r.spans, "span", "spans"))
	err, r, fetches := run(3, 0)
	fmt.Printf("issuer's keys fail 3 times: export %v, %s received, after %s of the keys\n",
		status.Convert(err).Code(), count(r.spans, "span", "spans"), count(fetches, "fetch", "fetches"))
	err, r, _ = run(0, 3)
	fmt.Printf("server that is Unavailable 3 times: export %v, %s received\n", status.Convert(err).Code(), count(r.spans, "span", "spans"))
}

// run exports one span with a good token. The issuer fails to give its keys for some times.
func run(failures, unavailable int) (exported error, r *receiver, fetches int) {
	ctx := context.Background()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	var issuer *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": issuer.URL, "jwks_uri": issuer.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		if fetches++; fetches <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	issuer = httptest.NewServer(mux)
	defer issuer.Close()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	check(err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: issuer.URL, Subject: "service", Audience: jwt.Audience{"collector"}, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).Serialize()
	check(err)

	settings := componenttest.NewNopTelemetrySettings()
	factory := oidcauthextension.NewFactory()
	id := component.NewID(factory.Type())
	config := factory.CreateDefaultConfig().(*oidcauthextension.Config)
	config.Providers = []oidcauthextension.ProviderCfg{{IssuerURL: issuer.URL, Audience: "collector"}}
	oidc, err := factory.Create(ctx, extension.Settings{ID: id, TelemetrySettings: settings}, config)
	check(err)
	check(oidc.Start(ctx, componenttest.NewNopHost()))
	defer oidc.Shutdown(ctx)
	serverConfig := configgrpc.NewDefaultServerConfig()
	serverConfig.Auth = configoptional.Some(configauth.Config{AuthenticatorID: id})
	server, err := serverConfig.ToServer(ctx, map[component.ID]component.Component{id: oidc}, settings)
	check(err)
	r = &receiver{unavailable: unavailable}
	collector.RegisterTraceServiceServer(server, r)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go server.Serve(listener)
	defer server.Stop()

	exporter, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpoint(listener.Addr().String()), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithHeaders(map[string]string{"authorization": "Bearer " + token}),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: 10 * time.Millisecond, MaxInterval: 10 * time.Millisecond, MaxElapsedTime: time.Minute,
		}))
	check(err)
	defer exporter.Shutdown(ctx)
	exported = exporter.ExportSpans(ctx, tracetest.SpanStubs{{Name: "example"}}.Snapshots())
	return exported, r, fetches
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/open-telemetry/opentelemetry-collector-contrib/extension/oidcauthextension@v0.165.1 \
	go.opentelemetry.io/collector/config/configgrpc@v1.71.0 go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc@v1.47.0 2>/dev/null
go mod tidy 2>/dev/null
go run . 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
