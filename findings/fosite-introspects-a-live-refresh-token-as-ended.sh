#!/usr/bin/env bash
# fosite introspects a live refresh token as active, and as ended in the past.
#
# Versions:  github.com/ory/fosite v0.49.0 (under Ory Hydra), Go 1.26.
# Guess:     "exp" is the end of the token in question, as RFC 7662, section 2.2, has it: an
#            hour from now. No "exp" would do, too.
# Behaviour: "exp" is the end of the access token that came with it. Once that has passed, the
#            answer contradicts itself. A client that caches answers until "exp" can't cache
#            this one, and one that checks both takes a good token for a bad one.
# Output, 2026-11-28, two seconds after the grant, access tokens live one second:
#> access token:  active false, exp absent
#> refresh token: active true, exp is the access token's: true, in the past: true
#> refresh token: used, a new access token is granted: true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
)

func main() {
	store := storage.NewMemoryStore()
	config := &fosite.Config{
		GlobalSecret:         []byte("an-example-secret-of-32-letters!"),
		AccessTokenLifespan:  time.Second,
		RefreshTokenLifespan: time.Hour,
	}
	secret, err := (&fosite.BCrypt{Config: config}).Hash(nil, []byte("secret"))
	if err != nil {
		panic(err)
	}
	store.Clients["client"] = &fosite.DefaultClient{
		ID: "client", Secret: secret, Scopes: []string{"offline"}, GrantTypes: []string{"password", "refresh_token"},
	}
	store.Users["user"] = storage.MemoryUserRelation{Username: "user", Password: "example"}
	provider := compose.Compose(config, store, &compose.CommonStrategy{CoreStrategy: compose.NewOAuth2HMACStrategy(config)},
		compose.OAuth2ResourceOwnerPasswordCredentialsFactory, compose.OAuth2RefreshTokenGrantFactory, compose.OAuth2TokenIntrospectionFactory)

	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		request, err := provider.NewAccessRequest(r.Context(), r, &fosite.DefaultSession{Subject: "user"})
		if err != nil {
			provider.WriteAccessError(r.Context(), w, request, err)
			return
		}
		request.GrantScope("offline")
		response, err := provider.NewAccessResponse(r.Context(), request)
		if err != nil {
			provider.WriteAccessError(r.Context(), w, request, err)
			return
		}
		provider.WriteAccessResponse(r.Context(), w, request, response)
	})
	mux.HandleFunc("/introspect", func(w http.ResponseWriter, r *http.Request) {
		response, err := provider.NewIntrospectionRequest(r.Context(), r, &fosite.DefaultSession{})
		if err != nil {
			provider.WriteIntrospectionError(r.Context(), w, err)
			return
		}
		provider.WriteIntrospectionResponse(r.Context(), w, response)
	})
	server := httptest.NewServer(mux)

	post := func(path string, form url.Values, answer any) {
		request, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			panic(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth("client", "secret")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			panic(err)
		}
	}
	var granted, again struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	before := time.Now()
	post("/token", url.Values{"grant_type": {"password"}, "username": {"user"}, "password": {"example"}, "scope": {"offline"}}, &granted)
	time.Sleep(2 * time.Second)
	type answer struct {
		Active bool
		Exp    *int64
	}
	var access, refresh answer
	post("/introspect", url.Values{"token": {granted.Access}}, &access)
	post("/introspect", url.Values{"token": {granted.Refresh}, "token_type_hint": {"refresh_token"}}, &refresh)
	if access.Exp != nil || refresh.Exp == nil {
		panic("exp")
	}
	fmt.Printf("access token:  active %t, exp absent\n", access.Active)
	end := time.Unix(*refresh.Exp, 0)
	ofAccess := end.After(before.Add(-time.Second)) && end.Before(before.Add(3*time.Second))
	fmt.Printf("refresh token: active %t, exp is the access token's: %t, in the past: %t\n", refresh.Active, ofAccess, end.Before(time.Now()))
	post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {granted.Refresh}}, &again)
	fmt.Printf("refresh token: used, a new access token is granted: %t\n", again.Access != "")
}
GO
go mod init example >/dev/null 2>&1
go get github.com/ory/fosite@v0.49.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
