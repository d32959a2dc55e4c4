#!/usr/bin/env bash
# requests-oauthlib throws away a token if the server grants fewer scopes than it was asked for.
#
# Versions:  Debian's python3-requests-oauthlib 1.3.0+ds-1, python3-oauthlib 3.2.2-1, python3-authlib 1.2.0-1+deb12u2.
# Guess:     the token is good for what its "scope" says. RFC 6749, section 3.3, lets a server grant
#            less, if it tells the client.
# Behaviour: the client raises a Warning as an exception, and the caller has no token. A server
#            that says nothing of scopes is believed. OAUTHLIB_RELAX_TOKEN_SCOPE, a variable of
#            the environment, turns it off for the whole process.
# Output, 2026-11-28, asked for "read write":
#> scope "read write": requests-oauthlib has a token, Authlib has a token
#> scope "read":       requests-oauthlib raises Warning: Scope has changed from "read write" to "read"., Authlib has a token
#> no scope:           requests-oauthlib has a token, Authlib has a token
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" \
	python3-requests-oauthlib=1.3.0+ds-1 python3-oauthlib=3.2.2-1 python3-authlib=1.2.0-1+deb12u2 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"

cat >main.py <<'PY'
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

granted = {}


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"access_token": "example", "token_type": "Bearer", "expires_in": 300, **granted}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


endpoint = HTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=endpoint.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{endpoint.server_port}/token"


def requests_oauthlib():
    session = OAuth2Session(client=BackendApplicationClient(client_id="client", scope=["read", "write"]))
    return session.fetch_token(url, client_secret="secret")


def authlib():
    return AuthlibSession("client", "secret", scope="read write").fetch_token(url, grant_type="client_credentials")


for name, granted in [('scope "read write":', {"scope": "read write"}), ('scope "read":', {"scope": "read"}), ("no scope:", {})]:
    outcomes = []
    for library, fetch in [("requests-oauthlib", requests_oauthlib), ("Authlib", authlib)]:
        try:
            outcome = "has a token" if fetch()["access_token"] == "example" else "has another token"
        except Exception as error:
            outcome = f"raises {type(error).__name__}: {error}"
        outcomes.append(f"{library} {outcome}")
    print(f"{name:<19} {', '.join(outcomes)}")
PY
/usr/bin/python3 -W ignore main.py | tee out
diff <(sed -n 's/^#> //p' "$self") out
