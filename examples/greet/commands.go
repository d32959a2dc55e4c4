package greet

import (
	"io"
	"text/template"
)

var commands = template.Must(template.New("commands").Parse(
	`TOKEN={{if .Token}}{{.Token}}{{else}}'a token from your issuer'{{end}}

curl -i -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"name":"Ada"}' http://{{.Connect}}/greet.v1.GreetService/Greet

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" \
  -d '{"name":"Ada","count":3}' {{.GRPC}} greet.v1.GreetService/Watch

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" \
  -d '{"name":"Ada"} {"name":"Grace"}' {{.GRPC}} greet.v1.GreetService/Collect

grpcurl -plaintext -v -H "Authorization: Bearer $TOKEN" \
  -d '{"name":"Ada"} {"name":"Grace"}' {{.GRPC}} greet.v1.GreetService/Converse

buf curl -v --protocol grpcweb --http2-prior-knowledge -H "Authorization: Bearer $TOKEN" \
  -d '{"name":"Ada"}' http://{{.Connect}}/greet.v1.GreetService/Greet

grpcurl -plaintext {{.GRPC}} grpc.health.v1.Health/Check

Collect needs the scope greet:write, Converse the permission converse, and the health check
nothing. Leave the token out, or change a byte of it, to see the challenge. grpcurl is
github.com/fullstorydev/grpcurl/cmd/grpcurl, and buf github.com/bufbuild/buf/cmd/buf, for go install.
Stop with Ctrl-C.
`))

// PrintCommands prints a command for each procedure. Without a token the user must get one.
func PrintCommands(w io.Writer, grpcAddr, connectAddr, token string) error {
	return commands.Execute(w, struct{ GRPC, Connect, Token string }{grpcAddr, connectAddr, token})
}
