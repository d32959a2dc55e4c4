#!/usr/bin/env bash
# Apache's mod_oauth2 says that a token with a fraction in "exp" expired in 1970.
#
# Versions:  Debian's libapache2-mod-oauth2 3.3.1-1, liboauth2-0 1.4.5.4-1,
#            apache2-bin 2.4.71-1~deb12u1, Node 20 (to sign).
# Guess:     exp may have a fraction (RFC 7519, NumericDate): time.time() + 300
#            in Python has one. It's cut off.
# Behaviour: any number but a plain integer is read as 0. The token is refused, and by the log
#            it expired more than 50 years ago. 4.1e9 is no plain integer either.
# Output, 2026-11-28:
#> "exp":4100000000    200
#> "exp":4100000000.5  401, expired over 50 years ago: true
#> "exp":4.1e9         401, expired over 50 years ago: true
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
for (const exp of ['4100000000', '4100000000.5', '4.1e9']) {
  const input = base64url('{"alg":"RS256","kid":"k"}') + '.' + base64url(`{"sub":"user","exp":${exp}}`)
  writeFileSync(`exp-${exp}`, `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`)
}
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
Require valid-user
</Location>
`)
  free.close()
})
JS
cat >get.mjs <<'JS'
import { readFileSync } from 'node:fs'

const url = `http://127.0.0.1:${readFileSync('port')}/`
const get = (exp) => fetch(url + 'file', { headers: { Authorization: `Bearer ${readFileSync(`exp-${exp}`)}` } })
for (let i = 0; i < 100; i++) {
  if (await fetch(url).then(() => true, () => false)) break
  await new Promise((resolve) => setTimeout(resolve, 100))
}
for (const exp of ['4100000000', '4100000000.5', '4.1e9']) {
  const before = readFileSync('log', 'utf8').length
  const { status } = await get(exp)
  const seconds = readFileSync('log', 'utf8').slice(before).match(/JWT expired (\d+) seconds ago/)?.[1]
  const note = seconds ? `, expired over 50 years ago: ${seconds > 50 * 365 * 86400}` : ''
  console.log(`"exp":${exp}`.padEnd(19), `${status}${note}`)
}
JS
echo content >www/file
node tokens.mjs
root/usr/sbin/apache2 -f "$dir/apache.conf" -DFOREGROUND &
apache=$!
node get.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
