package schema

// It generates the code of all protos of this repository, the examples' included.
//go:generate go tool -modfile=../../internal/tools/go.mod buf generate ../.. --config ../../internal/tools/buf.yaml --template ../../internal/tools/buf.gen.yaml
