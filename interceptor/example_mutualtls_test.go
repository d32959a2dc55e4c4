package interceptor_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A proxy at 10.1.2.3 ends TLS, asks its clients for a certificate, and passes that on. A thief's
// call comes with the thief's certificate.
func ExampleWithMutualTLS() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v,
		interceptor.WithMutualTLS(interceptor.MutualTLS{
			Field:   interceptor.ClientCertField,
			Proxies: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32")},
		}),
		interceptor.WithPolicy(interceptor.Policy{
			"/orders.v1.OrderService/Pay": {Require: verifier.Requirement{Bound: true}},
		}),
	)
	if err != nil {
		log.Fatal(err)
	}
	token := issuer.Token(boundTo(mine))
	call := interceptor.Call{
		Procedure:     "/orders.v1.OrderService/Pay",
		Authorization: []string{"Bearer " + token},
		Peer:          "10.1.2.3:40000",
		Request:       &tlsRequest{header: passedOn(mine)},
	}
	_, refusal := auth.Authenticate(context.Background(), call)
	fmt.Println("the client:", refusal == nil)
	call.Request = &tlsRequest{header: passedOn(theirs)}
	_, refusal = auth.Authenticate(context.Background(), call)
	fmt.Println("a thief:", refusal.Code, refusal.Message)
	// Output:
	// the client: true
	// a thief: unauthenticated the call does not prove what the token is bound to
}
