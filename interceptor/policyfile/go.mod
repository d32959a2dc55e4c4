module github.com/oidcrpc/oidcrpc/interceptor/policyfile

go 1.26.0

require github.com/oidcrpc/oidcrpc v0.0.0-00010101000000-000000000000

require (
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	go.yaml.in/yaml/v3 v3.0.6
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261104224025-d1e00e9f33ab // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/oidcrpc/oidcrpc => ../..
