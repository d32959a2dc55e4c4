#!/usr/bin/env bash
# nginx's auth_request hands on the challenge of a 401, but not of a 403.
#
# Versions:  Debian's nginx 1.22.1-9+deb12u11, Node 20.
# Guess:     what the authorization service says in WWW-Authenticate reaches the client,
#            for insufficient_scope above all: RFC 6750 sends it with a 403, and
#            names the scope to ask for.
# Behaviour: only a 401 carries its challenge along, and of two fields only the first. The
#            client of a 403 learns nothing. A 503 becomes a 500.
# Output, 2026-11-28:
#> service answers 401 with 2 challenges: 401, Bearer error="insufficient_scope", scope="write"
#> service answers 403 with 2 challenges: 403, null
#> service answers 503 with 2 challenges: 500, null
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root tmp www
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" nginx=1.22.1-9+deb12u11 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(printf "%s:" "$dir"/root/lib/*-linux-gnu "$dir"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

cat >main.mjs <<'JS'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { spawn } from 'node:child_process'

const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
const service = createServer((request, response) => {
  response.setHeader('WWW-Authenticate', ['Bearer error="insufficient_scope", scope="write"', 'DPoP algs="ES256"'])
  response.writeHead(Number(request.headers['example-status']))
  response.end()
})
const authorization = await listen(service)
const free = createServer()
const port = await listen(free)
await new Promise((resolve) => free.close(resolve))
writeFileSync('nginx.conf', `
daemon off;
user root;
pid pid;
error_log log;
events {}
http {
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {
    listen 127.0.0.1:${port};
    root www;
    location / { auth_request /authorization; }
    location = /authorization { internal; proxy_pass http://127.0.0.1:${authorization}; }
  }
}
`)
const nginx = spawn('root/usr/sbin/nginx', ['-p', process.cwd(), '-e', 'log', '-c', 'nginx.conf'], { stdio: 'inherit' })
process.on('exit', () => nginx.kill())
const get = (status) => fetch(`http://127.0.0.1:${port}/file`, { headers: { 'Example-Status': status } })
for (let i = 0; i < 100; i++) {
  if (await get(200).then(() => true, () => false)) break
  await new Promise((resolve) => setTimeout(resolve, 100))
}
for (const status of [401, 403, 503]) {
  const response = await get(status)
  console.log(`service answers ${status} with 2 challenges: ${response.status}, ${response.headers.get('WWW-Authenticate')}`)
}
process.exit()
JS
echo content >www/file
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
