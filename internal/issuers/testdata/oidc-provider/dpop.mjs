// Serves oidc-provider with DPoP (RFC 9449), and two clients with a key each, who make their proofs
// with npm's dpop. The arguments are a port, an issuer, a file with private keys, and the tokens'
// format. /token/of/NAME answers with a client's token, and /proof/of/NAME with a proof by its key.
import { readFileSync } from 'node:fs';

import * as DPoP from 'dpop';
import Provider from 'oidc-provider';

const [port, issuer, keysFile, format] = process.argv.slice(2);

const provider = new Provider(issuer, {
  jwks: JSON.parse(readFileSync(keysFile, 'utf8')),
  clients: [{
    client_id: 'robot',
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
    dpop_bound_access_tokens: true,
  }, {
    client_id: 'orders',
    client_secret: 'secret',
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'orders:read',
        accessTokenFormat: format,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

const keys = { owner: await DPoP.generateKeyPair('ES256'), thief: await DPoP.generateKeyPair('Ed25519') };

async function token(name) {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa('robot:secret')}`,
      dpop: await DPoP.generateProof(keys[name], `${issuer}/token`, 'POST'),
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials', scope: 'orders:read', resource: 'https://orders.example',
    }),
  });
  const body = await response.json();
  if (body.token_type !== 'DPoP') throw new Error(JSON.stringify(body));
  return body.access_token;
}

provider.use(async (ctx, next) => {
  const [, what, , name] = ctx.path.split('/');
  const { htm, htu, nonce, ath } = ctx.query;
  if (!(name in keys)) return next();
  ctx.body = what === 'token' ? await token(name) : await DPoP.generateProof(keys[name], htu, htm, nonce, ath);
});

provider.listen(Number(port), '127.0.0.1');
