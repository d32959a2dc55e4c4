#!/usr/bin/env bash
# The MCP SDK for TypeScript has "expiresAt" as optional, and refuses a token without it.
#
# Versions:  npm @modelcontextprotocol/sdk 1.32.2, express 5.2.1, Node 20.
# Guess:     a server asks its introspection endpoint, which answers "active": true and no "exp".
#            RFC 7662, section 2.2, lets it. So does the type AuthInfo. The request passes.
# Behaviour: 401 with error="invalid_token", for every token of such an issuer. A client that
#            follows the challenge gets another token, just as good, and is refused again.
# Output, 2026-11-28:
#> in the type AuthInfo: expiresAt?: number;
#> active, with exp:    200
#> active, without exp: 401, Bearer error="invalid_token", error_description="Token has no expiration time"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import express from 'express'

const serve = (app) => new Promise((listening) => {
  const server = app.listen(0, '127.0.0.1', () => listening([`http://127.0.0.1:${server.address().port}`, server]))
})
let answer
const [endpoint, issuer] = await serve(express().post('/', (_, response) => response.json(answer)))
const verifier = {
  async verifyAccessToken(token) {
    const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams({ token }) })
    const { client_id: clientId, scope, exp: expiresAt } = await response.json()
    return { token, clientId, scopes: scope.split(' '), expiresAt }
  },
}
const [url, server] = await serve(express().get('/', requireBearerAuth({ verifier }), (_, response) => response.end()))
const active = { active: true, client_id: 'client', scope: 'read' }
for (const [name, introspection] of [
  ['active, with exp:   ', { ...active, exp: Math.floor(Date.now() / 1000) + 300 }],
  ['active, without exp:', active],
]) {
  answer = introspection
  const response = await fetch(url, { headers: { Authorization: 'Bearer example' } })
  const challenge = response.headers.get('WWW-Authenticate')
  console.log(name, response.status + (challenge ? `, ${challenge}` : ''))
}
for (const open of [issuer, server]) {
  open.close()
  open.closeAllConnections()
}
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @modelcontextprotocol/sdk@1.32.2 express@5.2.1 >/dev/null
{
	printf 'in the type AuthInfo: '
	grep -oh 'expiresAt?*: number;' node_modules/@modelcontextprotocol/sdk/dist/esm/server/auth/types.d.ts
	node main.mjs
} | tee out
diff <(sed -n 's/^#> //p' "$self") out
