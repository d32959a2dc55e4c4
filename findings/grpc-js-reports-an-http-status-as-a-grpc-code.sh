#!/usr/bin/env bash
# grpc-js fails a call with a code unknown to gRPC: the token endpoint's HTTP status.
#
# Versions:  npm @grpc/grpc-js 1.14.7, google-auth-library 10.9.1, Node 20.
# Guess:     UNAVAILABLE for a token endpoint in trouble, UNAUTHENTICATED for one that refuses.
#            gRPC has the codes 0 to 16.
# Behaviour: createFromGoogleCredential hands on the error's "code", whatever it counts.
#            No case of a switch over grpc.status fits, and no retry policy can name it.
# Output, 2026-11-28:
#> token endpoint answers 400: code 400, named undefined
#> token endpoint answers 401: code 401, named undefined
#> token endpoint answers 503: code 503, named undefined
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import grpc from '@grpc/grpc-js'
import { OAuth2Client } from 'google-auth-library'

const bytes = (b) => b
const Client = grpc.makeGenericClientConstructor(
  {
    method: {
      path: '/example.Service/Method',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  'example.Service',
)
const server = new grpc.Server()
const port = await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
)
const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())

for (const status of [400, 401, 503]) {
  const endpoint = createServer((_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end('{"error":"invalid_grant"}')
  })
  await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const google = new OAuth2Client({
    clientId: 'client',
    clientSecret: 'secret',
    endpoints: { oauth2TokenUrl: `http://127.0.0.1:${endpoint.address().port}/token` },
  })
  google.setCredentials({ refresh_token: 'example' })
  const error = await new Promise((resolve) =>
    client.method(Buffer.alloc(0), { credentials: grpc.credentials.createFromGoogleCredential(google) }, resolve),
  )
  console.log(`token endpoint answers ${status}: code ${error.code}, named ${grpc.status[error.code]}`)
  endpoint.close()
  endpoint.closeAllConnections()
}
client.close()
server.forceShutdown()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 google-auth-library@10.9.1 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
