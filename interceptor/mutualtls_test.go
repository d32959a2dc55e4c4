package interceptor_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A tlsRequest is a request with its header and its connection.
type tlsRequest struct {
	header     http.Header
	connection interceptor.Connection
}

func (r *tlsRequest) Values(_ context.Context, key string) []string { return r.header.Values(key) }

func (r *tlsRequest) Connection(context.Context) interceptor.Connection { return r.connection }

var (
	mine   = &x509.Certificate{Raw: []byte("my certificate")}
	theirs = &x509.Certificate{Raw: []byte("a thief's certificate")}
)

func thumbprintOf(certificate *x509.Certificate) string {
	hash := sha256.Sum256(certificate.Raw)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// boundTo returns claims that are bound to a certificate.
func boundTo(certificate *x509.Certificate) map[string]any {
	return map[string]any{"cnf": map[string]any{"x5t#S256": thumbprintOf(certificate)}}
}

// over returns a connection on which the caller presented certificates.
func over(certificates ...*x509.Certificate) interceptor.Connection {
	return interceptor.Connection{TLS: &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: certificates}}
}

// passedOn returns the fields in which proxies pass certificates on.
func passedOn(certificates ...*x509.Certificate) http.Header {
	header := make(http.Header)
	for _, certificate := range certificates {
		hash := sha256.Sum256(certificate.Raw)
		header.Add("Client-Cert", ":"+base64.StdEncoding.EncodeToString(certificate.Raw)+":")
		header.Add("X-Forwarded-Client-Cert", "Hash="+hex.EncodeToString(hash[:])+`;Subject="CN=a"`)
	}
	return header
}

const (
	proxyPeer  = "10.1.2.3:4567"
	callerPeer = "192.0.2.1:4567"
)

func behind(field interceptor.CertificateField) interceptor.MutualTLS {
	return interceptor.MutualTLS{
		Field: field, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	}
}

func TestBoundTokenNeedsItsCertificate(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	token, bearer := issuer.Token(boundTo(mine)), issuer.Token(nil)
	direct := interceptor.MutualTLS{}
	byCert, byEnvoy := behind(interceptor.ClientCertField), behind(interceptor.EnvoyField)
	unix := interceptor.MutualTLS{Field: interceptor.ClientCertField, UnixProxy: true}
	two := behind(interceptor.EnvoyField)
	two.Elements = 2
	both := http.Header{"X-Forwarded-Client-Cert": {strings.Join(passedOn(mine, theirs)["X-Forwarded-Client-Cert"], ",")}}
	onUnix := interceptor.Connection{Network: "unix"}
	onUnixWith := over(mine)
	onUnixWith.Network = "unix"
	early := over(mine)
	early.TLS.HandshakeComplete = false
	for _, test := range []struct {
		name    string
		config  interceptor.MutualTLS
		peer    string
		request tlsRequest
		cause   string // "": admitted
	}{
		{"the certificate", direct, callerPeer, tlsRequest{connection: over(mine)}, ""},
		{"the certificate and its authority's", direct, callerPeer, tlsRequest{connection: over(mine, theirs)}, ""},
		{"the certificate on a Unix socket", direct, "@", tlsRequest{connection: onUnixWith}, ""},
		{"another certificate", direct, callerPeer, tlsRequest{connection: over(theirs)}, "came with another one"},
		{"another one, and this as its authority's", direct, callerPeer, tlsRequest{connection: over(theirs, mine)}, "came with another one"},
		{"no certificate", direct, callerPeer, tlsRequest{connection: over()}, "presented no certificate"},
		{"no TLS", direct, callerPeer, tlsRequest{}, "without TLS"},
		{"early data", direct, callerPeer, tlsRequest{connection: early}, "handshake is not complete"},
		{"a field that isn't named", direct, callerPeer, tlsRequest{header: passedOn(mine)}, "without TLS"},
		{"a field that isn't named, beside another certificate", direct, proxyPeer, tlsRequest{passedOn(mine), over(theirs)}, "came with another one"},

		{"from the proxy", byCert, proxyPeer, tlsRequest{header: passedOn(mine)}, ""},
		{"from the proxy over IPv6", byCert, "[fd00::1]:1", tlsRequest{header: passedOn(mine)}, ""},
		{"from the proxy in another form", byCert, "[::ffff:10.1.2.3]:1", tlsRequest{header: passedOn(mine)}, ""},
		{"from the proxy with a certificate of its own", byCert, proxyPeer, tlsRequest{passedOn(mine), over(theirs)}, ""},
		{"from Envoy", byEnvoy, proxyPeer, tlsRequest{header: passedOn(mine)}, ""},
		{"from two Envoys", two, proxyPeer, tlsRequest{header: both}, ""},
		{"from the proxy on a Unix socket", unix, "@", tlsRequest{passedOn(mine), onUnix}, ""},
		{"past the proxy, with the certificate", byCert, callerPeer, tlsRequest{connection: over(mine)}, ""},

		{"another one from the proxy", byCert, proxyPeer, tlsRequest{header: passedOn(theirs)}, "came with another one"},
		{"another one from Envoy", byEnvoy, proxyPeer, tlsRequest{header: passedOn(theirs)}, "came with another one"},
		{"nothing from the proxy", byCert, proxyPeer, tlsRequest{}, "is not in the call"},
		{"the proxy's own certificate", byCert, proxyPeer, tlsRequest{connection: over(mine)}, "is not in the call"},
		{"the other field from the proxy", byCert, proxyPeer, tlsRequest{header: http.Header{"X-Forwarded-Client-Cert": passedOn(mine)["X-Forwarded-Client-Cert"]}}, "is not in the call"},
		{"two fields from the proxy", byCert, proxyPeer, tlsRequest{header: passedOn(mine, mine)}, "came more than once"},
		{"two fields from Envoy", byEnvoy, proxyPeer, tlsRequest{header: passedOn(mine, mine)}, "came more than once"},
		{"an empty field from the proxy", byCert, proxyPeer, tlsRequest{header: http.Header{"Client-Cert": {""}}}, "Client-Cert isn't a certificate in base64"},
		{"one element from two Envoys", two, proxyPeer, tlsRequest{header: passedOn(mine)}, "X-Forwarded-Client-Cert has another number of elements"},
		{"two elements from one Envoy", byEnvoy, proxyPeer, tlsRequest{header: both}, "X-Forwarded-Client-Cert has another number of elements"},
		{"past the proxy, with a field", byCert, callerPeer, tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"past the proxy, with a field and the certificate", byCert, callerPeer, tlsRequest{passedOn(mine), over(mine)}, "none of MutualTLS.Proxies"},
		{"past the proxy, over IPv6", byCert, "[fe80::1]:1", tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"from an address with a zone", byCert, "[fd00::1%eth0]:1", tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"from an unknown address", byCert, "", tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"from a name", byCert, "10.1.2.3", tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"from a Unix socket, if only addresses are named", byCert, "@", tlsRequest{passedOn(mine), onUnix}, "none of MutualTLS.Proxies"},
		{"from an address, if only Unix sockets are named", unix, proxyPeer, tlsRequest{header: passedOn(mine)}, "none of MutualTLS.Proxies"},
		{"from a pipe, if Unix sockets are named", unix, "pipe", tlsRequest{passedOn(mine), interceptor.Connection{Network: "pipe"}}, "none of MutualTLS.Proxies"},
		{"nothing from the Unix socket", unix, "@", tlsRequest{connection: onUnixWith}, "is not in the call"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log auditLog
			auth := mustNew(t, v, interceptor.WithMutualTLS(test.config), log.observer())
			send := func(token string) *interceptor.Refusal {
				call := interceptor.Call{
					Procedure: "/a.S/M", Authorization: []string{"Bearer " + token}, Peer: test.peer, Request: &test.request,
				}
				_, refusal := auth.Authenticate(t.Context(), call)
				return refusal
			}
			for range 2 { // cold, and remembered
				refusal := send(token)
				if test.cause == "" {
					if refusal != nil {
						t.Fatalf("refused: %v", log[len(log)-1].Err)
					}
					continue
				}
				if got := reasonOf(t, refusal); got != "INVALID_TOKEN" || refusal.Code != interceptor.CodeUnauthenticated {
					t.Errorf("%v %s, want INVALID_TOKEN", refusal.Code, got)
				}
				if err := log[len(log)-1].Err; !strings.Contains(err.Error(), test.cause) || log[len(log)-1].Claims != nil {
					t.Errorf("the observer gets %v, want %q", err, test.cause)
				}
				if strings.Contains(refusal.Message+refusal.Challenge, thumbprintOf(mine)) {
					t.Errorf("the caller gets the thumbprint: %+v", refusal)
				}
			}
			if refusal := send(bearer); refusal != nil {
				t.Errorf("a bearer token is refused: %v", refusal)
			}
		})
	}
}

func TestBoundTokenIsRefusedWithoutAnOptionForIt(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	byKey := map[string]any{"jkt": thumbprintOf(theirs)}
	byBoth := map[string]any{"jkt": thumbprintOf(theirs), "x5t#S256": thumbprintOf(mine)}
	for name, test := range map[string]struct {
		cnf     map[string]any
		options []interceptor.Option
		cause   string
	}{
		"a certificate, no option":        {map[string]any{"x5t#S256": thumbprintOf(mine)}, nil, "WithMutualTLS"},
		"a key, no option":                {byKey, nil, "WithDPoP"},
		"a key, the option for the other": {byKey, []interceptor.Option{interceptor.WithMutualTLS(interceptor.MutualTLS{})}, "WithDPoP"},
		"both, one option":                {byBoth, []interceptor.Option{interceptor.WithMutualTLS(interceptor.MutualTLS{})}, "WithDPoP"},
	} {
		var log auditLog
		auth := mustNew(t, v, append(test.options, log.observer())...)
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
			Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(map[string]any{"cnf": test.cnf})},
			Peer: callerPeer, Request: &tlsRequest{connection: over(mine)},
		})
		if got := reasonOf(t, refusal); got != "INVALID_TOKEN" {
			t.Errorf("%s: %s", name, got)
		}
		if !strings.Contains(log[0].Err.Error(), test.cause) {
			t.Errorf("%s: the observer gets %v, want it to name %s", name, log[0].Err, test.cause)
		}
	}
}

// Another place has its own verifier, and no proof was agreed on for it.
func TestBoundTokenIsRefusedInOtherPlaces(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	auth := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}),
		interceptor.WithCredential(interceptor.Metadata("x-token"), v))
	token := issuer.Token(boundTo(mine))
	_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Request: &tlsRequest{http.Header{"X-Token": {token}}, over(mine)},
	})
	if got := reasonOf(t, refusal); got != "INVALID_TOKEN" {
		t.Errorf("reason = %s", got)
	}
	moved := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}),
		interceptor.WithPlace(interceptor.Metadata("x-token")))
	if _, refusal := moved.Authenticate(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Request: &tlsRequest{http.Header{"X-Token": {token}}, over(mine)},
	}); refusal != nil {
		t.Errorf("New's verifier in another place: %v", refusal)
	}
}

func TestMutualTLSIsRefusedIfItContradictsItself(t *testing.T) {
	prefixes := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for want, config := range map[string]interceptor.MutualTLS{
		"MutualTLS.Field is unknown":                           {Field: 3, Proxies: prefixes},
		"MutualTLS.Field is unknown: -1":                       {Field: -1, Proxies: prefixes},
		"MutualTLS.Proxies and UnixProxy need MutualTLS.Field": {Proxies: prefixes},
		"UnixProxy need MutualTLS.Field":                       {UnixProxy: true},
		"Client-Cert needs MutualTLS.Proxies":                  {Field: interceptor.ClientCertField},
		"is no prefix":                                         {Field: interceptor.ClientCertField, Proxies: []netip.Prefix{{}}},
		"0.0.0.0/0 is no prefix, or every address":             {Field: interceptor.ClientCertField, Proxies: append(prefixes, netip.MustParsePrefix("0.0.0.0/0"))},
		"Elements must be":                                     {Field: interceptor.EnvoyField, Proxies: prefixes, Elements: 9},
		"Elements must be at most 8, and not":                  {Field: interceptor.EnvoyField, Proxies: prefixes, Elements: -1},
		"Elements is for EnvoyField":                           {Field: interceptor.ClientCertField, Proxies: prefixes, Elements: 1},
	} {
		if _, err := interceptor.New(new(verifier.Verifier), interceptor.WithMutualTLS(config)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", config, err, want)
		}
	}
	twice := interceptor.WithMutualTLS(interceptor.MutualTLS{})
	if _, err := interceptor.New(new(verifier.Verifier), twice, twice); err == nil {
		t.Error("WithMutualTLS can be given twice")
	}
}

func TestMutualTLSKeepsACopyOfItsProxies(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	config := behind(interceptor.ClientCertField)
	auth := mustNew(t, verifierThatRequires(t, issuer, verifier.Requirement{}), interceptor.WithMutualTLS(config))
	config.Proxies[0] = netip.MustParsePrefix("192.0.2.0/24")
	if _, refusal := auth.Authenticate(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(boundTo(mine))}, Peer: callerPeer,
		Request: &tlsRequest{header: passedOn(mine)},
	}); refusal == nil {
		t.Error("a change to the configuration took effect")
	}
}

// wrapper is a verifier that refuses what it's told to.
type wrapper struct{ *verifier.Verifier }

func (wrapper) Verify(context.Context, string) (*verifier.Claims, error) {
	return nil, errors.New("revoked")
}

type deepWrapper struct{ wrapper }

type anyWrapper struct {
	boundVerifier
	interceptor.TokenVerifier
}

type boundVerifier interface {
	VerifyBound(context.Context, string, func(verifier.Confirmation) error) (*verifier.Claims, error)
}

// Its VerifyBound is promoted, and would admit callers whom its own Verify refuses.
func TestMutualTLSRefusesAVerifierThatWrapsByHalf(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	option := interceptor.WithMutualTLS(interceptor.MutualTLS{})
	for name, half := range map[string]interceptor.TokenVerifier{
		"a struct":             wrapper{v},
		"a pointer":            &wrapper{v},
		"two levels":           deepWrapper{wrapper{v}},
		"an interface":         anyWrapper{v, v},
		"no VerifyBound":       acceptAll{},
		"a function":           verifyFunc(func(string) (*verifier.Claims, error) { return claimsOf(nil), nil }),
		"an embedded value":    &struct{ verifier.Multi }{},
		"an embedded verifier": struct{ interceptor.TokenVerifier }{v},
	} {
		if _, err := interceptor.New(half, option); err == nil || !strings.Contains(err.Error(), "VerifyBound") {
			t.Errorf("%s: %v, want an error that names VerifyBound", name, err)
		}
		if _, err := interceptor.New(half); err != nil {
			t.Errorf("%s, without the option: %v", name, err)
		}
	}
}

// Without the option nothing is bypassed, either.
func TestVerifyAloneJudgesWithoutAnOption(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := mustNew(t, wrapper{verifierThatRequires(t, issuer, verifier.Requirement{})})
	_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(nil)},
	})
	if refusal == nil || refusal.Code != interceptor.CodeInternal {
		t.Errorf("refusal = %+v, want what the wrapper says", refusal)
	}
}

func TestRuleCanRequireABoundToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{Scopes: []string{"read"}})
	auth := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Pay": {Require: verifier.Requirement{Bound: true, Scopes: []string{"pay"}}},
	}))
	bound := boundTo(mine)
	bound["scope"] = "read pay"
	for name, test := range map[string]struct {
		procedure string
		claims    map[string]any
		want      string
	}{
		"a bearer token, where none is asked for": {"/a.S/M", map[string]any{"scope": "read"}, ""},
		"a bearer token":                         {"/a.S/Pay", map[string]any{"scope": "read"}, "UNBOUND_TOKEN"},
		"a bearer token with all scopes":         {"/a.S/Pay", map[string]any{"scope": "read pay"}, "UNBOUND_TOKEN"},
		"a bound token":                          {"/a.S/Pay", bound, ""},
		"a bound token, where none is asked for": {"/a.S/M", bound, ""},
	} {
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
			Procedure: test.procedure, Authorization: []string{"Bearer " + issuer.Token(test.claims)},
			Request: &tlsRequest{connection: over(mine)},
		})
		switch {
		case test.want == "" && refusal != nil:
			t.Errorf("%s: %+v", name, refusal)
		case test.want != "" && (reasonOf(t, refusal) != test.want || refusal.Code != interceptor.CodeUnauthenticated):
			t.Errorf("%s: %+v", name, refusal)
		case test.want != "" && scopeOf(t, refusal) != "read pay":
			t.Errorf("%s: the challenge asks for %q, want all scopes", name, scopeOf(t, refusal))
		}
	}
}

// A swapping verifier says that a token is bound to other certificates every time.
type swapping struct {
	claims []*verifier.Claims
	asked  atomic.Int32
}

func (s *swapping) Verify(context.Context, string) (*verifier.Claims, error) {
	return nil, errors.New("Verify was called")
}

func (s *swapping) VerifyBound(
	_ context.Context, _ string, prove func(verifier.Confirmation) error,
) (*verifier.Claims, error) {
	claims := s.claims[min(int(s.asked.Add(1)), len(s.claims))-1]
	if err := prove(claims.Confirmation()); err != nil {
		return nil, err
	}
	return claims, nil
}

func TestStreamIsProvenAtItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			then *x509.Certificate
			ends bool
		}{"the same binding": {mine, false}, "another binding": {theirs, true}} {
			v := &swapping{claims: []*verifier.Claims{
				verifiertest.Claims(boundTo(mine)), verifiertest.Claims(boundTo(test.then)),
			}}
			auth := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}))
			request := &tlsRequest{connection: over(mine)}
			call := withToken("/a.S/M")
			call.Request = request
			stream, refusal := auth.AuthenticateStream(t.Context(), call, nil)
			if refusal != nil {
				t.Fatal(refusal)
			}
			request.connection = interceptor.Connection{} // it isn't asked for again
			time.Sleep(3 * time.Minute)
			if ended := stream.Check() != nil; ended != test.ends || v.asked.Load() < 2 {
				t.Errorf("%s: ended %t after %d looks, want %t", name, ended, v.asked.Load(), test.ends)
			}
			stream.End(nil)
		}
	})
}

// The middleware asks first, and has no less proof.
func TestPreauthenticateAsksForTheProof(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	auth := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}))
	for certificate, want := range map[*x509.Certificate]bool{mine: true, theirs: false} {
		refusal := auth.Preauthenticate(t.Context(), interceptor.Call{
			Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(boundTo(mine))},
			Request: &tlsRequest{connection: over(certificate)},
		})
		if (refusal == nil) != want {
			t.Errorf("%s: %+v", certificate.Raw, refusal)
		}
	}
}

func TestWarmBoundCallAllocatesLittle(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{})
	plain := mustNew(t, v)
	auth := mustNew(t, v, interceptor.WithMutualTLS(interceptor.MutualTLS{}))
	measure := func(auth *interceptor.Authenticator, claims map[string]any) float64 {
		call := interceptor.Call{
			Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(claims)},
			Request: &tlsRequest{connection: over(mine)},
		}
		return testing.AllocsPerRun(100, func() {
			if _, refusal := auth.Authenticate(t.Context(), call); refusal != nil {
				t.Error(refusal)
			}
		})
	}
	bearer, bound := measure(plain, nil), measure(auth, boundTo(mine))
	if bound > bearer+1 {
		t.Errorf("%v allocations, want one more than the %v of a bearer token: the function that proves", bound, bearer)
	}
}
