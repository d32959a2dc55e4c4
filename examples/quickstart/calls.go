package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A call is one row: what is sent, and what must happen.
type call struct {
	procedure     string
	sent          string
	authorization []string
	invoke        func(*client, http.Header) error
	code          connect.Code // 0 for a call that must be admitted
	challenge     string       // "" when there must be none
}

// calls returns the rows for each protocol.
func calls(issuer *verifiertest.Issuer) []call {
	all := map[string]any{"scope": "greet:write", "permissions": []string{"converse"}}
	bearer := func(claims map[string]any, options ...verifiertest.TokenOption) []string {
		return []string{"Bearer " + issuer.Token(claims, options...)}
	}
	good := bearer(all)
	ago, soon := time.Now().Add(-time.Minute).Unix(), time.Now().Add(3*time.Second).Unix()
	forged := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	})
	const (
		unauthenticated = connect.CodeUnauthenticated
		denied          = connect.CodePermissionDenied
		realm           = `Bearer realm="greet"`
		invalidToken    = realm + `, error="invalid_token", error_description=`
	)
	return []call{
		{"Greet", "a good token", good, (*client).greet, 0, ""},
		{"Watch", "a good token", good, (*client).watchOnce, 0, ""},
		{"Collect", "a good token", good, (*client).collect, 0, ""},
		{"Converse", "a good token", good, (*client).converse, 0, ""},
		{"Greet", "no token", nil, (*client).greet, unauthenticated, realm},
		{"Watch", "no token", nil, (*client).watchOnce, unauthenticated, realm},
		{"Greet", "an expired token", bearer(map[string]any{"exp": ago}), (*client).greet,
			unauthenticated, invalidToken + `"the token has expired"`},
		{"Greet", "another audience", bearer(map[string]any{"aud": "https://other.test"}), (*client).greet,
			unauthenticated, invalidToken + `"the token is for another audience"`},
		{"Greet", "a bad signature", bearer(nil, forged), (*client).greet,
			unauthenticated, invalidToken + `"the signature is not valid"`},
		{"Collect", "no scope", bearer(nil), (*client).collect,
			denied, realm + `, error="insufficient_scope", scope="greet:write"`},
		{"Converse", "no permission", bearer(nil), (*client).converse,
			denied, realm + `, error="insufficient_scope"` +
				`, error_description="the token lacks a required permission"`},
		{"Greet", "two tokens", slices.Concat(good, good), (*client).greet,
			unauthenticated, realm + `, error="invalid_request"`},
		{"Health/Check", "no token", nil, (*client).checkHealth, 0, ""},
		{"Watch", "a token that expires", bearer(map[string]any{"exp": soon}), (*client).watchOn,
			unauthenticated, invalidToken + `"the token expired while the stream was open"`},
	}
}

// callAll makes every call to every server and protocol, prints a table with the outcomes and
// returns an error unless all of them are as promised.
func callAll(issuer *verifiertest.Issuer, servers servers) error {
	clients := []*client{
		newClient("grpc-go", "gRPC", servers.grpc, connect.WithGRPC()),
		newClient("connect v2", "gRPC", servers.connect, connect.WithGRPC()),
		newClient("connect v2", "gRPC-Web", servers.connect, connect.WithGRPCWeb()),
		newClient("connect v2", "Connect", servers.connect),
		newClient("connect v1", "gRPC", servers.connectV1, connect.WithGRPC()),
		newClient("connect v1", "gRPC-Web", servers.connectV1, connect.WithGRPCWeb()),
		newClient("connect v1", "Connect", servers.connectV1),
	}
	calls := calls(issuer)
	rows := make([]string, len(clients)*len(calls))
	broken := make([]bool, len(rows))
	var wait sync.WaitGroup
	for i, client := range clients {
		for j, call := range calls {
			wait.Go(func() {
				row := i*len(calls) + j
				rows[row], broken[row] = client.try(call)
			})
		}
	}
	wait.Wait()

	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tPROTOCOL\tPROCEDURE\tSENT\tCODE\tCHALLENGE")
	failures := 0
	for i, row := range rows {
		if broken[i] {
			row += "  <-- not as promised"
			failures++
		}
		fmt.Fprintln(table, row)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d of %d outcomes are not as promised", failures, len(rows))
	}
	fmt.Printf("\nAll %d outcomes are as promised.\n", len(rows))
	return nil
}
