#!/usr/bin/env bash
# With a plus or a slash in its secret, a client gets in at some servers and not at others.
#
# Versions:  golang.org/x/oauth2 v0.38.0, github.com/ory/fosite v0.49.0 (under Ory Hydra),
#            github.com/go-oauth2/oauth2/v4 v4.5.4, Go 1.26; npm openid-client 6.9.0,
#            simple-oauth2 5.1.0, @badgateway/oauth2-client 3.3.1, token-introspection 3.3.0,
#            oidc-provider 9.13.3, @node-oauth/oauth2-server 5.3.0, Node 20.
# Guess:     base64 makes good secrets, and HTTP Basic is the best known way to send one. Each of
#            these clients authenticates at each of these servers.
# Behaviour: RFC 6749, section 2.3.1, has both halves form-encoded before Basic encodes
#            them. Some do it, others don't. "ab+c/d==" works where both sides agree,
#            and a server that decodes finds a space where the plus was.
# Output, 2026-11-28:
#> client @badgateway/oauth2-client sends ab%2Bc%2Fd%3D%3D
#> client openid-client sends ab%2Bc%2Fd%3D%3D
#> client simple-oauth2 sends ab%2Bc%2Fd%3D%3D
#> client token-introspection sends ab+c/d==
#> client x/oauth2 sends ab%2Bc%2Fd%3D%3D
#> server @node-oauth/oauth2-server takes it encoded: false, as it is: true
#> server fosite takes it encoded: true, as it is: false
#> server go-oauth2 takes it encoded: false, as it is: true
#> server oidc-provider takes it encoded: true, as it is: false
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	memory "github.com/go-oauth2/oauth2/v4/store"
	"github.com/ory/fosite"
	"github.com/ory/fosite/storage"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const secret = "ab+c/d=="

func main() {
	clients()
	servers()
}

func clients() {
	var sent string
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, sent, _ = r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"example","token_type":"Bearer","active":true}`)
	}))
	defer endpoint.Close()
	ctx := context.Background()

	config := clientcredentials.Config{ClientID: "client", ClientSecret: secret, TokenURL: endpoint.URL, AuthStyle: oauth2.AuthStyleInHeader}
	if _, err := config.Token(ctx); err != nil {
		panic(err)
	}
	fmt.Println("client x/oauth2 sends", sent)
}

func servers() {
	config := &fosite.Config{}
	config.ClientSecretsHasher = &fosite.BCrypt{Config: config}
	hashed, err := config.ClientSecretsHasher.Hash(context.Background(), []byte(secret))
	if err != nil {
		panic(err)
	}
	store := storage.NewMemoryStore()
	store.Clients["client"] = &fosite.DefaultClient{ID: "client", Secret: hashed}
	provider := &fosite.Fosite{Store: store, Config: config}
	try("fosite", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if _, err := provider.AuthenticateClient(r.Context(), r, r.PostForm); err != nil {
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	}))

	manager := manage.NewDefaultManager()
	manager.MustTokenStorage(memory.NewMemoryTokenStore())
	registered := memory.NewClientStore()
	registered.Set("client", &models.Client{ID: "client", Secret: secret})
	manager.MapClientStorage(registered)
	oauth := server.NewDefaultServer(manager)
	oauth.SetClientInfoHandler(server.ClientBasicHandler)
	try("go-oauth2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { oauth.HandleTokenRequest(w, r) }))
}

func try(name string, handler http.Handler) {
	endpoint := httptest.NewServer(handler)
	defer endpoint.Close()
	grants := func(sent string) bool {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {"example"}, "redirect_uri": {"https://app.example"}}
		request, err := http.NewRequest(http.MethodPost, endpoint.URL, strings.NewReader(form.Encode()))
		if err != nil {
			panic(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth("client", sent)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		var answer struct{ Error string }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			panic(err)
		}
		return answer.Error == "invalid_grant"
	}
	fmt.Printf("server %s takes it encoded: %t, as it is: %t\n", name, grants(url.QueryEscape(secret)), grants(secret))
}
GO
cat >main.mjs <<'JS'
import { createServer } from 'node:http'
import { OAuth2Client } from '@badgateway/oauth2-client'
import OAuth2Server from '@node-oauth/oauth2-server'
import Provider from 'oidc-provider'
import * as client from 'openid-client'
import { ClientCredentials } from 'simple-oauth2'
import TokenIntrospection from 'token-introspection'

const secret = 'ab+c/d=='
const serve = (handle) => new Promise((listening) => {
  const server = createServer(handle).listen(0, '127.0.0.1', () => listening([`http://127.0.0.1:${server.address().port}`, server]))
})

// The clients, at an endpoint that grants anything.
let sent
const [endpoint, capture] = await serve((request, answer) => {
  sent = Buffer.from(request.headers.authorization.split(' ')[1], 'base64').toString().split(':')[1]
  answer.setHeader('Content-Type', 'application/json')
  answer.end('{"access_token":"example","token_type":"bearer","active":true}')
})
const config = new client.Configuration({ issuer: endpoint, token_endpoint: endpoint }, 'client', undefined, client.ClientSecretBasic(secret))
client.allowInsecureRequests(config)
await client.clientCredentialsGrant(config)
console.log('client openid-client sends', sent)
await new ClientCredentials({ client: { id: 'client', secret }, auth: { tokenHost: endpoint } }).getToken({})
console.log('client simple-oauth2 sends', sent)
await new OAuth2Client({ clientId: 'client', clientSecret: secret, tokenEndpoint: endpoint, authenticationMethod: 'client_secret_basic' }).clientCredentials()
console.log('client @badgateway/oauth2-client sends', sent)
await new TokenIntrospection({ endpoint, client_id: 'client', client_secret: secret, allowed_algs: [] })('example', 'access_token')
console.log('client token-introspection sends', sent)
capture.close()

const attempt = async (name, url, authenticated) => {
  const one = async (half) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from(`client:${half}`).toString('base64')}`, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    })
    return authenticated(await response.json())
  }
  console.log(`server ${name} takes it encoded: ${await one(encodeURIComponent(secret))}, as it is: ${await one(secret)}`)
}
const [url, issuing] = await serve((request, answer) => provider.callback()(request, answer))
console.warn = console.info = () => {}
const provider = new Provider(url, {
  clients: [{ client_id: 'client', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  features: { clientCredentials: { enabled: true } },
})
await attempt('oidc-provider', `${url}/token`, (answer) => 'access_token' in answer)
issuing.close()

const model = {
  getClient: (id, given) => given === secret && { id, grants: ['client_credentials'] },
  getUserFromClient: () => ({}),
  saveToken: (token, { id }, user) => ({ ...token, client: { id }, user }),
}
const oauth = new OAuth2Server({ model })
const [other, granting] = await serve(async (request, answer) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const response = new OAuth2Server.Response({})
  await oauth.token(new OAuth2Server.Request({
    method: 'POST', query: {}, headers: request.headers, body: Object.fromEntries(new URLSearchParams(body)),
  }), response).catch(() => {})
  answer.end(JSON.stringify(response.body))
})
await attempt('@node-oauth/oauth2-server', other, (answer) => 'access_token' in answer)
granting.close()
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts openid-client@6.9.0 simple-oauth2@5.1.0 \
	@badgateway/oauth2-client@3.3.1 token-introspection@3.3.0 oidc-provider@9.13.3 @node-oauth/oauth2-server@5.3.0 >/dev/null
go mod init example >/dev/null 2>&1
go get golang.org/x/oauth2@v0.38.0 github.com/ory/fosite@v0.49.0 github.com/go-oauth2/oauth2/v4@v4.5.4 2>/dev/null
go build -mod=mod -o example .
{
	./example
	node main.mjs 2>/dev/null
} | LC_ALL=C sort | tee out
diff <(sed -n 's/^#> //p' "$self") out
