package main

import (
	"os"

	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// dial returns a connection for this service's own calls to the gRPC server on this host.
func dial(target string) (*grpc.ClientConn, error) {
	creds := grpc.WithTransportCredentials(insecure.NewCredentials())
	login := clientcredentials.Config{ClientID: "web", ClientSecret: os.Getenv("SECRET"), TokenURL: os.Getenv("TOKENS")}
	login.Scopes = []string{"greet:read"}
	tokens := client.NewSource(login.Token)
	return grpc.NewClient(target, grpcauth.PlaintextClientOptions(tokens, creds)...)
}
