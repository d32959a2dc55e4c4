import * as DPoP from 'dpop';

// proving returns a fetch for connect-web that sends a token with a fresh proof.
export function proving(keys, getToken) {
  const nonces = new Map(); // the latest, by origin
  return async (input, init) => {
    const { href, origin, pathname } = new URL(input);
    const send = async () => {
      const token = await getToken();
      const headers = new Headers(init.headers);
      headers.set('Authorization', `DPoP ${token}`);
      headers.set('DPoP', await DPoP.generateProof(keys, origin + pathname, init.method, nonces.get(origin), token));
      const response = await fetch(href, { ...init, headers });
      const nonce = response.headers.get('DPoP-Nonce');
      if (nonce) nonces.set(origin, nonce);
      return response;
    };
    const response = await send();
    return /\buse_dpop_nonce\b/.test(response.headers.get('WWW-Authenticate')) ? send() : response;
  };
}
