#!/usr/bin/env bash
# Go's OAuth clients throw away a token if expires_in is 300.0; the others take it.
#
# Versions:  golang.org/x/oauth2 v0.38.0, cloud.google.com/go/auth v0.24.4, Go 1.26;
#            npm openid-client 6.9.0, simple-oauth2 5.1.0, @badgateway/oauth2-client 3.3.1, Node 20.
# Guess:     300.0 and 300 are the same number in JSON. Servers in languages that count in
#            floating point write either.
# Behaviour: both Go clients fail to parse the answer, and no token is left. Yet x/oauth2 takes the
#            string "300", which is no number at all. Google's module doesn't.
# Output, 2026-11-28:
#> x/oauth2: 300 granted, 300.0 failed, "300" granted
#> cloud.google.com/go/auth: 300 granted, 300.0 failed, "300" failed
#> openid-client: 300 granted, 300.0 granted, "300" granted
#> simple-oauth2: 300 granted, 300.0 granted, "300" granted
#> @badgateway/oauth2-client: 300 granted, 300.0 granted, "300" granted
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	seconds := ""
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"example","token_type":"Bearer","expires_in":%s}`, seconds)
	}))
	defer endpoint.Close()
	try := func(name string, fetch func() (time.Time, error)) {
		var outcomes []string
		for _, seconds = range []string{`300`, `300.0`, `"300"`} {
			outcome := "failed"
			if expiry, err := fetch(); err == nil {
				outcome = "granted"
				if left := time.Until(expiry); left < 250*time.Second || left > 300*time.Second {
					outcome = left.String()
				}
			}
			outcomes = append(outcomes, seconds+" "+outcome)
		}
		fmt.Printf("%s: %s\n", name, strings.Join(outcomes, ", "))
	}

	try("x/oauth2", func() (time.Time, error) {
		config := clientcredentials.Config{ClientID: "client", ClientSecret: "secret", TokenURL: endpoint.URL}
		token, err := config.Token(context.Background())
		if err != nil {
			return time.Time{}, err
		}
		return token.Expiry, nil
	})

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	provider, err := auth.New2LOTokenProvider(&auth.Options2LO{
		Email: "service@app.example", TokenURL: endpoint.URL,
		PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	})
	if err != nil {
		panic(err)
	}
	try("cloud.google.com/go/auth", func() (time.Time, error) {
		token, err := provider.Token(context.Background())
		if err != nil {
			return time.Time{}, err
		}
		return token.Expiry, nil
	})
}
GO
cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import { OAuth2Client } from '@badgateway/oauth2-client'
import * as client from 'openid-client'
import { ClientCredentials } from 'simple-oauth2'

let seconds
const endpoint = createServer((_, answer) => {
  answer.setHeader('Content-Type', 'application/json')
  answer.end(`{"access_token":"example","token_type":"Bearer","expires_in":${seconds}}`)
})
await new Promise((listening) => endpoint.listen(0, '127.0.0.1', listening))
const url = `http://127.0.0.1:${endpoint.address().port}`
const config = new client.Configuration({ issuer: url, token_endpoint: url }, 'client', undefined, client.ClientSecretBasic('secret'))
client.allowInsecureRequests(config)

// Each gives the seconds that are left.
const clients = {
  'openid-client': async () => (await client.clientCredentialsGrant(config)).expiresIn(),
  'simple-oauth2': async () => {
    const { token } = await new ClientCredentials({ client: { id: 'client', secret: 'secret' }, auth: { tokenHost: url } }).getToken({})
    return (token.expires_at - Date.now()) / 1000
  },
  '@badgateway/oauth2-client': async () => {
    const { expiresAt } = await new OAuth2Client({ clientId: 'client', clientSecret: 'secret', tokenEndpoint: url }).clientCredentials()
    return (expiresAt - Date.now()) / 1000
  },
}
for (const [name, fetchToken] of Object.entries(clients)) {
  const outcomes = []
  for (seconds of ['300', '300.0', '"300"']) {
    const left = await fetchToken().catch(() => null)
    outcomes.push(`${seconds} ${left === null ? 'failed' : left > 250 && left < 302 ? 'granted' : left}`)
  }
  console.log(`${name}: ${outcomes.join(', ')}`)
}
endpoint.close()
endpoint.closeAllConnections()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts openid-client@6.9.0 simple-oauth2@5.1.0 @badgateway/oauth2-client@3.3.1 >/dev/null
go mod init example >/dev/null 2>&1
go get golang.org/x/oauth2@v0.38.0 cloud.google.com/go/auth@v0.24.4 2>/dev/null
go build -mod=mod -o example .
{
	./example
	node main.mjs
} | tee out
diff <(sed -n 's/^#> //p' "$self") out
