#!/usr/bin/env bash
# A connect v2 client finds the metadata of a gRPC refusal twice, as headers and as trailers.
#
# Versions:  connectrpc.com/connect/v2 v2.0.2, connectrpc.com/connect v1.21.1,
#            google.golang.org/grpc v1.85.0, Go 1.26.
# Guess:     a server that refuses sends one block (a Trailers-Only response), with one challenge.
#            A client finds it once, among the trailers.
# Behaviour: v2 puts the block into both sets of the call's info. Code that joins the two,
#            as one must, since servers differ in where they send it, sees two challenges.
#            If the server answers with a message first, each field is in one set.
# Output, 2026-11-28, values of www-authenticate:
#> connect v2, refusal: header ["Bearer"], trailer ["Bearer"]
#> connect v2, answer:  header [], trailer ["Bearer"]
#> connect v1, refusal: ["Bearer"] in the error
#> grpc-go, refusal:    header [], trailer ["Bearer"]
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
	"net"
	"net/http"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const name = "www-authenticate"

func main() {
	// The server sends a challenge as a trailer, with a refusal or with an answer.
	handle := func(refuse bool) grpc.MethodHandler {
		return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			if err := decode(&emptypb.Empty{}); err != nil {
				return nil, err
			}
			if err := grpc.SetTrailer(ctx, metadata.Pairs(name, "Bearer")); err != nil {
				return nil, err
			}
			if refuse {
				return nil, status.Error(codes.Unauthenticated, "no token")
			}
			return &emptypb.Empty{}, nil
		}
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "example.Service",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Refuse", Handler: handle(true)}, {MethodName: "Answer", Handler: handle(false)}},
	}, struct{}{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.Serve(listener)
	url := "http://" + listener.Addr().String()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}

	v2 := func(method string) (header, trailer []string) {
		ctx, info := connectv2.NewClientContext(context.Background())
		spec := connectv2.Spec{StreamType: connectv2.StreamTypeUnary, Procedure: "/example.Service/" + method}
		transport := connecthttp.NewTransport(client, url, connecthttp.WithGRPC())
		connectv2.NewClient(transport).CallUnary(ctx, spec, &emptypb.Empty{}, &emptypb.Empty{})
		return info.ResponseHeader().Values(name), info.ResponseTrailer().Values(name)
	}
	header, trailer := v2("Refuse")
	fmt.Printf("connect v2, refusal: header %q, trailer %q\n", header, trailer)
	header, trailer = v2("Answer")
	fmt.Printf("connect v2, answer:  header %q, trailer %q\n", header, trailer)

	_, err = connect.NewClient[emptypb.Empty, emptypb.Empty](client, url+"/example.Service/Refuse", connect.WithGRPC()).
		CallUnary(context.Background(), connect.NewRequest(&emptypb.Empty{}))
	refusal, ok := errors.AsType[*connect.Error](err)
	if !ok {
		panic("no connect error")
	}
	fmt.Printf("connect v1, refusal: %q in the error\n", refusal.Meta().Values(name))

	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	var head, tail metadata.MD
	connection.Invoke(context.Background(), "/example.Service/Refuse", &emptypb.Empty{}, &emptypb.Empty{}, grpc.Header(&head), grpc.Trailer(&tail))
	fmt.Printf("grpc-go, refusal:    header %q, trailer %q\n", head.Get(name), tail.Get(name))
}
GO
go mod init example >/dev/null 2>&1
go get connectrpc.com/connect/v2@v2.0.2 connectrpc.com/connect@v1.21.1 google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
