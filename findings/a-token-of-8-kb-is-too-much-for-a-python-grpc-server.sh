#!/usr/bin/env bash
# A token of 8 kB is RESOURCE_EXHAUSTED or INTERNAL at a Python gRPC server, by the caller's library.
#
# Versions:  Debian's python3-grpcio 1.51.1-3+b1 (C-core); npm @grpc/grpc-js 1.14.7, Node 20;
#            google.golang.org/grpc v1.85.0, Go 1.26.
# Guess:     tokens with a long list of groups are that large. The handler gets it, as in a
#            server with grpc-js, or refuses it as unauthenticated.
# Behaviour: C-core allows 8192 bytes for all metadata of a call, with 32 more for each entry, and
#            tells its peers. grpc-go heeds that and doesn't send the call. grpc-js sends it, and
#            gets the code for a used-up quota. Neither code speaks of the token, and no handler
#            and no log of the server hears of it. grpc.max_metadata_size raises the limit.
# Output, 2026-11-28, by the length of the token:
#> grpc-js to a grpc-js server: 7000 OK, 8000 OK, 12000 OK, 60000 OK
#> grpc-js to a Python server: 7000 OK, 8000 RESOURCE_EXHAUSTED, 12000 RESOURCE_EXHAUSTED, 60000 RESOURCE_EXHAUSTED
#> grpc-js to a Python server with grpc.max_metadata_size 65536: 7000 OK, 8000 OK, 12000 OK, 60000 OK
#> grpc-go to a Python server: 7000 OK, 8000 Internal, 12000 Internal, 60000 Internal
#> grpc-go to a Python server with grpc.max_metadata_size 65536: 7000 OK, 8000 OK, 12000 OK, 60000 OK
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

cat >server.py <<'PY'
import os
from concurrent import futures

import grpc


class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


servers = []
with open("new", "w") as file:
    for options in [[], [("grpc.max_metadata_size", 65536)]]:
        server = grpc.server(futures.ThreadPoolExecutor(1), options=options)
        server.add_generic_rpc_handlers([Handler()])
        file.write(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}\n")
        server.start()
        servers.append(server)
os.rename("new", "addresses")
servers[0].wait_for_termination()
PY
cat >main.mjs <<'JS'
import { readFileSync } from 'node:fs'
import grpc from '@grpc/grpc-js'

const bytes = (b) => b
const path = '/example.Service/Method'
const method = {
  path, requestStream: false, responseStream: false,
  requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
}
const server = new grpc.Server()
server.addService({ method }, { method: (_, callback) => callback(null, Buffer.alloc(0)) })
const port = await new Promise((bound, failed) => {
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? failed(error) : bound(port)))
})
const call = (client, length) => new Promise((called) => {
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${'x'.repeat(length)}`)
  client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, (error) => called(grpc.status[error?.code ?? 0]))
})
const [plain, raised] = readFileSync('addresses', 'utf8').split('\n')
for (const [name, address] of [
  ['grpc-js to a grpc-js server: ', `127.0.0.1:${port}`],
  ['grpc-js to a Python server: ', plain],
  ['grpc-js to a Python server with grpc.max_metadata_size 65536: ', raised],
]) {
  const outcomes = []
  for (const length of [7000, 8000, 12000, 60000]) {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
    outcomes.push(`${length} ${await call(client, length)}`)
    client.close()
  }
  console.log(name + outcomes.join(', '))
}
process.exit()
JS
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	addresses, err := os.ReadFile("addresses")
	if err != nil {
		panic(err)
	}
	for i, name := range []string{"a Python server", "a Python server with grpc.max_metadata_size 65536"} {
		var outcomes []string
		for _, length := range []int{7000, 8000, 12000, 60000} {
			connection, err := grpc.NewClient(strings.Fields(string(addresses))[i], grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				panic(err)
			}
			ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+strings.Repeat("x", length))
			err = connection.Invoke(ctx, "/example.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
			outcomes = append(outcomes, fmt.Sprint(length, " ", status.Code(err)))
			connection.Close()
		}
		fmt.Printf("grpc-go to %s: %s\n", name, strings.Join(outcomes, ", "))
	}
}
GO
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 >/dev/null
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 2>/dev/null
go build -mod=mod -o example .
/usr/bin/python3 server.py &
server=$!
for _ in $(seq 100); do [ -e addresses ] && break || sleep 0.1; done
{
	node main.mjs
	./example
} | tee out
diff <(sed -n 's/^#> //p' "$self") out
