#!/usr/bin/env bash
# jwks-rsa can't read a JWK Set at an IPv6 address, after a redirect, or compressed.
#
# Versions:  npm jwks-rsa 4.1.0, get-jwks 11.0.3, jose 6.2.18, Node 20.
# Guess:     [::1] in the URL is an address like any other. A set that moved is followed to
#            its new place, or refused, by all of them alike. And a server may compress
#            an answer if the request has no Accept-Encoding (RFC 9110, section 12.5.3),
#            as a bucket does with a file that was stored compressed.
# Behaviour: jwks-rsa asks the name service for the address, brackets and all. It doesn't
#            follow a redirect, and takes the compressed bytes for JSON. get-jwks manages all
#            three, jose refuses the redirect alone.
# Output, 2026-11-28:
#> IPv4:     jwks-rsa read, get-jwks read, jose read
#> IPv6:     jwks-rsa failed, getaddrinfo ENOTFOUND [::1], get-jwks read, jose read
#> redirect: jwks-rsa failed, Permanent Redirect, get-jwks read, jose failed, Expected 200 OK from the JSON Web Key Set HTTP response
#> gzip:     jwks-rsa failed, no JSON, get-jwks read, jose read
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import buildGetJwks from 'get-jwks'
import * as jose from 'jose'
import jwksClient from 'jwks-rsa'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const set = JSON.stringify({ keys: [{ ...key, kid: 'k', alg: 'ES256', use: 'sig' }] })
const issuer = createServer((request, answer) => {
  if (request.url === '/redirect') return answer.writeHead(308, { Location: '/set' }).end()
  answer.setHeader('Content-Type', 'application/json')
  if (request.url === '/set') return answer.end(set)
  answer.setHeader('Content-Encoding', 'gzip')
  answer.end(gzipSync(set))
})
await new Promise((listening) => issuer.listen(0, '::', listening))
const { port } = issuer.address()

const readers = {
  'jwks-rsa': (url) => jwksClient({ jwksUri: url.href }).getSigningKey('k'),
  'get-jwks': (url) => buildGetJwks({ jwksPath: url.pathname }).getJwk({ domain: url.origin, alg: 'ES256', kid: 'k' }),
  jose: (url) => jose.createRemoteJWKSet(url)({ alg: 'ES256', kid: 'k' }),
}
for (const [name, host, path] of [
  ['IPv4:', '127.0.0.1', 'set'], ['IPv6:', '[::1]', 'set'], ['redirect:', '127.0.0.1', 'redirect'], ['gzip:', '127.0.0.1', 'gzip'],
]) {
  const url = new URL(`http://${host}:${port}/${path}`)
  const outcomes = []
  for (const [reader, read] of Object.entries(readers)) {
    outcomes.push(await read(url).then(
      () => `${reader} read`,
      ({ message }) => `${reader} failed, ${message.includes('JSON at') || message.includes('not valid JSON') ? 'no JSON' : message}`,
    ))
  }
  console.log(`${name.padEnd(9)} ${outcomes.join(', ')}`)
}
issuer.close()
issuer.closeAllConnections()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jwks-rsa@4.1.0 get-jwks@11.0.3 jose@6.2.18 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
