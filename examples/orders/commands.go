package main

import (
	"io"
	"text/template"
)

var commands = template.Must(template.New("commands").Parse(
	`Serving orders on {{.Addr}}.

TOKEN={{if .Token}}{{.Token}}{{else}}'a token from your issuer'{{end}}

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"item":"tea","quantity":2}' http://{{.Addr}}/orders.v1.OrderService/CreateOrder

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{}' http://{{.Addr}}/orders.v1.OrderService/ListOrders

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"id":"1"}' http://{{.Addr}}/orders.v1.OrderService/DeleteOrder

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" \
  -d '{"item":"milk","quantity":1} {"item":"sugar","quantity":1}' \
  {{.Addr}} orders.v1.OrderService/ImportOrders

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" {{.Addr}} orders.v1.OrderService/WatchOrders

grpcurl -plaintext {{.Addr}} grpc.health.v1.Health/Check
{{with .TokenURL}}
Other tokens: of another customer, who sees no orders of alice's; without a scope; of alice with a
fresh login, which DeleteOrder asks for every 15 minutes; and of one who logged in an hour ago.

TOKEN=$(curl -s -H 'Accept: application/jwt' -d grant_type=password -d username=bob \
  -d scope=orders:write {{.}})

TOKEN=$(curl -s -H 'Accept: application/jwt' -d grant_type=password -d username=alice {{.}})

TOKEN=$(curl -s -H 'Accept: application/jwt' -d grant_type=password -d username=alice \
  -d scope=orders:write {{.}})

TOKEN=$(curl -s -H 'Accept: application/jwt' -d grant_type=password -d username=alice \
  -d scope=orders:write -d claims="{\"auth_time\":$(($(date +%s) - 3600))}" {{.}})
{{end}}
Leave the token out, or change a byte of it, to see the challenge. For grpcurl, run
go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest. Stop with Ctrl-C.
`))

// printCommands prints how to call the service, and how to get tokens from our own issuer. With
// another issuer the user must get one there.
func printCommands(w io.Writer, addr string, own issuer) error {
	return commands.Execute(w, struct{ Addr, Token, TokenURL string }{addr, own.token, own.tokenURL})
}
