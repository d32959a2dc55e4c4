#!/usr/bin/env bash
# A client's own token has a subject if oidc-provider issues a JWT, and none if it's introspected.
#
# Versions:  npm oidc-provider 9.13.3, Node 20 (it asks for 22, and runs).
# Guess:     the format is a detail. Of a token from the client_credentials grant a resource
#            hears the same "sub" from the JWT as from the introspection endpoint.
# Behaviour: the JWT has the client's id as "sub", as RFC 9068, section 2.2, wants it. For an opaque
#            token the endpoint leaves out "sub" and "jti". A resource that names its callers
#            by "sub" loses all services when the issuer moves from one format to the other.
# Output, 2026-11-28, one client, one resource:
#> JWT:    sub client, jti present, aud https://api.example
#> opaque: sub absent, jti absent, aud https://api.example
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

console.warn = console.info = () => {}
let provider
const server = createServer((request, answer) => provider.callback()(request, answer))
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`
let accessTokenFormat
provider = new Provider(issuer, {
  clients: [{ client_id: 'client', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat, jwt: { sign: { alg: 'RS256' } } }) },
  },
})
const post = async (path, form) => {
  const response = await fetch(issuer + path, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('client:secret')}` },
    body: new URLSearchParams(form),
  })
  return response.json()
}
const grant = async (format) => {
  accessTokenFormat = format
  const { access_token } = await post('/token', { grant_type: 'client_credentials', resource: 'https://api.example', scope: 'read' })
  return access_token
}
const show = (name, { sub, jti, aud }) => {
  console.log(`${name.padEnd(7)} sub ${sub ?? 'absent'}, jti ${jti ? 'present' : 'absent'}, aud ${aud}`)
}
show('JWT:', JSON.parse(Buffer.from((await grant('jwt')).split('.')[1], 'base64url')))
show('opaque:', await post('/token/introspection', { token: await grant('opaque') }))
server.close()
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13.3 >/dev/null
node main.mjs 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
