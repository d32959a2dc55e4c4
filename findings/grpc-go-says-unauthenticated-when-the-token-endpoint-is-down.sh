#!/usr/bin/env bash
# grpc-go says Unauthenticated when the token endpoint is down.
#
# Versions:  google.golang.org/grpc v1.85.0 with its credentials/oauth,
#            golang.org/x/oauth2 v0.38.0, Go 1.26.
# Guess:     Unavailable, which callers retry. No server has refused anything.
# Behaviour: Unauthenticated. The code blames a token, though there is none and the server never
#            saw the call. A retry policy for UNAVAILABLE doesn't apply.
# Output, 2026-11-28:
#> code: Unauthenticated
#> message: transport: per-RPC creds failed due to error: oauth2: "temporarily_unavailable"
#> calls that reached the server: 0
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
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"error":"temporarily_unavailable"}`)
	}))
	var calls atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	server.EnableHTTP2 = true
	server.StartTLS()

	config := clientcredentials.Config{ClientID: "client", ClientSecret: "secret", TokenURL: endpoint.URL}
	conn, err := grpc.NewClient(server.Listener.Addr().String(),
		grpc.WithTransportCredentials(credentials.NewTLS(server.Client().Transport.(*http.Transport).TLSClientConfig)),
		grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: config.TokenSource(context.Background())}))
	if err != nil {
		panic(err)
	}
	err = conn.Invoke(context.Background(), "/example.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
	fmt.Println("code:", status.Code(err))
	fmt.Println("message:", status.Convert(err).Message())
	fmt.Println("calls that reached the server:", calls.Load())
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 golang.org/x/oauth2@v0.38.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
