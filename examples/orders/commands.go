package main

import (
	"io"
	"text/template"
)

var commands = template.Must(template.New("commands").Parse(
	`Serving orders on {{.Addr}}. Stop with Ctrl-C. From the repository's root:

TOKEN={{if .Token}}{{.Token}}{{else}}'a token from your issuer'{{end}}

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"item":"tea","quantity":2}' http://{{.Addr}}/orders.v1.OrderService/CreateOrder

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{}' http://{{.Addr}}/orders.v1.OrderService/ListOrders

grpcurl -plaintext -H "Authorization: Bearer $TOKEN" \
  -import-path examples -import-path interceptor/schema/proto -proto orders/v1/orders.proto \
  {{.Addr}} orders.v1.OrderService/WatchOrders

Leave the token out, or change a byte of it, to see the challenge.
`))

// printCommands prints how to call the service. Without a token the user must get one.
func printCommands(w io.Writer, addr, token string) error {
	return commands.Execute(w, struct{ Addr, Token string }{addr, token})
}
