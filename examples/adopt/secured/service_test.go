package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A service is the program, as its callers reach it.
type service struct {
	issuer             *verifiertest.Server
	rest, connect, web string // URLs
	grpcAddr           string
	connectAddr        string
	client             *http.Client
}

func start(t *testing.T) *service {
	t.Helper()
	issuer := verifiertest.NewServer(verifiertest.WithAlgorithms("RS256"),
		verifiertest.WithTokenEndpoint(map[string]any{"aud": "greet"}))
	t.Cleanup(issuer.Close)
	on, err := listen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		issuer:      issuer,
		rest:        "http://" + on.rest.Addr().String(),
		connect:     "http://" + on.connect.Addr().String(),
		web:         "http://" + on.web.Addr().String(),
		grpcAddr:    on.grpc.Addr().String(),
		connectAddr: on.connect.Addr().String(),
		client:      &http.Client{Transport: &http.Transport{}},
	}
	t.Setenv("ISSUER", issuer.URL())
	t.Setenv("TOKENS", issuer.URL()+"/token")
	t.Setenv("MCP", s.web+"/mcp")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- run(ctx, slog.New(slog.DiscardHandler), on) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	return s
}

// token returns a good token with scopes.
func (s *service) token(subject, scope string) string {
	return s.issuer.Token(map[string]any{"aud": "greet", "sub": subject, "scope": scope})
}

// fail lets the issuer fail before it has given any keys away.
func (s *service) fail() { s.issuer.Fail(errors.New("down")) }

// dialTest returns a connection that sends nothing by itself.
func dialTest(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// timely bounds a call on a busy machine.
func timely(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// do sends a request, with a token unless it's empty.
func (s *service) do(t *testing.T, req *http.Request, token string) (*http.Response, string) {
	t.Helper()
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.client.Do(req.WithContext(timely(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}
