#!/usr/bin/env bash
# The MCP SDK for Go refuses a token without the scope in the same words as no token at all.
#
# Versions:  github.com/modelcontextprotocol/go-sdk v1.8.0 (package auth), Go 1.26.
# Guess:     error="insufficient_scope" beside the 403, and error="invalid_token" beside
#            the 401 for an expired token, as RFC 6750, section 3.1, names them.
# Behaviour: no error in any challenge. The three differ in their HTTP status and a line
#            of plain text. A client can't tell "get a wider token" from "get a token"
#            by the challenge.
# Output, 2026-11-28:
#> no token:      401, Bearer scope="write"
#> expired token: 401, Bearer scope="write"
#> lacks a scope: 403, Bearer scope="write"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
)

func main() {
	verify := func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		if token == "expired" {
			return &auth.TokenInfo{UserID: "user", Scopes: []string{"write"}, Expiration: time.Now().Add(-time.Hour)}, nil
		}
		return &auth.TokenInfo{UserID: "user", Scopes: []string{"read"}, Expiration: time.Now().Add(time.Hour)}, nil
	}
	options := &auth.RequireBearerTokenOptions{Scopes: []string{"write"}}
	handler := auth.RequireBearerToken(verify, options)(http.NotFoundHandler())
	for _, test := range []struct{ name, authorization string }{
		{"no token:     ", ""},
		{"expired token:", "Bearer expired"},
		{"lacks a scope:", "Bearer narrow"},
	} {
		request := httptest.NewRequest(http.MethodPost, "/", nil)
		if test.authorization != "" {
			request.Header.Set("Authorization", test.authorization)
		}
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		fmt.Printf("%s %d, %s\n", test.name, response.Code, response.Header().Get("WWW-Authenticate"))
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/modelcontextprotocol/go-sdk@v1.8.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
