#!/usr/bin/env bash
# Go's most used token libraries can't verify what RFC 9864 calls Ed25519.
#
# Versions:  github.com/golang-jwt/jwt/v5 v5.3.1, github.com/go-jose/go-jose/v4 v4.1.9,
#            github.com/coreos/go-oidc/v3 v3.21.0, github.com/lestrrat-go/jwx/v3 v3.4.0, Go 1.26.
# Guess:     a year after RFC 9864 deprecated "EdDSA" for "Ed25519", a library
#            for one name is one for the other: key and signature are the same bytes.
# Behaviour: only jwx does. go-jose even parses a token with this "alg" if it's told to
#            expect it, and then fails to verify with the right key.
# Output, 2026-11-28:
#> golang-jwt: EdDSA true, Ed25519 false
#> go-jose:    EdDSA true, Ed25519 false, parsed true
#> go-oidc:    EdDSA true, Ed25519 false
#> jwx:        EdDSA true, Ed25519 true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

func main() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	sign := func(alg string) string {
		base64url := base64.RawURLEncoding.EncodeToString
		input := base64url([]byte(`{"alg":"`+alg+`"}`)) + "." +
			base64url([]byte(`{"iss":"https://issuer.example","aud":"api","sub":"user","exp":4102444800}`))
		return input + "." + base64url(ed25519.Sign(private, []byte(input)))
	}
	old, current := sign("EdDSA"), sign("Ed25519")

	golangJWT := func(token string) bool {
		_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil })
		return err == nil
	}
	parsed := func(token string) *jose.JSONWebSignature {
		sig, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{"EdDSA", "Ed25519"})
		if err != nil {
			return nil
		}
		return sig
	}
	goJOSE := func(token string) bool {
		sig := parsed(token)
		if sig == nil {
			return false
		}
		_, err := sig.Verify(public)
		return err == nil
	}
	goOIDC := func(token string) bool {
		keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{public}}
		config := &oidc.Config{ClientID: "api", SupportedSigningAlgs: []string{"EdDSA", "Ed25519"}}
		_, err := oidc.NewVerifier("https://issuer.example", keys, config).Verify(context.Background(), token)
		return err == nil
	}
	jwx := func(token string, alg jwa.SignatureAlgorithm) bool {
		_, err := jws.Verify([]byte(token), jws.WithKey(alg, public))
		return err == nil
	}
	fmt.Printf("golang-jwt: EdDSA %t, Ed25519 %t\n", golangJWT(old), golangJWT(current))
	fmt.Printf("go-jose:    EdDSA %t, Ed25519 %t, parsed %t\n", goJOSE(old), goJOSE(current), parsed(current) != nil)
	fmt.Printf("go-oidc:    EdDSA %t, Ed25519 %t\n", goOIDC(old), goOIDC(current))
	fmt.Printf("jwx:        EdDSA %t, Ed25519 %t\n", jwx(old, jwa.EdDSA()), jwx(current, jwa.EdDSAEd25519()))
}
GO
go mod init example >/dev/null 2>&1
go get github.com/golang-jwt/jwt/v5@v5.3.1 github.com/go-jose/go-jose/v4@v4.1.9 \
	github.com/coreos/go-oidc/v3@v3.21.0 github.com/lestrrat-go/jwx/v3@v3.4.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
