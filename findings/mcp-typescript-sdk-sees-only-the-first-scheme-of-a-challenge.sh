#!/usr/bin/env bash
# The MCP SDK for TypeScript overlooks a Bearer challenge that doesn't come first.
#
# Versions:  npm @modelcontextprotocol/sdk 1.32.2, Node 20.
# Guess:     a server that takes DPoP and Bearer tokens may list them in either order
#            (RFC 9110, section 11.6.1): the client finds the one it speaks.
# Behaviour: it reads the first scheme of the whole field. With DPoP in front, scope,
#            error and the metadata's address are all undefined. Two fields don't help:
#            fetch joins them into one.
# Output, 2026-11-28:
#> Bearer first: metadata https://api.example/metadata, scope read
#> DPoP first:   metadata undefined, scope undefined
#> two fields:   metadata undefined, scope undefined
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js'

const bearer = 'Bearer resource_metadata="https://api.example/metadata", scope="read"'
const dpop = 'DPoP algs="ES256"'
const read = (...fields) => {
  const headers = new Headers()
  for (const field of fields) headers.append('WWW-Authenticate', field)
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(new Response(null, { status: 401, headers }))
  return `metadata ${resourceMetadataUrl}, scope ${scope}`
}
console.log('Bearer first:', read(`${bearer}, ${dpop}`))
console.log('DPoP first:  ', read(`${dpop}, ${bearer}`))
console.log('two fields:  ', read(dpop, bearer))
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @modelcontextprotocol/sdk@1.32.2 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
