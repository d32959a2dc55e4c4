#!/usr/bin/env bash
# HAProxy's jwt_payload_query rounds a number to six digits.
#
# Versions:  Debian's haproxy 2.6.12-1+deb12u4.
# Guess:     the claim as the token has it.
# Behaviour: without 'int' a number comes with six digits and an exponent. Two tokens with
#            more than an hour between their ends look the same in a log, or in a header for
#            the server. And 'int' stops at the first non-digit: an "exp" of 4.1e9 is 4.
# Output, 2026-11-28:
#> "exp":1800000123      as it is: 1.8e+09    as 'int': 1800000123
#> "exp":1800004567      as it is: 1.8e+09    as 'int': 1800004567
#> "exp":4.1e9           as it is: 4.1e+09    as 'int': 4
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" haproxy=2.6.12-1+deb12u4 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(printf "%s:" "$dir"/root/lib/*-linux-gnu "$dir"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

cat >haproxy.cfg <<'CFG'
defaults
  mode http
  timeout client 5s
frontend example
  bind "fd@${LISTENER}"
  http-request set-var(txn.plain) http_auth_bearer,jwt_payload_query('$.exp')
  http-request set-var(txn.int) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request return status 200 content-type text/plain lf-string "%[var(txn.plain)] %[var(txn.int)]"
CFG
cat >main.mjs <<'JS'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

// HAProxy inherits the listening socket, so no other process can take its port.
const listener = createServer()
const port = await new Promise((resolve) => listener.listen(0, '127.0.0.1', () => resolve(listener.address().port)))
const haproxy = spawn('root/usr/sbin/haproxy', ['-q', '-f', 'haproxy.cfg'], {
  env: { ...process.env, LISTENER: '3' },
  stdio: ['ignore', 'inherit', 'inherit', listener._handle],
})
process.on('exit', () => haproxy.kill())
listener.close()

const base64url = (s) => Buffer.from(s).toString('base64url')
const get = (exp) => {
  const token = [base64url('{"alg":"RS256"}'), base64url(`{"exp":${exp}}`), base64url('signature')].join('.')
  return fetch(`http://127.0.0.1:${port}/`, { headers: { Authorization: `Bearer ${token}` } }).then((r) => r.text())
}
for (const exp of ['1800000123', '1800004567', '4.1e9']) {
  const [plain, int] = (await get(exp)).split(' ')
  console.log(`"exp":${exp}`.padEnd(21), `as it is: ${plain}`.padEnd(20), `as 'int': ${int}`)
}
process.exit()
JS
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
