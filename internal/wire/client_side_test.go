package wire_test

import (
	"testing"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// On a client the interceptor is a mistake, and must neither secure nor break it: no
// credential is verified, added, or taken away.
func TestInterceptorOnAClientDoesNothing(t *testing.T) {
	auth, tokens := newAuth(t)
	stranger, err := interceptor.New(newJudge(t)) // would refuse every call
	if err != nil {
		t.Fatal(err)
	}
	installed := connect.WithInterceptors(connectauth.NewInterceptor(stranger))
	for _, path := range []path{
		{name: "Connect", launch: serveConnect, dial: dialHTTP2(installed), kinds: allKinds, unsent: header, statuses: true},
		{name: "gRPC-Web", launch: serveConnect, dial: dialHTTP2(installed, connect.WithGRPCWeb()), kinds: allKinds, unsent: header},
		{name: "gRPC", launch: serveConnect, dial: dialHTTP2(installed, connect.WithGRPC()), kinds: allKinds, unsent: header},
	} {
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, kind := range path.kinds {
			for _, want := range []outcome{
				admitted("a good token", bearer(tokens.issuer.Token(rights(nil)))),
				noCredentials("no credentials", nil),
			} {
				t.Run(path.name+"/"+string(kind)+"/"+want.name, func(t *testing.T) {
					checkOutcome(t, path, server, client, kind, want)
				})
			}
		}
	}
}
