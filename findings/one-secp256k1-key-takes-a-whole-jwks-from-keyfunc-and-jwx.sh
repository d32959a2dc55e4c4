#!/usr/bin/env bash
# One secp256k1 key in a JWK Set takes the RSA key beside it from keyfunc, jwx and go-spiffe.
#
# Versions:  github.com/MicahParks/keyfunc/v3 v3.9.1, github.com/lestrrat-go/jwx/v3 v3.4.0,
#            github.com/spiffe/go-spiffe/v2 v2.9.0, github.com/coreos/go-oidc/v3 v3.21.0, Go 1.26.
# Guess:     a library skips a key it can't use, as RFC 7517, section 5, advises.
#            ES256K and secp256k1 have been registered since RFC 8812.
# Behaviour: three of the four give up the whole set. An issuer that publishes such a key
#            for another audience takes these services down, though each token they
#            get is still signed with RSA. go-oidc, on the same go-jose as go-spiffe, doesn't mind.
# Output, 2026-11-28:
#> keyfunc:   RSA alone true, beside a secp256k1 key false
#> jwx:       RSA alone true, beside a secp256k1 key false
#> go-spiffe: RSA alone true, beside a secp256k1 key false
#> go-oidc:   RSA alone true, beside a secp256k1 key true
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
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// The base point of the curve is as good a public key as any.
const (
	baseX = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	baseY = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func main() {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	rsaKey := fmt.Sprintf(`{"kty":"RSA","kid":"r","use":"sig","alg":"RS256","e":"AQAB","n":%q}`, base64url(private.N.Bytes()))
	x, _ := hex.DecodeString(baseX)
	y, _ := hex.DecodeString(baseY)
	ecKey := fmt.Sprintf(`{"kty":"EC","kid":"k","use":"sig","alg":"ES256K","crv":"secp256k1","x":%q,"y":%q}`, base64url(x), base64url(y))
	alone := []byte(`{"keys":[` + rsaKey + `]}`)
	beside := []byte(`{"keys":[` + rsaKey + `,` + ecKey + `]}`)

	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "example"})
	token.Header["kid"] = "r"
	signed, err := token.SignedString(private)
	if err != nil {
		panic(err)
	}

	verify := []struct {
		name string
		with func(set []byte) bool
	}{
		{"keyfunc:  ", func(set []byte) bool {
			keys, err := keyfunc.NewJWKSetJSON(set)
			if err != nil {
				return false
			}
			_, err = jwt.Parse(signed, keys.Keyfunc)
			return err == nil
		}},
		{"jwx:      ", func(set []byte) bool {
			keys, err := jwk.Parse(set)
			if err != nil {
				return false
			}
			key, found := keys.LookupKeyID("r")
			if !found {
				return false
			}
			_, err = jws.Verify([]byte(signed), jws.WithKey(jwa.RS256(), key))
			return err == nil
		}},
		{"go-spiffe:", func(set []byte) bool {
			bundle, err := jwtbundle.Parse(spiffeid.RequireTrustDomainFromString("example.org"), set)
			return err == nil && len(bundle.JWTAuthorities()) > 0
		}},
		{"go-oidc:  ", func(set []byte) bool {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(set) }))
			defer server.Close()
			_, err := oidc.NewRemoteKeySet(context.Background(), server.URL).VerifySignature(context.Background(), signed)
			return err == nil
		}},
	}
	for _, v := range verify {
		fmt.Printf("%s RSA alone %t, beside a secp256k1 key %t\n", v.name, v.with(alone), v.with(beside))
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/MicahParks/keyfunc/v3@v3.9.1 github.com/lestrrat-go/jwx/v3@v3.4.0 \
	github.com/spiffe/go-spiffe/v2@v2.9.0 github.com/coreos/go-oidc/v3@v3.21.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
