package schema

// Running go generate ./... generates the code for all protos in this repository, also
// in the examples, with the tools and plugins from internal/tools.
//
//go:generate go tool -modfile=../../internal/tools/go.mod buf generate ../.. --config ../../internal/tools/buf.yaml --template ../../internal/tools/buf.gen.yaml
