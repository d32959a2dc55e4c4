#!/usr/bin/env bash
# jwks-rsa, set up as its README advises, refuses valid tokens if the issuer has six keys.
#
# Versions:  npm jwks-rsa 4.1.0, Node 20.
# Guess:     the set is fetched once and has all the keys: one request, six at most.
# Behaviour: the cache holds keys, not the set, and five of them. With a sixth in use
#            each key pushes out the next one needed. Every token means a request, and
#            rateLimit allows ten a minute. The service is locked out by its own limit,
#            though nothing is wrong with issuer, keys or tokens.
# Output, 2026-11-28, with cache and rateLimit on:
#> 5 keys: 50 of 50 keys found, 5 requests
#> 6 keys: 51 of 60 keys found, 10 requests; then: Too many requests to the JWKS endpoint
#> 6 keys, cacheMaxEntries 6: 60 of 60 keys found, 6 requests
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import jwksClient from 'jwks-rsa'

const keys = Array.from({ length: 6 }, (_, i) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid: `key-${i}`, alg: 'ES256', use: 'sig',
}))
let published, requests
const issuer = createServer((_, answer) => {
  requests++
  answer.setHeader('Content-Type', 'application/json')
  answer.end(JSON.stringify({ keys: published }))
})
await new Promise((listening) => issuer.listen(0, '127.0.0.1', listening))

// One token of each key after the other, ten times.
const use = async (count, options) => {
  published = keys.slice(0, count)
  requests = 0
  const client = jwksClient({ jwksUri: `http://127.0.0.1:${issuer.address().port}/jwks`, cache: true, rateLimit: true, ...options })
  let found = 0, reason = ''
  for (let i = 0; i < 10 * count; i++) {
    try {
      await client.getSigningKey(`key-${i % count}`)
      found++
    } catch (error) {
      reason = `; then: ${error.message}`
    }
  }
  const named = Object.entries(options).map(([name, value]) => `, ${name} ${value}`).join('')
  console.log(`${count} keys${named}: ${found} of ${10 * count} keys found, ${requests} requests${reason}`)
}
await use(5, {})
await use(6, {})
await use(6, { cacheMaxEntries: 6 })
issuer.close()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jwks-rsa@4.1.0 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
