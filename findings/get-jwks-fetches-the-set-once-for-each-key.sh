#!/usr/bin/env bash
# get-jwks fetches the whole JWK Set for each key, and for each token from the 101st key on.
#
# Versions:  npm get-jwks 11.0.3 (Fastify's companion for @fastify/jwt), Node 20.
# Guess:     a set with a hundred keys takes one fetch, and so does one with 101. The
#            first answer has them all.
# Behaviour: of each answer one key is kept, the others are thrown away: a hundred
#            fetches. At most a hundred keys are kept, so 101 that take turns, as with a
#            gateway that gathers the keys of many tenants, never come from the cache.
# Output, 2026-11-28:
#> 100 keys, 3 tokens of each: 300 keys found, 100 fetches
#> 101 keys, 3 tokens of each: 303 keys found, 303 fetches
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import buildGetJwks from 'get-jwks'

const keys = Array.from({ length: 101 }, (_, i) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid: `key-${i}`, alg: 'ES256', use: 'sig',
}))
let published, fetches
const issuer = createServer((_, answer) => {
  fetches++
  answer.setHeader('Content-Type', 'application/json')
  answer.end(JSON.stringify({ keys: published }))
})
await new Promise((listening) => issuer.listen(0, '127.0.0.1', listening))
const domain = `http://127.0.0.1:${issuer.address().port}`

for (const count of [100, 101]) {
  published = keys.slice(0, count)
  fetches = 0
  const getJwks = buildGetJwks()
  let found = 0
  for (let i = 0; i < 3 * count; i++) {
    const key = await getJwks.getJwk({ domain, alg: 'ES256', kid: `key-${i % count}` })
    if (key.x === keys[i % count].x) found++
  }
  console.log(`${count} keys, 3 tokens of each: ${found} keys found, ${fetches} fetches`)
}
issuer.close()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts get-jwks@11.0.3 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
