package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	refusing    = "Connect call without a token, 1 MiB"
	refusedSize = 1 << 20
	refuseSlice = 40 * time.Millisecond
)

// refuseRace times calls that are refused, without a network: what they cost the server.
func refuseRace(issuer *verifiertest.Issuer, rounds int) (Race, error) {
	v, err := verifier.New(issuer.Config())
	if err != nil {
		return Race{}, err
	}
	auth, err := interceptor.New(v)
	if err != nil {
		return Race{}, err
	}
	g := guard{name: ours, auth: auth}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectEcho{}, handlerOptions(g)...))
	results, err := race([]contestant{
		{"v1", 1, refusals(mux)},
		{"v1 behind middleware", 1, refusals(connectauth.NewMiddleware(auth).Wrap(mux))},
		{"v2", 1, refusals(newConnectV2(g))},
	}, rounds, refuseSlice)
	return Race{refusing, results}, err
}

func refusals(handler http.Handler) func(n int) error {
	message, err := proto.Marshal(&greetv1.GreetRequest{Name: strings.Repeat("a", refusedSize)})
	return func(n int) error {
		if err != nil {
			return err
		}
		for range n {
			req, err := http.NewRequest(http.MethodPost, greetv1connect.GreetServiceGreetProcedure, bytes.NewReader(message))
			if err != nil {
				return err
			}
			req.ProtoMajor = 2
			req.Header.Set("Content-Type", "application/proto")
			res := &response{header: make(http.Header)}
			handler.ServeHTTP(res, req)
			if res.status != http.StatusUnauthorized {
				return fmt.Errorf("the call got %d, want 401", res.status)
			}
		}
		return nil
	}
}

// A response keeps nothing but the status.
type response struct {
	header http.Header
	status int
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) Write(p []byte) (int, error) { return len(p), nil }
func (r *response) WriteHeader(status int)      { r.status = status }
