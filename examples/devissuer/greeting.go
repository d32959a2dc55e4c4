package main

import (
	"fmt"
	"io"
	"strings"
)

const banner = `
  ############################################################
  #                                                          #
  #  devissuer: FOR DEVELOPMENT AND TESTS, NOT PRODUCTION    #
  #  It gives any token to every caller who can reach it.    #
  #  Whatever trusts it has no secrets.                      #
  #                                                          #
  ############################################################
`

// greet prints who this issuer is, and how to use it.
func greet(w io.Writer, o options) error {
	keys := "new, for " + o.algorithm + "; -key keeps them"
	if o.keyFile != "" {
		keys = o.keyFile + ", for " + o.algorithm
	}
	_, err := fmt.Fprintf(w, `%s
Issuer    %[2]s
Audience  %[3]s
Keys      %[4]s

A service that trusts it, to try:

go run github.com/oidcrpc/oidcrpc/examples/server@latest -issuer %[2]s -audience %[3]s -algorithms %[6]s

%[5]s
Stop with Ctrl-C.
`, banner, o.url, o.audience, keys, usage(strings.TrimSuffix(o.url, "/")), o.algorithm)
	return err
}

func usage(url string) string {
	return strings.ReplaceAll(`A token for a client, one for a user who just logged in, and one with any claims:

curl URL/token -d grant_type=client_credentials -d client_id=shop -d scope='orders:read orders:write'
curl URL/token -d grant_type=password -d username=alice -d scope=orders:read
curl URL/token -d grant_type=client_credentials -d 'claims={"permissions":["admin"],"scope":null}'

For another audience, or expired, and the token alone, for a shell:

curl URL/token -d grant_type=client_credentials -d audience=https://other.example -d expires_in=-60
TOKEN=$(curl -s URL/token -H 'Accept: application/jwt' -d grant_type=client_credentials)

New keys, an outage, and its end:

curl -X POST URL/rotate
curl -X POST URL/fail
curl -X POST URL/heal

Metadata: URL/.well-known/openid-configuration
`, "URL", url)
}
