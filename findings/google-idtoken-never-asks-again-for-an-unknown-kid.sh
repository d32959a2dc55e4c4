#!/usr/bin/env bash
# Google's idtoken package refuses a new key until the cached set has aged out.
#
# Versions:  google.golang.org/api v0.314.0 (package idtoken), Go 1.26.
# Guess:     an unknown kid makes a verifier fetch the keys again, now and then at least.
# Behaviour: never. What counts is the set's Cache-Control alone, here 6 hours. Every
#            token of a key published since is refused, with one fetch in all.
# Output, 2026-11-28:
#> token of the first key: accepted, 1 fetch so far
#> after a rotation, token of the new key: idtoken: could not find matching cert keyId for the token provided
#> fetches in all: 1
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
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

// certs answers each request in Google's place.
type certs struct {
	set     string
	fetches int
}

func (c *certs) RoundTrip(*http.Request) (*http.Response, error) {
	c.fetches++
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"public, max-age=21600"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(c.set))}, nil
}

// rotate makes one new key the whole set and returns a token signed with it.
func (c *certs) rotate(kid string) string {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	n := base64.RawURLEncoding.EncodeToString(private.N.Bytes())
	c.set = fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","e":"AQAB","kid":%q,"n":%q}]}`, kid, n)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://accounts.google.com", "aud": "api", "sub": "user", "exp": time.Now().Add(time.Hour).Unix(),
	})
	token.Header["kid"] = kid
	signed, err := token.SignedString(private)
	if err != nil {
		panic(err)
	}
	return signed
}

func main() {
	ctx := context.Background()
	google := &certs{}
	validator, err := idtoken.NewValidator(ctx, option.WithHTTPClient(&http.Client{Transport: google}))
	if err != nil {
		panic(err)
	}
	if _, err := validator.Validate(ctx, google.rotate("first"), "api"); err != nil {
		panic(err)
	}
	fmt.Printf("token of the first key: accepted, %d fetch so far\n", google.fetches)
	_, err = validator.Validate(ctx, google.rotate("second"), "api")
	fmt.Println("after a rotation, token of the new key:", err)
	fmt.Println("fetches in all:", google.fetches)
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/api@v0.314.0 github.com/golang-jwt/jwt/v5@v5.3.1 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
