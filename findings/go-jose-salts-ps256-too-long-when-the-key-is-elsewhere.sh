#!/usr/bin/env bash
# If go-jose signs a PS256 token by a crypto.Signer, other libraries refuse it.
#
# Versions:  github.com/go-jose/go-jose/v4 v4.1.9 (package cryptosigner), Go 1.26;
#            npm jose 6.2.18, Node 20.
# Guess:     a key in a KMS or an HSM is a crypto.Signer, and package cryptosigner is for those.
#            It signs as with the key itself: both right or, as guessed, both wrong.
# Behaviour: with the key itself the salt is as long as the hash, as RFC 7518, section 3.5, wants
#            it. Through cryptosigner it's as long as the key allows. go-jose and others find
#            out the length and accept both, but jose for Node doesn't.
#            PS256 is an algorithm of FAPI 2.0, where client assertions are signed this way.
# Output, 2026-11-28, who accepts a token for which signer:
#> the key itself: go-jose true, crypto/rsa with a salt of 32 bytes true, of any length true
#> cryptosigner:   go-jose true, crypto/rsa with a salt of 32 bytes false, of any length true
#> the key itself: jose for Node true
#> cryptosigner:   jose for Node false, ERR_JWS_SIGNATURE_VERIFICATION_FAILED
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

func main() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	var tokens []string
	for i, name := range []string{"the key itself:", "cryptosigner:"} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: []any{key, cryptosigner.Opaque(key)}[i]}, nil)
		if err != nil {
			panic(err)
		}
		signed, err := signer.Sign([]byte(`{"iss":"client"}`))
		if err != nil {
			panic(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			panic(err)
		}
		tokens = append(tokens, token)

		parsed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.PS256})
		if err != nil {
			panic(err)
		}
		_, err = parsed.Verify(&key.PublicKey)
		dot := strings.LastIndex(token, ".")
		signature, decodeErr := base64.RawURLEncoding.DecodeString(token[dot+1:])
		if decodeErr != nil {
			panic(decodeErr)
		}
		digest := sha256.Sum256([]byte(token[:dot]))
		withSalt := func(length int) bool {
			return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: length}) == nil
		}
		fmt.Printf("%-15s go-jose %t, crypto/rsa with a salt of 32 bytes %t, of any length %t\n",
			name, err == nil, withSalt(rsa.PSSSaltLengthEqualsHash), withSalt(rsa.PSSSaltLengthAuto))
	}
	out, err := json.Marshal(map[string]any{"key": jose.JSONWebKey{Key: &key.PublicKey}, "tokens": tokens})
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile("signed.json", out, 0o600); err != nil {
		panic(err)
	}
}
GO
cat >main.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { compactVerify, importJWK } from 'jose'

const { key, tokens } = JSON.parse(readFileSync('signed.json', 'utf8'))
const publicKey = await importJWK(key, 'PS256')
for (const [i, name] of ['the key itself:', 'cryptosigner:'].entries()) {
  const result = await compactVerify(tokens[i], publicKey).then(() => 'true', (error) => `false, ${error.code}`)
  console.log(`${name.padEnd(15)} jose for Node ${result}`)
}
JS
go mod init example >/dev/null 2>&1
go get github.com/go-jose/go-jose/v4@v4.1.9 2>/dev/null
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 >/dev/null
{ go run -mod=mod . && node main.mjs; } | tee out
diff <(sed -n 's/^#> //p' "$self") out
