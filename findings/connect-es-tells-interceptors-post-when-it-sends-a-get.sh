#!/usr/bin/env bash
# A client's interceptor in Connect for JavaScript reads "POST" when its call goes out as a GET.
#
# Versions:  npm @connectrpc/connect 2.3.0, @connectrpc/connect-node 2.3.0,
#            @bufbuild/protobuf 2.17.0, Node 20.
# Guess:     by its name, requestMethod is the method on the wire, and url is where to. But a GET
#            might be made behind the interceptors.
# Behaviour: it's made behind them. With useHttpGet a method without side effects is sent as a GET, and
#            neither property tells an interceptor. What signs a request's method, such as a DPoP
#            proof, belongs behind them, such as in connect-web's fetch.
# Output, 2026-11-28:
#> without side effects: the interceptor reads POST, the server gets GET with a query
#> with side effects:    the interceptor reads POST, the server gets POST
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import { create, createFileRegistry } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, MethodOptions_IdempotencyLevel as Level, file_google_protobuf_empty } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'

const method = (name, idempotencyLevel) => {
  return { name, inputType: '.google.protobuf.Empty', outputType: '.google.protobuf.Empty', options: { idempotencyLevel } }
}
const file = create(FileDescriptorProtoSchema, {
  name: 'example.proto', package: 'example', syntax: 'proto3', dependency: ['google/protobuf/empty.proto'],
  service: [{ name: 'Service', method: [method('Read', Level.NO_SIDE_EFFECTS), method('Write', Level.IDEMPOTENCY_UNKNOWN)] }],
})
const service = createFileRegistry(file, () => file_google_protobuf_empty.proto).getService('example.Service')

let sent, read
const server = createServer((request, answer) => {
  sent = request.method + (request.url.includes('?') ? ' with a query' : '')
  answer.setHeader('Content-Type', 'application/json').end('{}')
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const client = createClient(service, createConnectTransport({
  baseUrl: `http://127.0.0.1:${server.address().port}`,
  httpVersion: '1.1',
  useHttpGet: true,
  useBinaryFormat: false,
  interceptors: [(next) => (request) => {
    read = request.requestMethod + (request.url.includes('?') ? ' with a query' : '')
    return next(request)
  }],
}))
await client.read({})
console.log(`without side effects: the interceptor reads ${read}, the server gets ${sent}`)
await client.write({})
console.log(`with side effects:    the interceptor reads ${read}, the server gets ${sent}`)
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
	@connectrpc/connect@2.3.0 @connectrpc/connect-node@2.3.0 @bufbuild/protobuf@2.17.0 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
