#!/usr/bin/env bash
# Hono's jwk middleware fetches the JWK Set anew for every request.
#
# Versions:  npm hono 4.13.19, jose 6.2.18 (to sign), Node 20.
# Guess:     one fetch for ten requests. The issuer even allows an hour of caching.
# Behaviour: ten fetches. While the issuer is down no request gets through, and the middleware
#            throws what the fetch threw.
# Output, 2026-11-28:
#> 10 requests: 200 200 200 200 200 200 200 200 200 200, 10 fetches
#> issuer down: 500, failed to fetch JWKS
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import { Hono } from 'hono'
import { jwk } from 'hono/jwk'
import * as jose from 'jose'

const { publicKey, privateKey } = await jose.generateKeyPair('RS256')
const key = { ...(await jose.exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }
let fetches = 0
let down = false
const issuer = createServer((_, response) => {
  fetches++
  response.writeHead(down ? 503 : 200, { 'Content-Type': 'application/json', 'Cache-Control': 'max-age=3600' })
  response.end(JSON.stringify({ keys: [key] }))
})
await new Promise((resolve) => issuer.listen(0, '127.0.0.1', resolve))

const app = new Hono()
app.use(jwk({ jwks_uri: `http://127.0.0.1:${issuer.address().port}/jwks`, alg: ['RS256'] }))
app.get('/', (c) => c.text('ok'))
app.onError((error, c) => c.text(error.message, 500))

const token = await new jose.SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: 'k' }).setExpirationTime('1h').sign(privateKey)
const get = () => app.request('/', { headers: { Authorization: `Bearer ${token}` } })
const statuses = []
for (let i = 0; i < 10; i++) statuses.push((await get()).status)
console.log(`10 requests: ${statuses.join(' ')}, ${fetches} fetches`)
down = true
const failed = await get()
console.log(`issuer down: ${failed.status}, ${(await failed.text()).split(' from ')[0]}`)
issuer.close()
issuer.closeAllConnections()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts hono@4.13.19 jose@6.2.18 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
