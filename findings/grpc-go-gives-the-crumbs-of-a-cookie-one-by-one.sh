#!/usr/bin/env bash
# One cookie header reaches a grpc-go handler as one value or as several, by the HTTP server.
#
# Versions:  google.golang.org/grpc v1.85.0, golang.org/x/net v0.62.0 (its HTTP/2 client), Go 1.26.
# Guess:     metadata "cookie" holds what the client sent: one value with all cookies. HTTP/2
#            lets a client split the field, and asks the receiver to join it again
#            (RFC 9113, section 8.2.3).
# Behaviour: net/http joins it, grpc-go's own transport doesn't, and Go's client splits.
#            A handler that reads the first value alone misses the session if another
#            cookie comes first.
# Output, 2026-11-28:
#> own transport:     ["theme=dark" "session=example"]
#> through ServeHTTP: ["theme=dark; session=example"]
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func call(transport http.RoundTripper, url string) {
	emptyMessage := strings.NewReader("\x00\x00\x00\x00\x00")
	request, err := http.NewRequest(http.MethodPost, url+"/example.Service/Method", emptyMessage)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("Cookie", "theme=dark; session=example")
	response, err := transport.RoundTrip(request)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, response.Body)
}

func main() {
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		fmt.Printf("%q\n", md["cookie"])
		return status.Error(codes.Unauthenticated, "no token")
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.Serve(listener)
	fmt.Print("own transport:     ")
	call(&http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}, "http://"+listener.Addr().String())

	web := httptest.NewUnstartedServer(server)
	web.EnableHTTP2 = true
	web.StartTLS()
	fmt.Print("through ServeHTTP: ")
	call(web.Client().Transport, web.URL)
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 golang.org/x/net@v0.62.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
