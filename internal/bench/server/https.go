//go:build https

package main

import (
	"net/http"

	"google.golang.org/grpc"
)

func init() { options = append(options, outboundCall) }

// outboundCall is what most servers do somewhere. Fetching an issuer's keys takes no less.
func outboundCall() ([]grpc.ServerOption, error) {
	res, err := http.Get("https://issuer.example/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	return nil, res.Body.Close()
}
