#!/usr/bin/env bash
# oidc-provider answers 400 when asked about an access token issued as a JWT.
#
# Versions:  npm oidc-provider 9.13.3, Node 20 (it asks for 22, and runs).
# Guess:     "active": true. The token is good, and the endpoint is the issuer's own.
# Behaviour: unsupported_token_type, a code that RFC 7009 has for revocation and RFC 7662
#            doesn't have at all: not even "active": false. One issuer's tokens can
#            or can't be introspected by their resource. Nor are the JWTs revoked.
# Output, 2026-11-28:
#> opaque token, introspection: 200 active true
#> opaque token, revocation:    200
#> JWT, introspection: 400 unsupported_token_type
#> JWT, revocation:    400 unsupported_token_type
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

let callback
const server = createServer((request, response) => callback(request, response))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
const secret = 'example-secret-'.repeat(3)
callback = new Provider(issuer, {
  clients: [{ client_id: 'client', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({ scope: 'read', accessTokenFormat: new URL(resource).hostname.split('.')[0] }),
    },
  },
}).callback()

const post = async (path, form) => {
  const response = await fetch(issuer + path, {
    method: 'POST',
    headers: { Authorization: 'Basic ' + btoa(`client:${secret}`) },
    body: new URLSearchParams(form),
  })
  const text = await response.text()
  return [response.status, text ? JSON.parse(text) : {}]
}
for (const [name, resource] of [['opaque token', 'https://opaque.example'], ['JWT', 'https://jwt.example']]) {
  const [, { access_token: token }] = await post('/token', { grant_type: 'client_credentials', scope: 'read', resource })
  const [introspected, answer] = await post('/token/introspection', { token })
  const [revoked, refusal] = await post('/token/revocation', { token })
  console.log(`${name}, introspection:`, introspected, answer.error ?? `active ${answer.active}`)
  console.log([`${name}, revocation:   `, revoked, refusal.error].filter(Boolean).join(' '))
}
server.close()
server.closeAllConnections()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13.3 >/dev/null
node main.mjs 2>/dev/null | grep -v NOTICE | tee out
diff <(sed -n 's/^#> //p' "$self") out
