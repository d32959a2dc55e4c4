#!/usr/bin/env bash
# openid-client signs its assertion for the issuer; fosite takes only the token endpoint.
#
# Versions:  npm openid-client 6.9.0, jose 6.2.18, Node 20; github.com/ory/fosite v0.49.0
#            (under Ory Hydra), Go 1.26.
# Guess:     private_key_jwt works between the two out of the box.
# Behaviour: invalid_client. The client puts the issuer alone into "aud", as newer profiles
#            ask. The server compares "aud" with the address of its token endpoint, as
#            OpenID Connect Core has it. The client needs its modifyAssertion hook to get in.
# Output, 2026-11-28:
#> audience as sent by default is the issuer: true
#> answer: invalid_client, Claim 'audience' from 'client_assertion' must match the authorization server's token endpoint.
#> with the token endpoint as audience: authenticated
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/storage"
)

// This server authenticates the client with fosite, and grants an example token if that succeeds.
func main() {
	var key jose.JSONWebKey
	b, err := os.ReadFile("public.json")
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(b, &key); err != nil {
		panic(err)
	}
	store := storage.NewMemoryStore()
	store.Clients["client"] = &fosite.DefaultOpenIDConnectClient{
		DefaultClient:                     &fosite.DefaultClient{ID: "client", GrantTypes: fosite.Arguments{"client_credentials"}},
		JSONWebKeys:                       &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}},
		TokenEndpointAuthMethod:           "private_key_jwt",
		TokenEndpointAuthSigningAlgorithm: "ES256",
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	issuer := "http://" + listener.Addr().String()
	provider := &fosite.Fosite{Store: store, Config: &fosite.Config{TokenURL: issuer + "/token"}}
	fmt.Println(issuer)
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		if _, err := provider.AuthenticateClient(r.Context(), r, r.PostForm); err != nil {
			refusal := fosite.ErrorToRFC6749Error(err)
			w.WriteHeader(refusal.CodeField)
			json.NewEncoder(w).Encode(map[string]string{"error": refusal.ErrorField, "error_description": refusal.HintField})
			return
		}
		fmt.Fprint(w, `{"access_token":"example","token_type":"bearer","expires_in":300}`)
	})))
}
GO
cat >key.mjs <<'JS'
import { writeFileSync } from 'node:fs'
import * as jose from 'jose'

const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
writeFileSync('public.json', JSON.stringify({ ...(await jose.exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }))
writeFileSync('private.json', JSON.stringify(await jose.exportJWK(privateKey)))
JS
cat >main.mjs <<'JS'
import { readFileSync } from 'node:fs'
import * as jose from 'jose'
import * as client from 'openid-client'

const issuer = process.argv[2]
const key = await jose.importJWK(JSON.parse(readFileSync('private.json')), 'ES256')
const grant = async (options, sent) => {
  const authentication = client.PrivateKeyJwt({ key, kid: 'k' }, options)
  const config = new client.Configuration({ issuer, token_endpoint: `${issuer}/token` }, 'client', undefined, authentication)
  client.allowInsecureRequests(config)
  config[client.customFetch] = (url, request) => {
    sent?.(jose.decodeJwt(request.body.get('client_assertion')))
    return fetch(url, request)
  }
  return client.clientCredentialsGrant(config)
}
try {
  await grant({}, ({ aud }) => console.log('audience as sent by default is the issuer:', aud === issuer))
  console.log('answer: authenticated')
} catch (error) {
  console.log(`answer: ${error.error}, ${error.error_description.replace(/ '[^ ]*\/token'/, '')}`)
}
await grant({ [client.modifyAssertion]: (_, payload) => (payload.aud = `${issuer}/token`) })
console.log('with the token endpoint as audience: authenticated')
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts openid-client@6.9.0 jose@6.2.18 >/dev/null
node key.mjs
go mod init example >/dev/null 2>&1
go get github.com/ory/fosite@v0.49.0 2>/dev/null
go build -mod=mod -o server .
./server >address &
server=$!
for _ in $(seq 100); do [ -s address ] && break || sleep 0.1; done
node main.mjs "$(cat address)" | tee out
diff <(sed -n 's/^#> //p' "$self") out
