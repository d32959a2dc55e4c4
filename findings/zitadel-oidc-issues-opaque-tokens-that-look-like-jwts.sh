#!/usr/bin/env bash
# An opaque access token of zitadel/oidc begins like a JWT and has five parts.
#
# Versions:  github.com/zitadel/oidc/v3 v3.52.0 (its example server), Go 1.26.
# Guess:     opaque means random letters. What begins with "eyJ" and has dots is a JWT, and
#            its issuer's keys verify it.
# Behaviour: the client is set to AccessTokenTypeBearer, not to JWT, and gets a JWE that the
#            issuer alone can read. A service that sorts tokens by their look, some for
#            introspection, takes it for a JWT.
# Output, 2026-11-28:
#> begins with "eyJ": true, parts: 5
#> header: alg A256GCMKW, enc A256GCM
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	store := storage.NewStorage(storage.NewUserStore(server.URL))
	handler = exampleop.SetupServer(server.URL, store, slog.New(slog.NewTextHandler(io.Discard, nil)), false)

	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}
	request, err := http.NewRequest(http.MethodPost, server.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("sid1", "verysecret")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	var granted struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&granted); err != nil {
		panic(err)
	}
	parts := strings.Split(granted.Token, ".")
	fmt.Printf("begins with %q: %t, parts: %d\n", "eyJ", strings.HasPrefix(granted.Token, "eyJ"), len(parts))

	var header struct{ Alg, Enc string }
	b, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(b, &header); err != nil {
		panic(err)
	}
	fmt.Printf("header: alg %s, enc %s\n", header.Alg, header.Enc)
}
GO
go mod init example >/dev/null 2>&1
go get github.com/zitadel/oidc/v3@v3.52.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
