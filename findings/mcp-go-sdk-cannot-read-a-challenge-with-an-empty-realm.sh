#!/usr/bin/env bash
# The MCP SDK for Go can't read a challenge whose realm is the empty string.
#
# Versions:  github.com/modelcontextprotocol/go-sdk v1.8.0 (package oauthex), Go 1.26.
# Guess:     realm="" is a quoted-string like any other (RFC 9110, section 5.6.4), and
#            the client doesn't use the realm.
# Behaviour: the parser takes "" for a missing value and fails, with it every
#            challenge in the field, and the address of the metadata.
# Output, 2026-11-28:
#> Bearer realm="api", resource_metadata="https://api.example/metadata"
#>   1 challenge, metadata at "https://api.example/metadata"
#> Bearer realm="", resource_metadata="https://api.example/metadata"
#>   failed to parse challenge "Bearer realm=\"\", resource_metadata=\"https://api.example/metadata\"": no value for auth param "realm"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

func main() {
	for _, realm := range []string{"api", ""} {
		field := fmt.Sprintf(`Bearer realm=%q, resource_metadata="https://api.example/metadata"`, realm)
		fmt.Println(field)
		challenges, err := oauthex.ParseWWWAuthenticate([]string{field})
		if err != nil {
			fmt.Println(" ", err)
			continue
		}
		fmt.Printf("  %d challenge, metadata at %q\n", len(challenges), challenges[0].Params["resource_metadata"])
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/modelcontextprotocol/go-sdk@v1.8.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
