package main

import (
	"os"
	"text/template"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var commands = template.Must(template.New("commands").Parse(`
The servers stay up. Stop them with Ctrl-C. From the repository's root:

TOKEN={{.Token}}

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"name":"Ada"}' http://{{.Connect}}/greet.v1.GreetService/Greet

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" \
  -import-path examples -proto greet/v1/greet.proto \
  -d '{"name":"Ada","count":3}' {{.GRPC}} greet.v1.GreetService/Watch

buf curl -v --schema examples/greet --protocol grpcweb --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" -d '{"name":"Ada"}' \
  http://{{.Connect}}/greet.v1.GreetService/Greet

Leave the Authorization header out, or change a byte of the token, to see the challenge.
`))

func printCommands(issuer *verifiertest.Issuer, servers servers) error {
	return commands.Execute(os.Stdout, map[string]string{
		"GRPC":    servers.grpc,
		"Connect": servers.connect,
		"Token": issuer.Token(map[string]any{
			"scope":       "greet:write",
			"permissions": []string{"converse"},
			"exp":         time.Now().Add(time.Hour).Unix(),
		}),
	})
}
