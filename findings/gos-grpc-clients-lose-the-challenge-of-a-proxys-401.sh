#!/usr/bin/env bash
# If a proxy refuses a gRPC call with a plain 401, Go's clients lose its challenge.
#
# Versions:  google.golang.org/grpc v1.85.0, connectrpc.com/connect v1.21.1,
#            connectrpc.com/connect/v2 v2.0.2, Go 1.26; npm @grpc/grpc-js 1.14.7,
#            @connectrpc/connect and connect-node 2.2.0, Node 20.
# Guess:     a client turns 401 into unauthenticated, and the caller finds WWW-Authenticate
#            where it finds it if the server itself refuses: in the error, or in the header.
#            It names the scope, or where to get a token (RFC 9728).
# Behaviour: the code is right in each, and in JavaScript the challenge is there. In Go it's gone
#            with gRPC, and so are Retry-After and the other headers. With Connect's protocol,
#            connect-go has it, but v1 not in the error, where it is if a handler refuses.
# Output, 2026-11-28:
#> connect-go, Connect:    unauthenticated, challenge in the header alone
#> connect-go, gRPC:       unauthenticated, challenge lost
#> connect-go v2, Connect: unauthenticated, challenge in the header
#> connect-go v2, gRPC:    unauthenticated, challenge lost
#> grpc-go:                Unauthenticated, challenge lost
#> connect-node, Connect:  Unauthenticated, challenge in the error
#> connect-node, gRPC:     Unauthenticated, challenge in the error
#> grpc-js:                UNAUTHENTICATED, challenge in the header
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const procedure = "/example.Service/Method"

func main() {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	if len(os.Args) == 1 {
		// The proxy refuses every call.
		proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer scope="read"`)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "<h1>Unauthorized</h1>")
		}))
		proxy.Config.Protocols = &protocols
		proxy.Start()
		fmt.Println(proxy.URL)
		select {}
	}
	url := os.Args[1]
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}

	v1 := func(name string, options ...connect.ClientOption) {
		ctx, info := connect.NewClientContext(context.Background())
		_, err := connect.NewClient[emptypb.Empty, emptypb.Empty](client, url+procedure, options...).
			CallUnary(ctx, connect.NewRequest(&emptypb.Empty{}))
		refusal, ok := errors.AsType[*connect.Error](err)
		if !ok {
			panic("no connect error")
		}
		where := "in the error"
		if refusal.Meta().Get("WWW-Authenticate") == "" {
			where = place(info.ResponseHeader().Get("WWW-Authenticate")+info.ResponseTrailer().Get("WWW-Authenticate"), "in the header alone")
		}
		show(name, refusal.Code(), where)
	}
	v1("connect-go, Connect:")
	v1("connect-go, gRPC:", connect.WithGRPC())

	v2 := func(name string, options ...connecthttp.Option) {
		ctx, info := connectv2.NewClientContext(context.Background())
		spec := connectv2.Spec{StreamType: connectv2.StreamTypeUnary, Procedure: procedure}
		err := connectv2.NewClient(connecthttp.NewTransport(client, url, options...)).CallUnary(ctx, spec, &emptypb.Empty{}, &emptypb.Empty{})
		show(name, connectv2.CodeOf(err), place(info.ResponseHeader().Get("WWW-Authenticate")+info.ResponseTrailer().Get("WWW-Authenticate"), "in the header"))
	}
	v2("connect-go v2, Connect:")
	v2("connect-go v2, gRPC:", connecthttp.WithGRPC())

	connection, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	var header, trailer metadata.MD
	err = connection.Invoke(context.Background(), procedure, &emptypb.Empty{}, &emptypb.Empty{}, grpc.Header(&header), grpc.Trailer(&trailer))
	show("grpc-go:", status.Code(err), place(strings.Join(append(header["www-authenticate"], trailer["www-authenticate"]...), ""), "in the header"))
}

func place(challenge, where string) string {
	if challenge == "" {
		return "lost"
	}
	return where
}

func show(name string, code fmt.Stringer, where string) {
	fmt.Printf("%-23s %v, challenge %s\n", name, code, where)
}
GO
cat >main.mjs <<'JS'
import { Code } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { EmptySchema, file_google_protobuf_empty } from '@bufbuild/protobuf/wkt'
import grpc from '@grpc/grpc-js'

const baseUrl = process.argv[2]
const show = (name, code, challenge, where) => console.log(`${name.padEnd(23)} ${code}, challenge ${challenge ? where : 'lost'}`)
const method = {
  kind: 'rpc', methodKind: 'unary', name: 'Method', localName: 'method', idempotency: 0,
  parent: { typeName: 'example.Service' }, input: EmptySchema, output: EmptySchema,
}
for (const [name, create] of [['connect-node, Connect:', createConnectTransport], ['connect-node, gRPC:', createGrpcTransport]]) {
  const transport = create({ baseUrl, httpVersion: '2' })
  await transport.unary(method, undefined, undefined, undefined, {}).then(
    () => { throw new Error('not refused') },
    (error) => show(name, Code[error.code], error.metadata.get('WWW-Authenticate'), 'in the error'),
  )
}
const client = new grpc.Client(new URL(baseUrl).host, grpc.credentials.createInsecure())
const bytes = (b) => b
let header
client.makeUnaryRequest('/example.Service/Method', bytes, bytes, Buffer.alloc(0), (error) => {
  show('grpc-js:', grpc.status[error.code], header.get('www-authenticate')[0], 'in the header')
  process.exit()
}).on('metadata', (metadata) => { header = metadata })
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
	@grpc/grpc-js@1.14.7 @connectrpc/connect@2.2.0 @connectrpc/connect-node@2.2.0 @bufbuild/protobuf@2.17.0 >/dev/null
go mod init example >/dev/null 2>&1
go get connectrpc.com/connect@v1.21.1 connectrpc.com/connect/v2@v2.0.2 google.golang.org/grpc@v1.85.0 2>/dev/null
go build -mod=mod -o example .
./example >address &
server=$!
for _ in $(seq 100); do [ -s address ] && break || sleep 0.1; done
{
	./example "$(cat address)"
	node main.mjs "$(cat address)"
} | tee out
diff <(sed -n 's/^#> //p' "$self") out
