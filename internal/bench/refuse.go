package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	refusing    = "Connect call without a token"
	refuseSlice = 40 * time.Millisecond
)

// refuseRaces time calls that are refused, without a network: what they cost the server,
// and how much of the request it reads.
func refuseRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	v, err := verifier.New(issuer.Config())
	if err != nil {
		return nil, err
	}
	auth, err := interceptor.New(v)
	if err != nil {
		return nil, err
	}
	g := guard{name: ours, auth: auth}
	v1, v2 := http.NewServeMux(), newConnectV2(g)
	v1.Handle(greetv1connect.NewGreetServiceHandler(connectEcho{}, handlerOptions(g)...))
	for _, mebibytes := range []int{1, 3} {
		name := fmt.Sprintf("%s, %d MiB", refusing, mebibytes)
		if !want(name) {
			continue
		}
		message, err := proto.Marshal(&greetv1.GreetRequest{Name: strings.Repeat("a", mebibytes<<20)})
		if err != nil {
			return nil, err
		}
		refusals := []*refusals{
			{name: "v1", handler: v1, message: message},
			{name: "v1 behind middleware", handler: connectauth.NewMiddleware(auth).Wrap(v1), message: message},
			{name: "v2", handler: v2, message: message},
			{name: "v2 behind middleware", handler: connectauthv2.NewMiddleware(auth).Wrap(v2), message: message},
		}
		var contestants []contestant
		for _, r := range refusals {
			contestants = append(contestants, contestant{r.name, 1, r.run})
		}
		results, err := race(contestants, rounds, refuseSlice)
		if err != nil {
			return nil, err
		}
		for i, r := range refusals {
			results[i].Read = float64(r.read) / float64(r.calls)
		}
		races = append(races, Race{name, results})
	}
	return races, nil
}

// refusals are calls to one handler with the same message.
type refusals struct {
	name        string
	handler     http.Handler
	message     []byte
	calls, read int // so far
}

func (r *refusals) run(n int) error {
	for range n {
		body := bytes.NewReader(r.message)
		req, err := http.NewRequest(http.MethodPost, greetv1connect.GreetServiceGreetProcedure, io.NopCloser(body))
		if err != nil {
			return err
		}
		req.ProtoMajor = 2
		req.ContentLength = body.Size()
		req.Header.Set("Content-Type", "application/proto")
		res := &response{header: make(http.Header)}
		r.handler.ServeHTTP(res, req)
		if res.status != http.StatusUnauthorized {
			return fmt.Errorf("the call got %d, want 401", res.status)
		}
		r.calls, r.read = r.calls+1, r.read+len(r.message)-body.Len()
	}
	return nil
}

// A response keeps nothing but the status.
type response struct {
	header http.Header
	status int
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) Write(p []byte) (int, error) { return len(p), nil }
func (r *response) WriteHeader(status int)      { r.status = status }
