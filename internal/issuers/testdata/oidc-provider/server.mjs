// Serves oidc-provider. The arguments are a port, an issuer, and a file with private keys.
// Without a file it signs with the key in the package. With a file in TOKENS_FILE the tokens are
// opaque, and survive a restart there. TOKEN_LIFETIME is in seconds. With LOGOUT_URI there's a client
// for users to log in to, and that's where it hears that they have logged out. With DPOP_NONCE proofs
// need a nonce. CLIENT_KEY is the public key of a client for machines.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import Provider, { errors } from 'oidc-provider';

const [port, issuer, keysFile] = process.argv.slice(2);
const {
  TOKENS_FILE: tokensFile, TOKEN_LIFETIME: lifetime = '600', LOGOUT_URI: logoutURI, DPOP_NONCE: dpopNonce,
  CLIENT_KEY: clientKey,
} = process.env;

const tokens = tokensFile && existsSync(tokensFile) ? JSON.parse(readFileSync(tokensFile, 'utf8')) : {};

// Client credentials need no more of an adapter than this.
class TokensFile {
  async upsert(id, payload) { tokens[id] = payload; this.write(); }

  async find(id) { return tokens[id]; }

  async destroy(id) { delete tokens[id]; this.write(); }

  write() { writeFileSync(tokensFile, JSON.stringify(tokens)); }
}

const provider = new Provider(issuer, {
  ...(tokensFile && { adapter: TokensFile }),
  ...(keysFile && { jwks: JSON.parse(readFileSync(keysFile, 'utf8')) }),
  clients: [{
    client_id: 'robot',
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...(keysFile && { id_token_signed_response_alg: 'ES256' }),
  },
  ...(logoutURI ? [{
    client_id: 'web',
    client_secret: 'secret',
    redirect_uris: ['https://web.example/callback'],
    backchannel_logout_uri: logoutURI,
    backchannel_logout_session_required: true,
    id_token_signed_response_alg: 'ES256',
  }] : []),
  ...(clientKey ? [{
    client_id: 'machine',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [JSON.parse(clientKey)] },
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  }] : [])],
  // Its dispatcher opens no connection to this host or a private address.
  ...(logoutURI && { fetch: (url, { dispatcher, ...options }) => fetch(url, options) }),
  features: {
    clientCredentials: { enabled: true },
    backchannelLogout: { enabled: Boolean(logoutURI) },
    devInteractions: { enabled: Boolean(logoutURI) },
    dPoP: {
      enabled: true,
      nonceSecret: Buffer.alloc(32, 'a secret of this test'),
      requireNonce: () => Boolean(dpopNonce),
    },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(ctx, resource) {
        if (resource !== 'https://orders.example') throw new errors.InvalidTarget();
        return {
          scope: 'orders:read orders:write',
          accessTokenFormat: tokensFile ? 'opaque' : 'jwt',
          accessTokenTTL: Number(lifetime),
          ...(keysFile && { jwt: { sign: { alg: 'ES256' } } }),
        };
      },
    },
  },
});

provider.on('backchannel.error', (ctx, err) => console.error(err));

provider.listen(Number(port), '127.0.0.1');
