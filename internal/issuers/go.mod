module github.com/oidcrpc/oidcrpc/internal/issuers

go 1.26.0

replace github.com/oidcrpc/oidcrpc => ../..

require github.com/oidcrpc/oidcrpc v0.0.0-00010101000000-000000000000

require (
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
)
