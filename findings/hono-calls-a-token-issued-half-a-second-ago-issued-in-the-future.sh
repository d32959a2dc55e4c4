#!/usr/bin/env bash
# Hono refuses a token until its own clock has passed the next full second after "iat".
#
# Versions:  npm hono 4.13.19, Node 20.
# Guess:     "iat" may have a fraction (RFC 7519, NumericDate). A token issued half a second
#            ago isn't from the future.
# Behaviour: Hono cuts its own time down to whole seconds, but not the claim. Until the
#            next full second the token counts as issued in the future. A client that uses
#            its token at once is refused, or not, by the moment.
# Output, 2026-11-28, with the clock at 1800000000.9:
#> iat 1800000000:   accepted
#> iat 1800000000.4: Invalid "iat" claim, must be a valid number lower than "1800000000" (iat: "1800000000.4")
#> iat 1799999999.9: accepted
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { sign, verify } from 'hono/jwt'

Date.now = () => 1800000000900
for (const iat of [1800000000, 1800000000.4, 1799999999.9]) {
  const token = await sign({ iat, exp: 1800000300 }, 'secret', 'HS256')
  const answer = await verify(token, 'secret', 'HS256').then(() => 'accepted', (error) => error.message)
  console.log(`iat ${iat}:`.padEnd(17), answer)
}
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts hono@4.13.19 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
