#!/usr/bin/env bash
# Clients with a DPoP nonce are refused when oidc-provider has stopped using nonces.
#
# Versions:  npm oidc-provider 9.13.3, npm openid-client 6.9.0, Node 20 (oidc-provider asks
#            for 22, and runs).
# Guess:     turning nonces off asks less of clients. A nonce in a proof is then a claim like any
#            other unknown one, and openid-client goes on.
# Behaviour: without nonceSecret a proof with a nonce is invalid_dpop_proof, without a new nonce.
#            openid-client keeps the last nonce it was given, as RFC 9449, section 8.2, wants
#            it, so it fails until the process starts anew. To turn nonces off, leave
#            nonceSecret and only let requireNonce return false.
# Output, 2026-11-28, one client, the server's settings change:
#> nonceSecret, requireNonce:  dpop, 2 requests
#> the same:                   dpop, 1 request
#> nonceSecret alone:          dpop, 1 request
#> another nonceSecret alone:  dpop, 2 requests
#> neither:                    400 invalid_dpop_proof, 1 request
#> neither, once more:         400 invalid_dpop_proof, 1 request
#> neither, a new client:      dpop, 1 request
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import * as openid from 'openid-client'

console.warn = console.info = () => {}
let provider
let requests = 0
const server = createServer((request, answer) => {
  if (request.url === '/token') requests++
  provider.callback()(request, answer)
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`
const start = (settings) => {
  provider = new Provider(issuer, {
    clients: [{ client_id: 'client', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    features: { clientCredentials: { enabled: true }, dPoP: { enabled: true, ...settings } },
  })
}
const newHandle = async () => openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))
const grant = async (name) => {
  requests = 0
  const result = await openid.clientCredentialsGrant(config, {}, { DPoP: handle })
    .then(({ token_type }) => token_type, ({ status, error }) => `${status} ${error}`)
  console.log(`${name.padEnd(27)} ${result}, ${requests} request${requests === 1 ? '' : 's'}`)
}
const nonceSecret = Buffer.alloc(32, 1)
start({ nonceSecret, requireNonce: () => true })
const config = await openid.discovery(new URL(issuer), 'client', 'secret', undefined, { execute: [openid.allowInsecureRequests] })
let handle = await newHandle()
await grant('nonceSecret, requireNonce:')
await grant('the same:')
start({ nonceSecret })
await grant('nonceSecret alone:')
start({ nonceSecret: Buffer.alloc(32, 2) })
await grant('another nonceSecret alone:')
start({})
await grant('neither:')
await grant('neither, once more:')
handle = await newHandle()
await grant('neither, a new client:')
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13.3 openid-client@6.9.0 >/dev/null
node main.mjs 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
