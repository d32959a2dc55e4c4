#!/usr/bin/env bash
# gRPC in Go, Python and JavaScript asks a token source for different audiences of one service.
#
# Versions:  google.golang.org/grpc v1.85.0, Go 1.26; Debian's python3-grpcio 1.51.1-3+b1 (C-core);
#            npm @grpc/grpc-js 1.14.7, Node 20.
# Guess:     a token source gets the service's address from its library, to ask for a token for
#            just this service. It's the same in each: https, host and port, the service's name.
# Behaviour: grpc-js leaves out the port, so a server that takes one spelling for its "aud"
#            refuses the callers of the other. Two servers on one host have the same audience
#            there. The method's name comes with the service or without it.
# Output, 2026-11-28, for the method Check of a server on 127.0.0.1:
#> grpc-go: https://127.0.0.1:PORT/grpc.health.v1.Health, method /grpc.health.v1.Health/Check
#> Python:  https://127.0.0.1:PORT/grpc.health.v1.Health, method Check
#> grpc-js: https://127.0.0.1/grpc.health.v1.Health, method /grpc.health.v1.Health/Check
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" python3-grpcio=1.51.1-3+b1 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(printf "%s:" "$dir"/root/lib/*-linux-gnu "$dir"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	if len(os.Args) == 1 {
		serve()
	}
	address := os.Args[1]
	tls, err := credentials.NewClientTLSFromFile("certificate", "")
	if err != nil {
		panic(err)
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(source{address}))
	if err != nil {
		panic(err)
	}
	if _, err := grpc_health_v1.NewHealthClient(connection).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		panic(err)
	}
}

type source struct{ address string }

func (s source) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	info, _ := credentials.RequestInfoFromContext(ctx)
	_, port, _ := net.SplitHostPort(s.address)
	fmt.Printf("grpc-go: %s, method %s\n", strings.ReplaceAll(uri[0], port, "PORT"), info.Method)
	return map[string]string{"authorization": "Bearer example"}, nil
}

func (source) RequireTransportSecurity() bool { return true }

func serve() {
	https := httptest.NewTLSServer(nil) // lends its certificate
	certificate := https.TLS.Certificates[0]
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile("certificate", b, 0o600); err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(server.Serve(listener))
}
GO
cat >main.py <<'PY'
import sys

import grpc

address = sys.argv[1]
port = address.split(":")[1]


class Source(grpc.AuthMetadataPlugin):
    def __call__(self, context, callback):
        print(f"Python:  {context.service_url.replace(port, 'PORT')}, method {context.method_name}")
        callback((("authorization", "Bearer example"),), None)


tls = grpc.ssl_channel_credentials(open("certificate", "rb").read())
channel = grpc.secure_channel(address, grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(Source())))
channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
PY
cat >main.mjs <<'JS'
import { readFileSync } from 'node:fs'
import grpc from '@grpc/grpc-js'

const address = process.argv[2]
const port = address.split(':')[1]
const source = grpc.credentials.createFromMetadataGenerator(({ service_url, method_name }, callback) => {
  console.log(`grpc-js: ${service_url.replace(port, 'PORT')}, method ${method_name}`)
  const metadata = new grpc.Metadata()
  metadata.set('authorization', 'Bearer example')
  callback(null, metadata)
})
const tls = grpc.credentials.createSsl(readFileSync('certificate'))
const client = new grpc.Client(address, grpc.credentials.combineChannelCredentials(tls, source))
const bytes = (b) => b
client.makeUnaryRequest('/grpc.health.v1.Health/Check', bytes, bytes, Buffer.alloc(0), (error) => {
  if (error) throw error
  client.close()
})
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 >/dev/null
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 2>/dev/null
go build -mod=mod -o example .
./example >address &
server=$!
for _ in $(seq 100); do [ -s address ] && break || sleep 0.1; done
{
	./example "$(cat address)"
	/usr/bin/python3 main.py "$(cat address)"
	node --no-deprecation main.mjs "$(cat address)"
} | tee out
diff <(sed -n 's/^#> //p' "$self") out
