#!/usr/bin/env bash
# python-jose refuses a good token if a key of another kind comes first in the JWK Set.
#
# Versions:  Debian's python3-jose 3.3.0+dfsg-4, python3-jwt 2.6.0-1+deb12u1, python3-authlib 1.2.0-1+deb12u2.
# Guess:     the token names its key by "kid", and the library takes that one. It's in the set,
#            whatever stands before it.
# Behaviour: python-jose doesn't read "kid". It tries the keys in turn, and an elliptic key, asked
#            about RS256, isn't a failed try but the end. The order of the set decides,
#            which is the issuer's to change. Authlib doesn't mind an EC key, but ends at a "kty"
#            it doesn't know, such as the one for post-quantum keys.
# Output, 2026-11-28, for a token signed with the RSA key:
#> RSA, EC:  PyJWT accepted, python-jose accepted, Authlib accepted
#> EC, RSA:  PyJWT accepted, python-jose JWKError, Authlib accepted
#> RSA, AKP: PyJWT accepted, python-jose accepted, Authlib KeyError
#> AKP, RSA: PyJWT accepted, python-jose JWKError, Authlib KeyError
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" \
	python3-jose=3.3.0+dfsg-4 python3-jwt=2.6.0-1+deb12u1 python3-authlib=1.2.0-1+deb12u2 python3-cryptography >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"

cat >main.py <<'PY'
import base64
import json
import time

import jwt
from authlib.jose import JsonWebKey, JsonWebToken
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwt as python_jose


def encode(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


private = rsa.generate_private_key(65537, 2048)
numbers = private.public_key().public_numbers()
point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
keys = {
    "RSA": {"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": encode(numbers.n, 256), "e": "AQAB"},
    "EC": {"kty": "EC", "kid": "ec", "alg": "ES256", "use": "sig", "crv": "P-256", "x": encode(point.x, 32), "y": encode(point.y, 32)},
    "AKP": {"kty": "AKP", "kid": "akp", "alg": "ML-DSA-44", "use": "sig", "pub": encode(1, 1312)},
}
token = jwt.encode({"sub": "user", "exp": int(time.time()) + 300}, private, algorithm="RS256", headers={"kid": "rsa"})


def pyjwt(jwks):
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == kid)
    return jwt.decode(token, key.key, algorithms=["RS256"])


libraries = {
    "PyJWT": pyjwt,
    "python-jose": lambda jwks: python_jose.decode(token, jwks, algorithms=["RS256"]),
    "Authlib": lambda jwks: JsonWebToken(["RS256"]).decode(token, JsonWebKey.import_key_set(jwks)),
}
for order in ["RSA, EC", "EC, RSA", "RSA, AKP", "AKP, RSA"]:
    outcomes = []
    for library, decode in libraries.items():
        jwks = json.loads(json.dumps({"keys": [keys[kind] for kind in order.split(", ")]}))
        try:
            outcome = "accepted" if decode(jwks)["sub"] == "user" else "wrong"
        except Exception as error:
            outcome = type(error).__name__
        outcomes.append(f"{library} {outcome}")
    print(f"{order + ':':<9} {', '.join(outcomes)}")
PY
/usr/bin/python3 -W ignore main.py | tee out
diff <(sed -n 's/^#> //p' "$self") out
