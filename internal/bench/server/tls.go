//go:build tls

package main

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func init() { options = append(options, transportSecurity) }

func transportSecurity() ([]grpc.ServerOption, error) {
	creds, err := credentials.NewServerTLSFromFile("cert.pem", "key.pem")
	return []grpc.ServerOption{grpc.Creds(creds)}, err
}
