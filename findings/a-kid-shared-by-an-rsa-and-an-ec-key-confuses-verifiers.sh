#!/usr/bin/env bash
# If an RSA and an EC key share a "kid", whether a token verifies depends on the library.
#
# Versions:  npm jose 6.2.18, aws-jwt-verify 5.2.1, jwks-rsa 4.1.0 with jsonwebtoken 9.0.3, Node 20;
#            github.com/MicahParks/keyfunc/v3 v3.9.1, github.com/coreos/go-oidc/v3 v3.21.0, Go 1.26.
# Guess:     RFC 7517, section 4.5, allows it for keys of different "kty", as
#            alternatives to each other. A verifier takes the one with the right kind for "alg".
# Behaviour: jose and go-oidc do. The others take the first key with this kid, whatever its
#            kind, and refuse each token of the second. The order of the set decides.
# Output, 2026-11-28:
#> jose:           RS256 true, ES256 true
#> aws-jwt-verify: RS256 true, ES256 false
#> jwks-rsa:       RS256 true, ES256 false
#> keyfunc:        RS256 true, ES256 false
#> go-oidc:        RS256 true, ES256 true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.mjs <<'JS'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { JwtVerifier } from 'aws-jwt-verify'
import * as jose from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'

const algs = ['RS256', 'ES256']
const keys = []
const tokens = {}
for (const alg of algs) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg)
  keys.push({ ...(await jose.exportJWK(publicKey)), kid: 'shared', use: 'sig', alg })
  tokens[alg] = await new jose.SignJWT({ iss: 'https://issuer.example', sub: 'user', exp: 4102444800 })
    .setProtectedHeader({ alg, kid: 'shared' })
    .sign(privateKey)
}
writeFileSync('jwks.json', JSON.stringify({ keys }))
for (const alg of algs) writeFileSync(alg, tokens[alg])

const issuer = createServer((_, response) => response.end(JSON.stringify({ keys })))
await new Promise((resolve) => issuer.listen(0, '127.0.0.1', resolve))
const client = jwksRsa({ jwksUri: `http://127.0.0.1:${issuer.address().port}/jwks` })
const aws = JwtVerifier.create({ issuer: 'https://issuer.example', audience: null, jwksUri: 'https://issuer.example/jwks' })
aws.cacheJwks({ keys })

const libraries = {
  'jose:          ': (token) => jose.jwtVerify(token, jose.createLocalJWKSet({ keys })),
  'aws-jwt-verify:': (token) => aws.verify(token),
  'jwks-rsa:      ': async (token) =>
    jsonwebtoken.verify(token, (await client.getSigningKey('shared')).getPublicKey(), { algorithms: algs }),
}
for (const [name, verify] of Object.entries(libraries)) {
  const answers = []
  for (const alg of algs) answers.push(`${alg} ${await verify(tokens[alg]).then(() => true, () => false)}`)
  console.log(name, answers.join(', '))
}
issuer.close()
issuer.closeAllConnections()
JS
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

func read(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

func main() {
	set := read("jwks.json")
	rs, es := string(read("RS256")), string(read("ES256"))
	keys, err := keyfunc.NewJWKSetJSON(set)
	if err != nil {
		panic(err)
	}
	withKeyfunc := func(token string) bool {
		_, err := jwt.Parse(token, keys.Keyfunc)
		return err == nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(set) }))
	remote := oidc.NewRemoteKeySet(context.Background(), server.URL)
	withOIDC := func(token string) bool {
		_, err := remote.VerifySignature(context.Background(), token)
		return err == nil
	}
	fmt.Printf("keyfunc:        RS256 %t, ES256 %t\n", withKeyfunc(rs), withKeyfunc(es))
	fmt.Printf("go-oidc:        RS256 %t, ES256 %t\n", withOIDC(rs), withOIDC(es))
}
GO
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 aws-jwt-verify@5.2.1 jwks-rsa@4.1.0 jsonwebtoken@9.0.3 >/dev/null
go mod init example >/dev/null 2>&1
go get github.com/MicahParks/keyfunc/v3@v3.9.1 github.com/coreos/go-oidc/v3@v3.21.0 2>/dev/null
{ node main.mjs && go run -mod=mod .; } | tee out
diff <(sed -n 's/^#> //p' "$self") out
