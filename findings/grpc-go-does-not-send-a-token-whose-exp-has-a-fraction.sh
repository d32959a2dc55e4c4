#!/usr/bin/env bash
# grpc-go's own JWT credentials don't send a token whose "exp" has a fraction.
#
# Versions:  google.golang.org/grpc v1.85.0 (package credentials/jwt), Go 1.26.
# Guess:     the client reads "exp" to know when to read the file again, and sends the token
#            as it is. RFC 7519 lets a NumericDate have a fraction.
# Behaviour: every call fails with Unauthenticated and none reaches the server, which would
#            have taken the token.
# Output, 2026-11-28:
#> "exp":4100000000: calls that reached the server 1, code OK
#> "exp":4100000000.5: calls that reached the server 0, code Unauthenticated
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/jwt"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	var calls atomic.Int32
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		calls.Add(1)
		return stream.SendMsg(&emptypb.Empty{})
	}))
	web := httptest.NewUnstartedServer(server)
	web.EnableHTTP2 = true
	web.StartTLS()

	base64url := base64.RawURLEncoding.EncodeToString
	for _, exp := range []string{"4100000000", "4100000000.5"} {
		token := base64url([]byte(`{"alg":"ES256"}`)) + "." + base64url([]byte(`{"exp":`+exp+`}`)) + "." + base64url(make([]byte, 64))
		if err := os.WriteFile("token-"+exp, []byte(token), 0o600); err != nil {
			panic(err)
		}
		file, err := jwt.NewTokenFileCallCredentials("token-" + exp)
		if err != nil {
			panic(err)
		}
		conn, err := grpc.NewClient(web.Listener.Addr().String(),
			grpc.WithTransportCredentials(credentials.NewTLS(web.Client().Transport.(*http.Transport).TLSClientConfig)),
			grpc.WithPerRPCCredentials(file))
		if err != nil {
			panic(err)
		}
		calls.Store(0)
		err = conn.Invoke(context.Background(), "/example.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
		fmt.Printf("%q:%s: calls that reached the server %d, code %s\n", "exp", exp, calls.Load(), status.Code(err))
	}
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
