#!/usr/bin/env bash
# Behind Apache the headers of a gRPC refusal arrive as trailers.
#
# Versions:  Debian's apache2-bin 2.4.71-1~deb12u1 (mod_proxy_http2), npm @grpc/grpc-js 1.14.7,
#            Node 20.
# Guess:     a proxy for HTTP/2 keeps the two apart. gRPC calls them initial and trailing
#            metadata, and clients read them in different places.
# Behaviour: if no message lies between them, Apache sends one block with both. Clients
#            take it for trailers alone: what the server sent as a header is gone from where
#            they look for headers. An answer with a message isn't changed.
# Output, 2026-11-28:
#> refusal, direct:         header "Bearer", trailer undefined, code 16
#> refusal, through Apache: header undefined, trailer "Bearer", code 16
#> answer, direct:          header "Bearer", trailer undefined, code 0
#> answer, through Apache:  header "Bearer", trailer undefined, code 0
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
chmod 755 .

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" apache2-bin=2.4.71-1~deb12u1 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(printf "%s:" "$dir"/root/lib/*-linux-gnu "$dir"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

cat >main.mjs <<'JS'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import grpc from '@grpc/grpc-js'

const bytes = (b) => b
const method = (name) => ({
  path: `/example.Service/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
})
const service = { answer: method('Answer'), refusal: method('Refusal') }
const header = () => {
  const metadata = new grpc.Metadata()
  metadata.set('www-authenticate', 'Bearer')
  return metadata
}
const server = new grpc.Server()
server.addService(service, {
  answer(call, callback) {
    call.sendMetadata(header())
    callback(null, Buffer.alloc(0))
  },
  refusal(call, callback) {
    call.sendMetadata(header())
    callback({ code: grpc.status.UNAUTHENTICATED, details: 'no token' })
  },
})
const direct = await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
)
const free = createServer()
const proxied = await new Promise((resolve) => free.listen(0, '127.0.0.1', () => resolve(free.address().port)))
await new Promise((resolve) => free.close(resolve))
writeFileSync('apache.conf', `
ServerRoot ${process.cwd()}
ServerName 127.0.0.1
Listen 127.0.0.1:${proxied}
PidFile pid
ErrorLog log
User nobody
Group nogroup
LoadModule mpm_event_module root/usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module root/usr/lib/apache2/modules/mod_authz_core.so
LoadModule http2_module root/usr/lib/apache2/modules/mod_http2.so
LoadModule proxy_module root/usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http2_module root/usr/lib/apache2/modules/mod_proxy_http2.so
Protocols h2c
ProxyPass / h2c://127.0.0.1:${direct}/
`)
const apache = spawn('root/usr/sbin/apache2', ['-f', `${process.cwd()}/apache.conf`, '-DFOREGROUND'], { stdio: 'inherit' })
process.on('exit', () => apache.kill())

const Client = grpc.makeGenericClientConstructor(service, 'example.Service')
const call = (client, name) =>
  new Promise((resolve) => {
    const seen = { code: 0 }
    const call = client[name](Buffer.alloc(0), (error) => error && (seen.code = error.code))
    call.on('metadata', (metadata) => (seen.header = metadata.get('www-authenticate')[0]))
    call.on('status', ({ metadata }) => {
      seen.trailer = metadata.get('www-authenticate')[0]
      setImmediate(resolve, seen)
    })
  })
for (const name of ['refusal', 'answer']) {
  for (const [way, port] of [['direct:', direct], ['through Apache:', proxied]]) {
    const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
    await new Promise((resolve, reject) => client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())))
    const { header, trailer, code } = await call(client, name)
    console.log(`${name}, ${way}`.padEnd(24), `header ${JSON.stringify(header)}, trailer ${JSON.stringify(trailer)}, code ${code}`)
    client.close()
  }
}
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
