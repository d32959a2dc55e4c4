#!/usr/bin/env bash
# better-auth makes one signing key for each of the first readers of its JWK Set.
#
# Versions:  npm better-auth 1.7.25 (its jwt plugin, memory adapter), jose 6.2.18, Node 20.
# Guess:     five verifiers, started together, read the same set, and it has the key for the
#            tokens to come.
# Behaviour: the key is made when the set is first read, and no reader waits for another.
#            Five readers make five keys, and four of them leave with a set without the one in use
#            from then on. Each caches what it got.
# Output, 2026-11-28:
#> 5 first readers at once: 5 keys
#> a token is signed: its key is in 1 of the 5 sets that were read
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { jwt } from 'better-auth/plugins'
import { decodeProtectedHeader } from 'jose'

const tables = { user: [], session: [], account: [], verification: [], jwks: [] }
const origin = 'http://127.0.0.1:3000'
const auth = betterAuth({
  baseURL: origin,
  secret: crypto.randomUUID() + crypto.randomUUID(),
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
})
const request = (path, init) => auth.handler(new Request(`${origin}/api/auth${path}`, init))

const sets = await Promise.all(Array.from({ length: 5 }, async () => (await (await request('/jwks')).json()).keys))
console.log(`5 first readers at once: ${tables.jwks.length} keys`)

const signedUp = await request('/sign-up/email', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'User', email: 'user@example.org', password: 'example-password' }),
})
const cookie = signedUp.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ')
const { token } = await (await request('/token', { headers: { cookie } })).json()
const { kid } = decodeProtectedHeader(token)
const having = sets.filter((keys) => keys.some((key) => key.kid === kid)).length
console.log(`a token is signed: its key is in ${having} of the 5 sets that were read`)
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts better-auth@1.7.25 jose@6.2.18 >/dev/null
node main.mjs 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
