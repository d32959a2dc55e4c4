package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A call is one row: what is sent, and what must happen.
type call struct {
	procedure     string
	sent          string
	authorization func() []string
	invoke        func(context.Context, *client, http.Header) error
	promised      outcome
}

// calls returns the rows. The last one waits for its token to expire.
func calls(issuer *verifiertest.Issuer) []call {
	bearer := func(claims map[string]any, options ...verifiertest.TokenOption) func() []string {
		return func() []string { return []string{"Bearer " + issuer.Token(claims, options...)} }
	}
	none := func() []string { return nil }
	good := bearer(map[string]any{"scope": "greet:write", "permissions": []string{"converse"}})
	two := func() []string { return slices.Concat(good(), good()) }
	forged := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	})
	const (
		realm        = `Bearer realm="greet"`
		invalidToken = realm + `, error="invalid_token", error_description=`
	)
	admitted := outcome{}
	unauthenticated := func(challenge string) outcome { return outcome{connect.CodeUnauthenticated, challenge} }
	denied := func(challenge string) outcome { return outcome{connect.CodePermissionDenied, challenge} }
	return []call{
		{"Greet", "a good token", good, greetOnce, admitted},
		{"Watch", "a good token", good, watchOnce, admitted},
		{"Collect", "a good token", good, collect, admitted},
		{"Converse", "a good token", good, converse, admitted},
		{"Health/Check", "no token", none, checkHealth, admitted},
		{"Greet", "no token", none, greetOnce, unauthenticated(realm)},
		{"Watch", "no token", none, watchOnce, unauthenticated(realm)},
		{"Greet", "an expired token", bearer(map[string]any{"exp": -time.Minute}), greetOnce,
			unauthenticated(invalidToken + `"the token has expired"`)},
		{"Greet", "another audience", bearer(map[string]any{"aud": "https://other.test"}), greetOnce,
			unauthenticated(invalidToken + `"the token is for another audience"`)},
		{"Greet", "a bad signature", bearer(nil, forged), greetOnce,
			unauthenticated(invalidToken + `"the signature is not valid"`)},
		{"Greet", "two tokens", two, greetOnce, unauthenticated(realm + `, error="invalid_request"`)},
		{"Collect", "no scope", bearer(nil), collect,
			denied(realm + `, error="insufficient_scope", scope="greet:write"`)},
		{"Converse", "no permission", bearer(nil), converse,
			denied(realm + `, error="insufficient_scope", error_description="the token lacks a required permission"`)},
		{"Watch", "a token that expires", bearer(map[string]any{"exp": 3 * time.Second}), watchOn,
			unauthenticated(invalidToken + `"the token expired while the stream was open"`)},
	}
}

// callAll makes every call to every server and protocol, prints a table with the outcomes and
// returns an error unless all of them are as promised.
func callAll(ctx context.Context, stdout io.Writer, colour bool, servers *servers) error {
	clients := []*client{
		newClient("grpc-go", "gRPC", servers.grpc, connect.WithGRPC()),
		newClient("connect v2", "gRPC", servers.connect, connect.WithGRPC()),
		newClient("connect v2", "gRPC-Web", servers.connect, connect.WithGRPCWeb()),
		newClient("connect v2", "Connect", servers.connect),
		newClient("connect v1", "gRPC", servers.connectV1, connect.WithGRPC()),
		newClient("connect v1", "gRPC-Web", servers.connectV1, connect.WithGRPCWeb()),
		newClient("connect v1", "Connect", servers.connectV1),
	}
	defer func() {
		for _, client := range clients {
			client.http.CloseIdleConnections()
		}
	}()
	calls := calls(servers.issuer.Issuer)
	answers := make([][]answer, len(calls))
	for n, call := range calls { // one call a client at a time
		answers[n] = make([]answer, len(clients))
		var wait sync.WaitGroup
		for i, client := range clients {
			wait.Go(func() { answers[n][i] = client.try(ctx, call) })
		}
		wait.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	broken := table{clients, calls, answers, colour}.write(stdout)
	total := len(calls) * len(clients)
	if broken > 0 {
		return fmt.Errorf("%d of %d outcomes are not as promised", broken, total)
	}
	fmt.Fprintf(stdout, "\nAll %d outcomes are as promised.\n", total)
	return nil
}
