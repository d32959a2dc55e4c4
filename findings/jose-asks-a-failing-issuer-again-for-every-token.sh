#!/usr/bin/env bash
# jose's createRemoteJWKSet forgets its keys while the issuer is down, and then asks for each token.
#
# Versions:  npm jose 6.2.18, Node 20.
# Guess:     the keys of ten minutes ago go on until newer ones arrive, and cooldownDuration
#            keeps a failing endpoint from one request per token.
# Behaviour: from cacheMaxAge on no token is verified. cooldownDuration guards against
#            unknown keys only: each token means one more request to the failing
#            endpoint.
# Output, 2026-11-28, with cacheMaxAge at 200 ms in place of 10 minutes:
#> issuer up: 5 of 5 tokens verified, 1 requests
#> issuer down, keys too old: 0 of 5 tokens verified, 5 requests
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import * as jose from 'jose'

const { publicKey, privateKey } = await jose.generateKeyPair('ES256')
const key = { ...(await jose.exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
let requests = 0
let down = false
const keys = jose.createRemoteJWKSet(new URL('https://issuer.example/jwks'), {
  cacheMaxAge: 200,
  cooldownDuration: 30_000,
  [jose.customFetch]: async () => {
    requests++
    return down ? new Response(null, { status: 503 }) : Response.json({ keys: [key] })
  },
})
const token = await new jose.SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey)
const report = async (name) => {
  requests = 0
  let verified = 0
  for (let i = 0; i < 5; i++) verified += await jose.jwtVerify(token, keys).then(() => 1, () => 0)
  console.log(`${name}: ${verified} of 5 tokens verified, ${requests} requests`)
}
await report('issuer up')
down = true
await new Promise((resolve) => setTimeout(resolve, 300))
await report('issuer down, keys too old')
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
