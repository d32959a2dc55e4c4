package wire_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An attacker who can make a server write a line for each call can fill its disk. All
// calls here are refused, and none is worth a line: not from us, net/http or grpc-go.
func TestFloodOfRefusedCallsIsSilent(t *testing.T) {
	const each = 60 // calls of every kind on every path
	auth, tokens := newAuth(t)
	forged := verifiertest.WithSignature(func(signature []byte) []byte {
		clear(signature)
		return signature
	})
	authorizations := [][]string{
		nil,
		{"Bearer a", "Bearer b"},
		bearer("token"),
		bearer(strings.Repeat("a", 20<<10)),
		bearer(tokens.issuer.Token(nil, forged)),
		bearer(tokens.issuer.Token(nil)), // without the scopes
		bearer(tokens.downToken),
		bearer(faultyToken),
	}
	refused := 0
	for _, path := range paths() {
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, kind := range path.kinds {
			refused += each
			var callers sync.WaitGroup
			for caller := range 4 {
				callers.Go(func() {
					for i := caller; i < each; i += 4 {
						a := perform(t, client, call{kind: kind, authorization: authorizations[i%len(authorizations)]})
						if a.code == 0 {
							t.Errorf("%s, %s: call %d was admitted", path.name, kind, i)
						}
					}
				})
			}
			callers.Wait()
		}
		if ran := server.service.ran.Load(); ran != 0 {
			t.Errorf("%s: %d handlers ran", path.name, ran)
		}
		server.checkQuiet(t)
	}
	if refused < 3000 {
		t.Errorf("%d calls are no flood", refused)
	}
}
