#!/usr/bin/env bash
# x/oauth2 never replaces a token whose expires_in is 0.
#
# Versions:  golang.org/x/oauth2 v0.38.0, Go 1.26.
# Guess:     0 is less than 1. A token of 1 second is fetched anew for every call, so
#            a token of 0 seconds is too.
# Behaviour: 0 is read like a missing expires_in. The token gets no expiry, stays
#            valid and is sent for as long as the process runs.
# Output, 2026-11-28:
#> expires_in 1: expiry known true, 3 calls, 3 fetches
#> expires_in 0: expiry known false, 3 calls, 1 fetches
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	for _, seconds := range []int{1, 0} {
		fetches := 0
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fetches++
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"example","token_type":"Bearer","expires_in":%d}`, seconds)
		}))
		config := clientcredentials.Config{ClientID: "client", ClientSecret: "secret", TokenURL: endpoint.URL}
		source := config.TokenSource(context.Background())
		known := false
		for range 3 {
			token, err := source.Token()
			if err != nil {
				panic(err)
			}
			known = !token.Expiry.IsZero()
		}
		fmt.Printf("expires_in %d: expiry known %t, 3 calls, %d fetches\n", seconds, known, fetches)
		endpoint.Close()
	}
}
GO
go mod init example >/dev/null 2>&1
go get golang.org/x/oauth2@v0.38.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
