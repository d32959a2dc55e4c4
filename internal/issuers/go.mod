module github.com/oidcrpc/oidcrpc/internal/issuers

go 1.26.0

replace github.com/oidcrpc/oidcrpc => ../..

require (
	connectrpc.com/connect v1.21.1
	github.com/go-jose/go-jose/v4 v4.1.9
	github.com/oidcrpc/oidcrpc v0.0.0-00010101000000-000000000000
	golang.org/x/oauth2 v0.38.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	connectrpc.com/connect/v2 v2.0.2 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261104224025-d1e00e9f33ab // indirect
)
