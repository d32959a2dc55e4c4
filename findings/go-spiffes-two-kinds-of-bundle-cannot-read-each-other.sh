#!/usr/bin/env bash
# What one of go-spiffe's bundle packages writes, the other refuses, or reads as empty.
#
# Versions:  github.com/spiffe/go-spiffe/v2 v2.9.0 (packages bundle/jwtbundle, bundle/spiffebundle), Go 1.26.
# Guess:     both are JWK Sets of a trust domain's keys. A JWT authority that one package
#            writes is there when the other reads the file.
# Behaviour: jwtbundle writes keys without "use", and spiffebundle skips those without a word:
#            the bundle is empty and each token's key unknown. spiffebundle writes X.509 authorities
#            without "kid", and jwtbundle gives up a set that has one, JWT keys and all.
# Output, 2026-11-28:
#> written by jwtbundle, read by jwtbundle:       1 JWT authority
#> written by jwtbundle, read by spiffebundle:    0 JWT authorities
#> written by spiffebundle, read by spiffebundle: 1 JWT authority
#> written by spiffebundle, read by jwtbundle:    jwtbundle: error adding authority 0 of JWKS: keyID cannot be empty
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http/httptest"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

func main() {
	domain := spiffeid.RequireTrustDomainFromString("example.org")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	server := httptest.NewTLSServer(nil)
	certificate, err := x509.ParseCertificate(server.TLS.Certificates[0].Certificate[0])
	if err != nil {
		panic(err)
	}

	jwtKeys := jwtbundle.FromJWTAuthorities(domain, map[string]crypto.PublicKey{"k": key.Public()})
	write("jwtbundle", jwtKeys)
	both := spiffebundle.New(domain)
	if err := both.AddJWTAuthority("k", key.Public()); err != nil {
		panic(err)
	}
	both.AddX509Authority(certificate)
	write("spiffebundle", both)

	for _, writer := range []string{"jwtbundle", "spiffebundle"} {
		j, err := jwtbundle.Load(domain, writer)
		fromJWT := outcome(err, func() int { return len(j.JWTAuthorities()) })
		s, err := spiffebundle.Load(domain, writer)
		fromSPIFFE := outcome(err, func() int { return len(s.JWTAuthorities()) })
		lines := [][2]string{{"jwtbundle", fromJWT}, {"spiffebundle", fromSPIFFE}}
		if writer == "spiffebundle" {
			lines[0], lines[1] = lines[1], lines[0]
		}
		for _, line := range lines {
			fmt.Printf("%-46s %s\n", fmt.Sprintf("written by %s, read by %s:", writer, line[0]), line[1])
		}
	}
}

func write(name string, bundle interface{ Marshal() ([]byte, error) }) {
	b, err := bundle.Marshal()
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		panic(err)
	}
}

func outcome(err error, count func() int) string {
	if err != nil {
		return err.Error()
	}
	if count() == 1 {
		return "1 JWT authority"
	}
	return fmt.Sprintf("%d JWT authorities", count())
}
GO
go mod init example >/dev/null 2>&1
go get github.com/spiffe/go-spiffe/v2@v2.9.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
