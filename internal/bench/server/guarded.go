//go:build guarded

package main

import (
	"google.golang.org/grpc"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func init() { options = append(options, guard) }

func guard() ([]grpc.ServerOption, error) {
	v, err := verifier.New(verifier.Config{Issuer: "https://issuer.example", Audiences: []string{"orders"}})
	if err != nil {
		return nil, err
	}
	auth, err := interceptor.New(v)
	if err != nil {
		return nil, err
	}
	return grpcauth.ServerOptions(auth), nil
}
