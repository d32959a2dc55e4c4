#!/usr/bin/env bash
# A token source that fails gives three different codes in gRPC for Go, Python and JavaScript.
#
# Versions:  google.golang.org/grpc v1.85.0, Go 1.26; Debian's python3-grpcio 1.51.1-3+b1 (C-core);
#            npm @grpc/grpc-js 1.14.7, Node 20.
# Guess:     the code for it is the same in each, as for other errors of the library, and is
#            UNAVAILABLE: the token endpoint doesn't answer, and the server wasn't asked.
# Behaviour: three codes. A rule that retries UNAVAILABLE waits out the outage in Python alone,
#            where it also repeats what can't succeed, such as a wrong secret.
# Output, 2026-11-28:
#> grpc-go: UNAUTHENTICATED
#> Python:  UNAVAILABLE
#> grpc-js: UNKNOWN
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
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func main() {
	if len(os.Args) == 1 {
		serve()
	}
	tls, err := credentials.NewClientTLSFromFile("certificate", "")
	if err != nil {
		panic(err)
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(source{}))
	if err != nil {
		panic(err)
	}
	_, err = grpc_health_v1.NewHealthClient(connection).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	names := map[codes.Code]string{codes.Unknown: "UNKNOWN", codes.Unavailable: "UNAVAILABLE", codes.Unauthenticated: "UNAUTHENTICATED"}
	fmt.Println("grpc-go:", names[status.Code(err)])
}

type source struct{}

func (source) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return nil, errors.New("the token endpoint is down")
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


class Source(grpc.AuthMetadataPlugin):
    def __call__(self, context, callback):
        callback((), ConnectionError("the token endpoint is down"))


tls = grpc.ssl_channel_credentials(open("certificate", "rb").read())
channel = grpc.secure_channel(sys.argv[1], grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(Source())))
try:
    channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
except grpc.RpcError as error:
    print(f"Python:  {error.code().name}")
PY
cat >main.mjs <<'JS'
import { readFileSync } from 'node:fs'
import grpc from '@grpc/grpc-js'

const source = grpc.credentials.createFromMetadataGenerator((_, callback) => callback(new Error('the token endpoint is down')))
const tls = grpc.credentials.createSsl(readFileSync('certificate'))
const client = new grpc.Client(process.argv[2], grpc.credentials.combineChannelCredentials(tls, source))
const bytes = (b) => b
client.makeUnaryRequest('/grpc.health.v1.Health/Check', bytes, bytes, Buffer.alloc(0), (error) => {
  console.log('grpc-js:', grpc.status[error.code])
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
