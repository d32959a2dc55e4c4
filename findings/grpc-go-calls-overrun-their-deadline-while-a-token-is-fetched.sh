#!/usr/bin/env bash
# A grpc-go call with OAuth credentials outlives its deadline while a token is fetched.
#
# Versions:  google.golang.org/grpc v1.85.0 with its credentials/oauth,
#            golang.org/x/oauth2 v0.38.0, Go 1.26.
# Guess:     a call with a deadline of 200 ms fails after 200 ms, whatever it waits for.
# Behaviour: it fails with DeadlineExceeded, but only once the token endpoint has
#            answered: here after 2 seconds. The token source never sees the call's
#            context, and the call waits for it. An endpoint that hangs holds up
#            every call, deadline or not.
# Output, 2026-11-28:
#> code: DeadlineExceeded
#> deadline of 200 ms, back within a second: false
#> back as soon as the endpoint had answered, after 2 seconds: true
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
	"time"

	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * time.Second)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"example","token_type":"Bearer","expires_in":300}`)
	}))
	server := httptest.NewUnstartedServer(grpc.NewServer())
	server.EnableHTTP2 = true
	server.StartTLS()

	config := clientcredentials.Config{ClientID: "client", ClientSecret: "secret", TokenURL: endpoint.URL}
	conn, err := grpc.NewClient(server.Listener.Addr().String(),
		grpc.WithTransportCredentials(credentials.NewTLS(server.Client().Transport.(*http.Transport).TLSClientConfig)),
		grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: config.TokenSource(context.Background())}))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	err = conn.Invoke(ctx, "/example.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
	took := time.Since(start)
	fmt.Println("code:", status.Code(err))
	fmt.Println("deadline of 200 ms, back within a second:", took < time.Second)
	fmt.Println("back as soon as the endpoint had answered, after 2 seconds:", took > 1900*time.Millisecond)
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 golang.org/x/oauth2@v0.38.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
