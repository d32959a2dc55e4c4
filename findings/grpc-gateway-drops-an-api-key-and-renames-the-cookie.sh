#!/usr/bin/env bash
# grpc-gateway hands on Authorization twice, renames the cookie and drops an API key.
#
# Versions:  github.com/grpc-ecosystem/grpc-gateway/v2 v2.33.0, google.golang.org/grpc v1.85.0, Go 1.26.
# Guess:     a credential in a header of the HTTP request is in the call's metadata under the
#            same name. Authorization is, by default.
# Behaviour: only Authorization keeps its name, and comes a second time as
#            grpcgateway-authorization, so handlers that log or forward metadata have the
#            token twice. Headers that the gateway doesn't know are dropped: x-api-key, and
#            the proof that a DPoP token needs. WithIncomingHeaderMatcher lets them through.
# Output, 2026-11-28:
#> Authorization: authorization, grpcgateway-authorization
#> Cookie:        grpcgateway-cookie
#> X-Api-Key:     dropped
#> Dpop:          dropped
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

func main() {
	// A gRPC server that keeps the metadata of the last call.
	var got metadata.MD
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		got, _ = metadata.FromIncomingContext(ctx)
		return handle(ctx, request)
	}))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.Serve(listener)

	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	gateway := httptest.NewServer(runtime.NewServeMux(runtime.WithHealthzEndpoint(grpc_health_v1.NewHealthClient(connection))))
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Dpop"} {
		names := call(gateway.URL, name, &got)
		if len(names) == 0 {
			names = []string{"dropped"}
		}
		fmt.Printf("%-14s %s\n", name+":", strings.Join(names, ", "))
	}
}

// call sends a request with one header, and returns which metadata has its value.
func call(url, header string, got *metadata.MD) (names []string) {
	request, err := http.NewRequest(http.MethodGet, url+"/healthz", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set(header, "example=1")
	*got = nil
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || *got == nil {
		panic(response.Status)
	}
	for name, values := range *got {
		if slices.Contains(values, "example=1") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
GO
go mod init example >/dev/null 2>&1
go get github.com/grpc-ecosystem/grpc-gateway/v2@v2.33.0 google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
