#!/usr/bin/env bash
# The MCP SDK for Go can't log in to a server of the one for TypeScript at a host's root, without a slash.
#
# Versions:  github.com/modelcontextprotocol/go-sdk v1.8.0, Go 1.26; npm @modelcontextprotocol/sdk 1.32.2,
#            express 5.2.1, Node 20.
# Guess:     the client finds the server's metadata (RFC 9728), and in it the authorization server.
#            http://host and http://host/ are the same address.
# Behaviour: the server names its resource with a slash, whatever it was configured with. The
#            client compares letter by letter. If the user typed no slash, it drops the metadata
#            without a word, takes the MCP server for the authorization server, and ends
#            with an error about issuers that has nothing of the slash.
# Output, 2026-11-28:
#> configured as http://127.0.0.1:MCP, metadata for http://127.0.0.1:MCP/
#> client goes to http://127.0.0.1:MCP: failed to get authorization server metadata: metadata issuer "http://127.0.0.1:ISSUER" does not match issuer URL "http://127.0.0.1:MCP"
#> client goes to http://127.0.0.1:MCP/: the browser opens http://127.0.0.1:ISSUER/authorize
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

func main() {
	var servers struct{ MCP, Issuer string }
	b, err := os.ReadFile("servers.json")
	check(err)
	check(json.Unmarshal(b, &servers))
	var metadata struct{ Resource string }
	answer, err := http.Get(servers.MCP + "/.well-known/oauth-protected-resource")
	check(err)
	check(json.NewDecoder(answer.Body).Decode(&metadata))

	name := strings.NewReplacer(servers.MCP, "http://127.0.0.1:MCP", servers.Issuer, "http://127.0.0.1:ISSUER")
	fmt.Println(name.Replace(fmt.Sprintf("configured as %s, metadata for %s", servers.MCP, metadata.Resource)))
	for _, endpoint := range []string{servers.MCP, servers.MCP + "/"} {
		page, err := browse(endpoint)
		outcome := fmt.Sprint(err)
		if page != "" {
			outcome, _, _ = strings.Cut("the browser opens "+page, "?")
		}
		fmt.Println(name.Replace(fmt.Sprintf("client goes to %s: %s", endpoint, outcome)))
	}
}

// browse calls the MCP server without a token, and returns what the client then opens for the user.
func browse(endpoint string) (page string, err error) {
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		PreregisteredClient: &oauthex.ClientCredentials{ClientID: "client"},
		RedirectURL:         "http://127.0.0.1:1/callback",
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			page = args.URL
			return nil, errors.New("the user looks, and leaves")
		},
	})
	check(err)
	request, err := http.NewRequest(http.MethodPost, endpoint, nil)
	check(err)
	response, err := http.DefaultClient.Do(request)
	check(err)
	if response.StatusCode != http.StatusUnauthorized {
		panic(response.Status)
	}
	err = handler.Authorize(context.Background(), request, response)
	return page, err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
cat >main.mjs <<'JS'
import { renameSync, writeFileSync } from 'node:fs'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from '@modelcontextprotocol/sdk/server/auth/router.js'
import express from 'express'

const listen = (app) => new Promise((listening) => {
  const server = app.listen(0, '127.0.0.1', () => listening(`http://127.0.0.1:${server.address().port}`))
})
const authorization = express()
const issuer = await listen(authorization)
const oauthMetadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  response_types_supported: ['code'],
  code_challenge_methods_supported: ['S256'],
}
authorization.get('/.well-known/oauth-authorization-server', (_, response) => response.json(oauthMetadata))

const app = express()
const mcp = await listen(app)
const resourceServerUrl = new URL(mcp)
app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl }))
app.post('/', requireBearerAuth({
  verifier: { verifyAccessToken: async () => { throw new Error('no token comes this far') } },
  resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
}))
writeFileSync('new', JSON.stringify({ mcp, issuer }))
renameSync('new', 'servers.json')
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @modelcontextprotocol/sdk@1.32.2 express@5.2.1 >/dev/null
go mod init example >/dev/null 2>&1
go get github.com/modelcontextprotocol/go-sdk@v1.8.0 2>/dev/null
go build -mod=mod -o example .
node main.mjs &
server=$!
for _ in $(seq 100); do [ -e servers.json ] && break || sleep 0.1; done
./example | tee out
diff <(sed -n 's/^#> //p' "$self") out
