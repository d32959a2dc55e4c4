#!/usr/bin/env bash
# Apache's mod_oauth2 answers 401 without a challenge to a token without the scope.
#
# Versions:  Debian's libapache2-mod-oauth2 3.3.1-1, liboauth2-0 1.4.5.4-1,
#            apache2-bin 2.4.71-1~deb12u1, Node 20 (to sign).
# Guess:     403 with error="insufficient_scope", as RFC 6750, section 3.1, has it, or else
#            401 with a challenge: RFC 9110 requires one.
# Behaviour: 401 and no WWW-Authenticate at all. A client that replaces its token on 401
#            gets the same scopes again. A call without a token does get its challenge.
# Output, 2026-11-28:
#> scope required is "read":  200, null
#> scope required is "write": 401, null
#> no token:                  401, Bearer realm="api", error="invalid_request", error_description="No bearer token found in the request."
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
apache=
trap '[ -z "$apache" ] || { kill "$apache"; wait "$apache" || true; }; rm -rf "$dir"' EXIT
cd "$dir"
chmod 755 .

mkdir -p debs/partial root www
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" \
	apache2-bin=2.4.71-1~deb12u1 libapache2-mod-oauth2=3.3.1-1 liboauth2-0=1.4.5.4-1 liboauth2-apache0=1.4.5.4-1 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(printf "%s:" "$dir"/root/lib/*-linux-gnu "$dir"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

cat >tokens.mjs <<'JS'
import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const base64url = (s) => Buffer.from(s).toString('base64url')
const input = base64url('{"alg":"RS256","kid":"k"}') + '.' + base64url('{"sub":"user","scope":"read","exp":4100000000}')
writeFileSync('token', `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`)
const key = { ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig' }
const free = createServer().listen(0, '127.0.0.1', () => {
  const { port } = free.address()
  writeFileSync('port', String(port))
  writeFileSync('apache.conf', `
ServerRoot ${process.cwd()}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile pid
ErrorLog log
User nobody
Group nogroup
LoadModule mpm_event_module root/usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module root/usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module root/usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module root/usr/lib/apache2/modules/mod_authz_user.so
LoadModule oauth2_module root/usr/lib/apache2/modules/mod_oauth2.so
DocumentRoot www
<Location />
AuthType oauth2
AuthName api
OAuth2TokenVerify jwk '${JSON.stringify(key)}'
</Location>
<Location /read>
Require oauth2_claim scope:read
</Location>
<Location /write>
Require oauth2_claim scope:write
</Location>
`)
  free.close()
})
JS
cat >get.mjs <<'JS'
import { readFileSync } from 'node:fs'

const url = `http://127.0.0.1:${readFileSync('port')}/`
const get = async (path, headers) => {
  const response = await fetch(url + path, { headers })
  return `${response.status}, ${response.headers.get('WWW-Authenticate')}`
}
for (let i = 0; i < 100; i++) {
  if (await fetch(url).then(() => true, () => false)) break
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const headers = { Authorization: `Bearer ${readFileSync('token')}` }
console.log('scope required is "read": ', await get('read', headers))
console.log('scope required is "write":', await get('write', headers))
console.log('no token:                 ', await get('read', {}))
JS
echo content >www/read
echo content >www/write
node tokens.mjs
root/usr/sbin/apache2 -f "$dir/apache.conf" -DFOREGROUND &
apache=$!
node get.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
