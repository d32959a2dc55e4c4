package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
	refusingH2C = refusing + ", 1 MiB, h2c"
	refusingAsk = refusingH2C + ", 100-continue"
)

// refuseH2CRaces time refused calls over sockets, so what the client does counts, too. It
// sends as much as the server lets it until it's refused, or asks first.
func refuseH2CRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
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
	for _, r := range []struct{ name, expect string }{{refusingH2C, ""}, {refusingAsk, "100-continue"}} {
		if !want(r.name) {
			continue
		}
		var contestants []contestant
		for _, s := range []struct {
			name    string
			handler http.Handler
		}{
			{"v1", v1},
			{"v1 behind middleware", connectauth.NewMiddleware(auth).Wrap(v1)},
			{"v2", v2},
			{"v2 behind middleware", connectauthv2.NewMiddleware(auth).Wrap(v2)},
		} {
			call, stop, err := refuseH2C(s.handler, r.expect)
			if err != nil {
				return nil, err
			}
			defer stop()
			contestants = append(contestants, contestant{s.name, callers, manyCallers(call)})
		}
		results, err := race(contestants, rounds, refuseSlice)
		if err != nil {
			return nil, err
		}
		races = append(races, Race{Name: r.name, Results: results})
	}
	return races, nil
}

// refuseH2C returns a refused call. All callers share a connection.
func refuseH2C(handler http.Handler, expect string) (call func(context.Context) error, stop func(), err error) {
	message, err := proto.Marshal(&greetv1.GreetRequest{Name: strings.Repeat("a", 1<<20)})
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{Protocols: &protocols, ExpectContinueTimeout: time.Minute}
	url := "http://" + listener.Addr().String() + greetv1connect.GreetServiceGreetProcedure
	call = func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/proto")
		if expect != "" {
			req.Header.Set("Expect", expect)
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("the call got %d, want 401", res.StatusCode)
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return call, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	}, nil
}
