// Serves oidc-provider. The arguments are a port, an issuer, and a file with private keys.
// Without a file it signs with the key in the package.
import { readFileSync } from 'node:fs';

import Provider, { errors } from 'oidc-provider';

const [port, issuer, keysFile] = process.argv.slice(2);

const provider = new Provider(issuer, {
  ...(keysFile && { jwks: JSON.parse(readFileSync(keysFile, 'utf8')) }),
  clients: [{
    client_id: 'robot',
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...(keysFile && { id_token_signed_response_alg: 'ES256' }),
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(ctx, resource) {
        if (resource !== 'https://orders.example') throw new errors.InvalidTarget();
        return {
          scope: 'orders:read orders:write',
          accessTokenFormat: 'jwt',
          ...(keysFile && { jwt: { sign: { alg: 'ES256' } } }),
        };
      },
    },
  },
});

provider.listen(Number(port), '127.0.0.1');
