#!/usr/bin/env bash
# go-spiffe's JWTSource asks the agent for a new JWT-SVID for every call.
#
# Versions:  github.com/spiffe/go-spiffe/v2 v2.9.0, google.golang.org/grpc v1.85.0,
#            github.com/go-jose/go-jose/v4 v4.1.9, Go 1.26.
# Guess:     ten calls with one audience use one token, which lives five minutes. X509Source, next to
#            it, keeps its certificate until the agent sends a newer one.
# Behaviour: ten requests. JWTSource keeps the keys to verify others' tokens, and no token.
#            Each call waits for the Workload API, and fails while the agent restarts, though
#            the token before had nearly all its life left.
# Output, 2026-11-28:
#> agent up:   10 tokens, 10 requests for one
#> agent down: 0 tokens, though the last has over 4 minutes left: true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
)

const id = "spiffe://example.org/service"

// agent answers the Workload API with tokens of five minutes.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	key      *ecdsa.PrivateKey
	requests atomic.Int32
}

func (a *agent) FetchJWTSVID(_ context.Context, request *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	a.requests.Add(1)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: a.key, KeyID: "k"}}, nil)
	if err != nil {
		return nil, err
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Subject: id, Audience: request.Audience, IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(5 * time.Minute)),
	}).Serialize()
	return &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{{SpiffeId: id, Svid: token}}}, err
}

func (a *agent) FetchJWTBundles(_ *workload.JWTBundlesRequest, stream workload.SpiffeWorkloadAPI_FetchJWTBundlesServer) error {
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: "k"}}})
	if err != nil {
		return err
	}
	if err := stream.Send(&workload.JWTBundlesResponse{Bundles: map[string][]byte{"spiffe://example.org": keys}}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := &agent{key: key}
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, a)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.Serve(listener)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	source, err := workloadapi.NewJWTSource(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr("tcp://"+listener.Addr().String())))
	if err != nil {
		panic(err)
	}
	var last time.Time
	ten := func() (tokens int) {
		for range 10 {
			if token, err := source.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "api"}); err == nil {
				tokens++
				last = token.Expiry
			}
		}
		return tokens
	}
	fmt.Printf("agent up:   %d tokens, %d requests for one\n", ten(), a.requests.Load())
	server.Stop()
	fmt.Printf("agent down: %d tokens, though the last has over 4 minutes left: %t\n", ten(), time.Until(last) > 4*time.Minute)
}
GO
go mod init example >/dev/null 2>&1
go get github.com/spiffe/go-spiffe/v2@v2.9.0 github.com/go-jose/go-jose/v4@v4.1.9 google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
