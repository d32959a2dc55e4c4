#!/usr/bin/env bash
# oidc-provider sends no logout token to a private address, and the user reads "signed out".
#
# Versions:  npm oidc-provider 9.13.3, Node 20 (it asks for 22, and runs).
# Guess:     a client's backchannel_logout_uri may be an address in the same cluster, and
#            the logout token arrives there.
# Behaviour: its fetch opens no connection to 127/8 and, by its source, 10/8, 172.16/12, 192.168/16 and
#            the like. The only trace is the event backchannel.error; nothing is logged. It's
#            a dispatcher in the options for "fetch", so a fetch of one's own must drop it.
# Output, 2026-11-28, a user logs in and out; the client listens on 127.0.0.1:
#> fetch as it is:             "Sign-out Success", 0 logout tokens, 0 lines logged, fetch failed: hostname resolves to a special-use IP address
#> fetch: globalThis.fetch:    "Sign-out Success", 0 logout tokens, 0 lines logged, fetch failed: hostname resolves to a special-use IP address
#> fetch without a dispatcher: "Sign-out Success", 1 logout token, 0 lines logged, no error
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const print = console.log
let lines = 0
for (const level of ['log', 'info', 'warn', 'error']) console[level] = (...text) => { if (!/ function called/.test(text)) lines++ } // not the notices about defaults
const listen = async (handle) => {
  const server = createServer(handle)
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return `http://127.0.0.1:${server.address().port}`
}
const run = async (name, settings) => {
  let logouts = 0
  const client = await listen((_, answer) => { logouts++; answer.end() })
  let provider
  const issuer = await listen((request, answer) => provider.callback()(request, answer))
  provider = new Provider(issuer, {
    ...settings,
    clients: [{
      client_id: 'web', client_secret: 'secret', redirect_uris: ['https://web.example/callback'],
      backchannel_logout_uri: `${client}/logout`,
    }],
    features: { backchannelLogout: { enabled: true } },
  })
  let failure = 'no error'
  provider.on('backchannel.error', (_, { message, cause }) => { failure = `${message}: ${cause?.message}` })

  // a browser, which keeps cookies and shows where a page leads
  const jar = new Map()
  const visit = async (page, form) => {
    const response = await fetch(new URL(page, issuer), {
      method: form ? 'POST' : 'GET', body: form && new URLSearchParams(form), redirect: 'manual',
      headers: { Cookie: [...jar].map(([key, value]) => `${key}=${value}`).join('; ') },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      value ? jar.set(key, value) : jar.delete(key)
    }
    return { status: response.status, text: await response.text(), next: response.headers.get('Location') }
  }
  const secret = 'a-text-with-at-least-forty-three-characters-in-it'
  let next = `/auth?${new URLSearchParams({
    client_id: 'web', response_type: 'code', redirect_uri: 'https://web.example/callback', scope: 'openid',
    code_challenge: createHash('sha256').update(secret).digest('base64url'), code_challenge_method: 'S256',
  })}`
  const forms = [{ prompt: 'login', login: 'ann', password: 'any' }, { prompt: 'consent' }]
  while (next && !next.startsWith('https://web.example/')) {
    next = (await visit(next, next.includes('/interaction/') ? forms.shift() : undefined)).next
  }
  const response = await fetch(`${issuer}/token`, {
    method: 'POST', headers: { Authorization: `Basic ${btoa('web:secret')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code: new URL(next).searchParams.get('code'),
      redirect_uri: 'https://web.example/callback', code_verifier: secret,
    }),
  })
  const { id_token } = await response.json()
  lines = 0
  const { text } = await visit(`/session/end?${new URLSearchParams({ id_token_hint: id_token })}`)
  let end = await visit('/session/end/confirm', { xsrf: /name="xsrf" value="([^"]+)"/.exec(text)[1], logout: 'yes' })
  while (end.next) end = await visit(end.next)
  const title = /<title>([^<]*)/.exec(end.text)[1]
  print(`${name.padEnd(27)} "${title}", ${logouts} logout token${logouts === 1 ? '' : 's'}, ${lines} lines logged, ${failure}`)
}
await run('fetch as it is:', {})
await run('fetch: globalThis.fetch:', { fetch: globalThis.fetch })
await run('fetch without a dispatcher:', { fetch: (url, { dispatcher, ...options }) => fetch(url, options) })
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13.3 >/dev/null
node main.mjs 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
