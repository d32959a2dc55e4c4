#!/usr/bin/env bash
# The same grpc-go server sends its challenge, or loses it, by the HTTP server it runs on.
#
# Versions:  google.golang.org/grpc v1.85.0, Go 1.26.
# Guess:     trailing metadata is the application's own, whatever carries it.
# Behaviour: grpc-go's own transport delivers a www-authenticate trailer. Behind
#            ServeHTTP, net/http takes it out: it has a list of fields not
#            allowed there. retry-after isn't, and arrives. The client gets the
#            refusal without its challenge; the server gets a line in its log.
# Output, 2026-11-28:
#> own transport:      Unauthenticated, www-authenticate ["Bearer"], retry-after ["1"]
#> through ServeHTTP:  Unauthenticated, www-authenticate [], retry-after ["1"]
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func refuse(_ any, stream grpc.ServerStream) error {
	stream.SetTrailer(metadata.Pairs("www-authenticate", "Bearer", "retry-after", "1"))
	return status.Error(codes.Unauthenticated, "no token")
}

func report(name, address string, creds credentials.TransportCredentials) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		panic(err)
	}
	var trailer, header metadata.MD
	err = conn.Invoke(context.Background(), "/example.Service/Method", &emptypb.Empty{}, &emptypb.Empty{},
		grpc.Trailer(&trailer), grpc.Header(&header))
	fmt.Printf("%s %s, www-authenticate %q, retry-after %q\n", name, status.Code(err),
		append(header["www-authenticate"], trailer["www-authenticate"]...), append(header["retry-after"], trailer["retry-after"]...))
}

func main() {
	server := grpc.NewServer(grpc.UnknownServiceHandler(refuse))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.Serve(listener)
	report("own transport:     ", listener.Addr().String(), insecure.NewCredentials())

	web := httptest.NewUnstartedServer(server)
	web.EnableHTTP2 = true
	web.StartTLS()
	report("through ServeHTTP: ", web.Listener.Addr().String(),
		credentials.NewTLS(web.Client().Transport.(*http.Transport).TLSClientConfig))
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
