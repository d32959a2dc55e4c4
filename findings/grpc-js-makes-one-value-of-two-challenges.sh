#!/usr/bin/env bash
# grpc-js makes one metadata value of a server's two challenges.
#
# Versions:  npm @grpc/grpc-js 1.14.7, Node 20.
# Guess:     metadata.get() returns an array, so two values come back as two. grpc-go
#            returns two.
# Behaviour: Node joins repeated fields with ", " before grpc-js sees them, and only binary
#            (-bin) values are taken apart again. Challenges have commas of their own, so
#            a client that parses each value as one challenge reads nonsense.
# Output, 2026-11-28:
#> server sent:  2 values
#> client gets:  1 value: Bearer realm="api", scope="read", DPoP algs="ES256"
#> binary:       2 values
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import grpc from '@grpc/grpc-js'

const bytes = (b) => b
const service = {
  method: {
    path: '/example.Service/Method',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
}
const server = new grpc.Server()
server.addService(service, {
  method(_, callback) {
    const metadata = new grpc.Metadata()
    metadata.add('www-authenticate', 'Bearer realm="api", scope="read"')
    metadata.add('www-authenticate', 'DPoP algs="ES256"')
    metadata.add('example-bin', Buffer.from('one'))
    metadata.add('example-bin', Buffer.from('two'))
    console.log(`server sent:  ${metadata.get('www-authenticate').length} values`)
    callback({ code: grpc.status.UNAUTHENTICATED, details: 'no token', metadata })
  },
})
const port = await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
)
const Client = grpc.makeGenericClientConstructor(service, 'example.Service')
const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
const error = await new Promise((resolve) => client.method(Buffer.alloc(0), resolve))
const challenges = error.metadata.get('www-authenticate')
console.log(`client gets:  ${challenges.length} value: ${challenges}`)
console.log(`binary:       ${error.metadata.get('example-bin').length} values`)
client.close()
server.forceShutdown()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
