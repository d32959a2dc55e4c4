package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestEveryProcedureHasARule(t *testing.T) {
	auth := newTestAuthenticator(t, verifiertest.NewIssuer())
	served := grpcauth.Procedures(newGRPCServer(auth, &service{}))
	served = append(served, connectauth.Procedures(ordersv1.File_orders_v1_orders_proto)...)
	if err := auth.CheckPolicy(served); err != nil {
		t.Error(err)
	}
}

func TestConnectServesWhatTheProtoDescribes(t *testing.T) {
	described := connectauth.Procedures(ordersv1.File_orders_v1_orders_proto)
	server := newConnectServer(newTestAuthenticator(t, verifiertest.NewIssuer()), &service{})
	if served := connectauthv2.Procedures(server); !slices.Equal(served, described) {
		t.Errorf("the server serves %q, the proto describes %q", served, described)
	}
}

func TestProceduresAskWhatTheProtoSays(t *testing.T) {
	list := func(ctx context.Context, c client) error { _, err := c.list(ctx); return err }
	create := func(ctx context.Context, c client) error { _, err := c.create(ctx, "tea"); return err }
	remove := func(ctx context.Context, c client) error { return c.remove(ctx, "none") }
	watch := func(ctx context.Context, c client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, _ = c.create(ctx, "tea") // so that a caller who may watch sees something
		next, err := c.watch(ctx)
		if err == nil {
			_, err = next()
		}
		return err
	}
	imports := func(ctx context.Context, c client) error { _, err := c.imports(ctx, "tea"); return err }
	now := time.Now()
	var (
		stranger map[string]any
		nothing  = map[string]any{"sub": "alice"}
		reader   = map[string]any{"scope": "orders:read"}
		writer   = map[string]any{"scope": "orders:write"}
		longAgo  = map[string]any{"scope": "orders:write", "auth_time": now.Add(-time.Hour).Unix()}
		justNow  = map[string]any{"scope": "orders:write", "auth_time": now.Unix()}
		importer = map[string]any{"scope": "orders:write", "permissions": []string{"orders.import"}}
		partner  = map[string]any{"permissions": []string{"orders.import"}}
	)
	const (
		ok              = connect.Code(0)
		unauthenticated = connect.CodeUnauthenticated
		denied          = connect.CodePermissionDenied
		realm           = `Bearer realm="orders"`
		readScope       = realm + `, error="insufficient_scope", scope="orders:read"`
		writeScope      = realm + `, error="insufficient_scope", scope="orders:write"`
		permission      = realm + `, error="insufficient_scope", error_description="the token lacks a required permission"`
		loginAgain      = realm + `, error="insufficient_user_authentication"` +
			`, error_description="the user must authenticate again", max_age="900", scope="orders:write"`
	)
	tests := []struct {
		name      string
		call      func(context.Context, client) error
		claims    map[string]any
		want      connect.Code
		challenge string
	}{
		{"list, stranger", list, stranger, unauthenticated, realm},
		{"list, nothing granted", list, nothing, denied, readScope},
		{"list, reader", list, reader, ok, ""},
		{"list, writer", list, writer, ok, ""},
		{"create, stranger", create, stranger, unauthenticated, realm},
		{"create, reader", create, reader, denied, writeScope},
		{"create, writer", create, writer, ok, ""},
		{"delete, stranger", remove, stranger, unauthenticated, realm},
		{"delete, writer without a login time", remove, writer, unauthenticated, loginAgain},
		{"delete, writer who logged in long ago", remove, longAgo, unauthenticated, loginAgain},
		{"delete, writer who logged in just now", remove, justNow, connect.CodeNotFound, ""},
		{"watch, stranger", watch, stranger, unauthenticated, realm},
		{"watch, nothing granted", watch, nothing, denied, readScope},
		{"watch, writer", watch, writer, ok, ""},
		{"import, stranger", imports, stranger, unauthenticated, realm},
		{"import, writer", imports, writer, denied, permission},
		{"import, partner who may not write", imports, partner, denied, writeScope},
		{"import, importer", imports, importer, ok, ""},
	}
	server := startServer(t)
	for protocol := range protocols {
		for _, test := range tests {
			t.Run(protocol+", "+test.name, func(t *testing.T) {
				err := test.call(t.Context(), server.client(protocol, test.claims))
				code, challenge := connect.Code(0), ""
				if connectErr, ok := errors.AsType[*connect.Error](err); ok {
					code, challenge = connectErr.Code(), connectErr.Meta().Get("WWW-Authenticate")
				} else if err != nil {
					t.Fatal(err)
				}
				if code != test.want || challenge != test.challenge {
					t.Errorf("%v with %s, want %v with %s", code, challenge, test.want, test.challenge)
				}
			})
		}
	}
}

func TestHealthCheckIsOpenAndOtherHealthProceduresAreClosed(t *testing.T) {
	server := startServer(t)
	alice := bearer{token: server.issuer.Token(nil), next: server.transport}
	tests := []struct {
		procedure string
		caller    connect.HTTPClient
		want      connect.Code
	}{
		{interceptor.HealthCheck, &http.Client{Transport: server.transport}, 0},
		{interceptor.HealthList, &http.Client{Transport: server.transport}, connect.CodeUnauthenticated},
		{interceptor.HealthList, &http.Client{Transport: alice}, connect.CodePermissionDenied},
		{"/other.v1.Service/Method", &http.Client{Transport: alice}, connect.CodeUnimplemented},
	}
	for _, test := range tests {
		_, err := connect.NewClient[healthv1.HealthCheckRequest, healthv1.HealthCheckResponse](
			test.caller, server.url+test.procedure, connect.WithGRPC(),
		).CallUnary(t.Context(), connect.NewRequest(&healthv1.HealthCheckRequest{}))
		if code := codeOf(err); code != test.want {
			t.Errorf("%s: %v, want %v", test.procedure, err, test.want)
		}
	}
}
