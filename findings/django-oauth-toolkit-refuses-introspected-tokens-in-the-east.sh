#!/usr/bin/env bash
# Django OAuth Toolkit refuses each token it introspects if the site's time zone is east of Greenwich.
#
# Versions:  Debian's python3-django-oauth-toolkit 1.7.0-2, python3-django 3:3.2.25-0+deb12u7.
# Guess:     "exp" counts seconds in UTC, so TIME_ZONE, which is for showing times, changes
#            nothing.
# Behaviour: the resource server takes "exp" for local time when it stores the answer. In Tokyo a
#            token of an hour has ended eight hours ago. The issuer says "active", the
#            resource answers 403 without a challenge, and nothing is logged.
# Output, 2026-11-28, for an active token with an hour to live:
#> TIME_ZONE UTC:        200
#> TIME_ZONE Asia/Tokyo: 403, no challenge
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

mkdir -p debs/partial root
apt-get update -qq
apt-get install -y -qq --download-only --reinstall --no-install-recommends \
	-o APT::Sandbox::User=root -o Dir::Cache::archives="$dir/debs/" \
	python3-django-oauth-toolkit=1.7.0-2 python3-django=3:3.2.25-0+deb12u7 >/dev/null
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"

cat >main.py <<'PY'
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import django
from django.conf import settings


class Issuer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps({"active": True, "scope": "read", "exp": int(time.time()) + 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


issuer = HTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=issuer.serve_forever, daemon=True).start()
settings.configure(
    SECRET_KEY="example",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="urls",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    TIME_ZONE=sys.argv[1],
    OAUTH2_PROVIDER={
        "RESOURCE_SERVER_INTROSPECTION_URL": f"http://127.0.0.1:{issuer.server_port}/introspect",
        "RESOURCE_SERVER_AUTH_TOKEN": "example",
    },
)
django.setup()

from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from oauth2_provider.decorators import protected_resource

urls = type(sys)("urls")
urls.urlpatterns = [path("", protected_resource(scopes=["read"])(lambda request: HttpResponse("ok")))]
sys.modules["urls"] = urls
call_command("migrate", verbosity=0)
answer = Client().get("/", HTTP_AUTHORIZATION="Bearer example")
challenge = answer.headers.get("WWW-Authenticate")
name = f"TIME_ZONE {sys.argv[1]}:"
print(f"{name:<21} {answer.status_code}" + ("" if answer.status_code == 200 else f", {challenge or 'no challenge'}"))
PY
for zone in UTC Asia/Tokyo; do /usr/bin/python3 -W ignore main.py "$zone"; done | tee out
diff <(sed -n 's/^#> //p' "$self") out
