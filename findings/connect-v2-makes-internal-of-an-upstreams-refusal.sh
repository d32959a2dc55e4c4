#!/usr/bin/env bash
# A connect v2 handler answers "internal" if it returns its upstream's refusal unchanged.
#
# Versions:  connectrpc.com/connect/v2 v2.0.2, connectrpc.com/connect v1.21.1, Go 1.26.
# Guess:     the caller gets the upstream's unauthenticated, as with connect v1.
# Behaviour: v2 marks an error from the wire as remote, and keeps its code and message from the
#            handler's own caller. To the caller a refused token looks like a broken server.
# Output, 2026-11-28:
#> upstream, v2:        unauthenticated: token has expired
#> forwarded by v1:     unauthenticated: token has expired
#> forwarded by v2:     internal
#> rebuilt by hand, v2: unauthenticated: token has expired
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/emptypb"
)

const procedure = "/example.Service/Method"

var spec = connect.Spec{StreamType: connect.StreamTypeUnary, Procedure: procedure}

func call(ctx context.Context, url string) error {
	client := connect.NewClient(connecthttp.NewTransport(http.DefaultClient, url))
	return client.CallUnary(ctx, spec, &emptypb.Empty{}, &emptypb.Empty{})
}

// serve runs a v2 server whose only method fails with what fail returns.
func serve(fail func(context.Context) error) string {
	server := connect.NewServer()
	server.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
		if err := stream.Receive(&emptypb.Empty{}); err != nil {
			return err
		}
		return fail(ctx)
	}})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return httptest.NewServer(mux).URL
}

func main() {
	ctx := context.Background()
	upstream := serve(func(context.Context) error {
		return connect.NewError(connect.CodeUnauthenticated, "token has expired")
	})
	v1 := httptest.NewServer(connectv1.NewUnaryHandler(procedure,
		func(ctx context.Context, request *connectv1.Request[emptypb.Empty]) (*connectv1.Response[emptypb.Empty], error) {
			client := connectv1.NewClient[emptypb.Empty, emptypb.Empty](http.DefaultClient, upstream+procedure)
			return client.CallUnary(ctx, connectv1.NewRequest(request.Msg))
		})).URL
	v2 := serve(func(ctx context.Context) error { return call(ctx, upstream) })
	rebuilt := serve(func(ctx context.Context) error {
		refusal, ok := errors.AsType[*connect.Error](call(ctx, upstream))
		if !ok {
			panic("no connect error")
		}
		return connect.NewError(refusal.Code(), refusal.Message())
	})
	fmt.Println("upstream, v2:       ", call(ctx, upstream))
	fmt.Println("forwarded by v1:    ", call(ctx, v1))
	fmt.Println("forwarded by v2:    ", call(ctx, v2))
	fmt.Println("rebuilt by hand, v2:", call(ctx, rebuilt))
}
GO
go mod init example >/dev/null 2>&1
go get connectrpc.com/connect@v1.21.1 connectrpc.com/connect/v2@v2.0.2 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
