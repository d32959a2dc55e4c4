#!/usr/bin/env bash
# A client whose DPoP proof lacks a nonce can't repeat its request at oidc-provider.
#
# Versions:  npm oidc-provider 9.13.3, npm jose 6.2.18, Node 20 (oidc-provider asks for 22, and runs).
# Guess:     RFC 9449, section 8, reads like "the same once more, with this nonce". If the client
#            is authenticated before its proof is looked at, that fails.
# Behaviour: it fails. The refused request has used up the assertion's jti, so the same form with the
#            nonce is invalid_client. The client needs a new assertion, too, and an HTTP
#            transport can't make one.
# Output, 2026-11-28, the client authenticates with private_key_jwt:
#> a proof without a nonce:                400 use_dpop_nonce
#> the same form, a proof with the nonce:  401 invalid_client
#> a new assertion, a proof with a nonce:  200 DPoP
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import Provider from 'oidc-provider'

console.warn = console.info = () => {}
let provider
const server = createServer((request, answer) => provider.callback()(request, answer))
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`
const client = await generateKeyPair('ES256')
const proving = await generateKeyPair('ES256')
provider = new Provider(issuer, {
  clients: [{
    client_id: 'client', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [await exportJWK(client.publicKey)] },
    grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  }],
  features: {
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 1), requireNonce: () => true },
  },
})
const assertion = () => new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256' })
  .setIssuer('client').setSubject('client').setAudience(issuer).setIssuedAt().setExpirationTime('1m').sign(client.privateKey)
let nonce
const post = async (name, form) => {
  const proof = await new SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${issuer}/token`, nonce })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(proving.publicKey) })
    .setIssuedAt().sign(proving.privateKey)
  const response = await fetch(`${issuer}/token`, { method: 'POST', headers: { DPoP: proof }, body: form })
  nonce = response.headers.get('DPoP-Nonce') ?? nonce
  const { error, token_type } = await response.json()
  console.log(`${name.padEnd(39)} ${response.status} ${error ?? token_type}`)
}
const form = async () => new URLSearchParams({
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await assertion(),
})
const first = await form()
await post('a proof without a nonce:', first)
await post('the same form, a proof with the nonce:', first)
await post('a new assertion, a proof with a nonce:', await form())
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13.3 jose@6.2.18 >/dev/null
node main.mjs 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
