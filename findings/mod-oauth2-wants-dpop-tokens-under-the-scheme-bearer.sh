#!/usr/bin/env bash
# Told to verify DPoP, Apache's mod_oauth2 refuses the scheme DPoP and wants the token as a Bearer token.
#
# Versions:  Debian's libapache2-mod-oauth2 3.3.1-1, liboauth2-0 1.4.5.4-1,
#            apache2-bin 2.4.71-1~deb12u1, Node 20 (to sign).
# Guess:     with type=dpop the module takes "Authorization: DPoP" (RFC 9449, section 7.1) with a
#            proof, in any case, and its challenge names DPoP.
# Behaviour: type=dpop is about the proof alone. By default the token must come as "Bearer" beside
#            its proof. With OAuth2AcceptTokenIn and type=DPoP it's DPoP alone. The challenge says
#            Bearer either way, and that no bearer token was found.
# Output, 2026-11-28, a bound token with its proof, sent under three schemes:
#> type=dpop:                          DPoP 401 Bearer, dpop 401 Bearer, Bearer 200
#> type=dpop, OAuth2AcceptTokenIn too: DPoP 200, dpop 200, Bearer 401 Bearer
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
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

cat >main.mjs <<'JS'
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { spawn } from 'node:child_process'

const base64url = (s) => Buffer.from(s).toString('base64url')
const hash = (s) => createHash('sha256').update(s).digest('base64url')
const jws = (header, payload, key) => {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const issuer = generateKeyPairSync('rsa', { modulusLength: 2048 })
const client = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = client.publicKey.export({ format: 'jwk' })
const { crv, kty, x, y } = jwk
const now = Math.floor(Date.now() / 1000)
const token = jws({ alg: 'RS256', kid: 'k' }, { sub: 'user', exp: now + 300, cnf: { jkt: hash(JSON.stringify({ crv, kty, x, y })) } }, issuer.privateKey)
const key = JSON.stringify({ ...issuer.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig' })

const freePort = () => new Promise((resolve) => {
  const free = createServer().listen(0, '127.0.0.1', () => {
    const { port } = free.address()
    free.close(() => resolve(port))
  })
})
const run = async (name, directive) => {
  const port = await freePort()
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
OAuth2TokenVerify jwk '${key}' type=dpop
${directive}
Require valid-user
</Location>
`)
  const apache = spawn('root/usr/sbin/apache2', ['-f', `${process.cwd()}/apache.conf`, '-DFOREGROUND'], { stdio: 'ignore' })
  const ended = new Promise((resolve) => apache.on('exit', resolve))
  const url = `http://127.0.0.1:${port}/file`
  for (let i = 0; i < 100; i++) {
    if (await fetch(url).then(() => true, () => false)) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const results = []
  for (const scheme of ['DPoP', 'dpop', 'Bearer']) {
    const proof = jws({ typ: 'dpop+jwt', alg: 'ES256', jwk },
      { jti: randomUUID(), htm: 'GET', htu: url, iat: Math.floor(Date.now() / 1000), ath: hash(token) }, client.privateKey)
    const { status, headers } = await fetch(url, { headers: { Authorization: `${scheme} ${token}`, DPoP: proof } })
    const challenge = headers.get('WWW-Authenticate')
    results.push(`${scheme} ${status}${challenge ? ` ${challenge.split(' ')[0]}` : ''}`)
  }
  apache.kill()
  await ended
  console.log(`${name.padEnd(35)} ${results.join(', ')}`)
}
await run('type=dpop:', '')
await run('type=dpop, OAuth2AcceptTokenIn too:', 'OAuth2AcceptTokenIn header name=Authorization&type=DPoP')
JS
echo content >www/file
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
