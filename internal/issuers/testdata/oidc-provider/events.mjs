// Prints security event tokens that package jose has signed, as a JSON object. The arguments are a
// file with private keys, an issuer and an audience. The events are the examples in CAEP 1.0,
// sections 3.1.2, 3.2.2 and 3.3.2, and in Shared Signals Framework 1.0, section 8.1.4.2, about this
// issuer's users and with the time of now.
import { readFileSync } from 'node:fs';

import { SignJWT, importJWK } from 'jose';

const [keysFile, issuer, audience] = process.argv.slice(2);
const [jwk] = JSON.parse(readFileSync(keysFile, 'utf8')).keys;
const key = await importJWK(jwk, jwk.alg);
const now = Math.floor(Date.now() / 1000);

let count = 0;
async function sign(subject, type, details) {
  count += 1;
  return new SignJWT({ txn: '8675309', sub_id: subject, events: { [`https://schemas.openid.net/secevent/${type}`]: details } })
    .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid, typ: 'secevent+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setJti(`24c63fb56e5a2d77a6b512616ca9fa2${count}`)
    .sign(key);
}

const user = (sub) => ({ format: 'iss_sub', iss: issuer, sub });
const session = (id) => ({ format: 'opaque', id });

console.log(JSON.stringify({
  'an opaque session is revoked': await sign(session('dMTlD|1600802906337.16|16008.16'), 'caep/event-type/session-revoked', {
    event_timestamp: now - 168,
  }),
  "a user's session is revoked": await sign(
    {
      format: 'complex',
      session: session('dMTlD|1600802906337.17|16008.17'),
      user: user('alice'),
      tenant: session('123456789'),
    },
    'caep/event-type/session-revoked',
    {
      initiating_entity: 'policy',
      reason_admin: { en: 'Landspeed Policy Violation: C076E82F' },
      reason_user: { en: 'Access attempt from multiple regions.', es: 'Intento de acceso desde varias regiones.' },
      event_timestamp: now - 168,
    },
  ),
  'claims have changed': await sign(user('bob'), 'caep/event-type/token-claims-change', {
    event_timestamp: now - 168,
    claims: { role: 'ro-admin' },
  }),
  'a credential is new': await sign(user('carol'), 'caep/event-type/credential-change', {
    credential_type: 'fido2-roaming',
    change_type: 'create',
    fido2_aaguid: 'accced6a-63f5-490a-9eea-e59bc1896cfc',
    friendly_name: "Jane's USB authenticator",
    initiating_entity: 'user',
    reason_admin: { en: 'User self-enrollment' },
    event_timestamp: now - 168,
  }),
  'the stream is verified': await sign(session('f67e39a0a4d34d56b3aa1bc4cff0069f'), 'ssf/event-type/verification', {
    state: 'VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo=',
  }),
}));
