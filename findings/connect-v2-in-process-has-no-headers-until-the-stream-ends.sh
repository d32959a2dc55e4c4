#!/usr/bin/env bash
# A connect v2 client in process sees a stream's headers only after the handler has returned.
#
# Versions:  connectrpc.com/connect/v2 v2.0.2, google.golang.org/protobuf v1.36.12, Go 1.26.
# Guess:     headers travel with the first message, over a socket or in process, so a client
#            with one message can read them.
# Behaviour: over HTTP that's so. In process they're copied when the handler ends. Whatever a server
#            says in the headers of a long stream, such as a new DPoP nonce or a trace, comes last.
# Output, 2026-11-28, what the client reads after the first message and at the end:
#> HTTP:       first "set", end "set"
#> in process: first "", end "set"
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

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	proceed := make(chan struct{})
	spec := connect.Spec{StreamType: connect.StreamTypeServer, Procedure: "/example.Service/Watch"}
	server := connect.NewServer()
	server.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
		if err := stream.Receive(&emptypb.Empty{}); err != nil {
			return err
		}
		info, _ := connect.CallInfoForServerContext(ctx)
		info.ResponseHeader().Set("Example", "set")
		if err := stream.Send(&emptypb.Empty{}); err != nil {
			return err
		}
		<-proceed // the client has the message, and reads the headers
		return nil
	}})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	host := httptest.NewServer(mux)

	watch := func(name string, transport connect.Transport) {
		ctx, info := connect.NewClientContext(context.Background())
		stream, err := connect.NewClient(transport).CallServerStream(ctx, spec, &emptypb.Empty{})
		if err != nil {
			panic(err)
		}
		if err := stream.Receive(&emptypb.Empty{}); err != nil {
			panic(err)
		}
		first := info.ResponseHeader().Get("Example")
		proceed <- struct{}{}
		for err == nil {
			err = stream.Receive(&emptypb.Empty{})
		}
		fmt.Printf("%-11s first %q, end %q\n", name, first, info.ResponseHeader().Get("Example"))
	}
	watch("HTTP:", connecthttp.NewTransport(host.Client(), host.URL))
	watch("in process:", connectinprocess.New(server))
}
GO
go mod init example >/dev/null 2>&1
go get connectrpc.com/connect/v2@v2.0.2 google.golang.org/protobuf@v1.36.12 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
