package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// learned returns the nonce in the next proof after a response with these fields.
func learned(t *testing.T, header, trailer []string) any {
	t.Helper()
	tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
	ctx, proof := mustCredential(t, tokens).Prove(t.Context())
	if _, err := mustCredential(t, tokens).MetadataFor(ctx, "https://api.example", "/a.S/M"); err != nil {
		t.Fatal(err)
	}
	proof.Learn(func(string) []string { return header }, func(string) []string { return trailer }, nil)
	return claimsOf(t, prove(t, tokens))["nonce"]
}

func TestNonceIsTakenOverIfItIsClear(t *testing.T) {
	long := strings.Repeat("n", 1024)
	for _, test := range []struct {
		name            string
		header, trailer []string
		want            any
	}{
		{"none", nil, nil, nil},
		{"in the header", []string{"n-1"}, nil, "n-1"},
		{"in the trailer", nil, []string{"n-1"}, "n-1"},
		{"in both", []string{"n-1"}, []string{"n-1"}, "n-1"},
		{"another in the trailer", []string{"n-1"}, []string{"n-2"}, nil},
		{"two", []string{"n-1", "n-2"}, nil, nil},
		{"all characters", []string{"!#[]~az09"}, nil, "!#[]~az09"},
		{"the longest", []string{long}, nil, long},
		{"too long", []string{long + "n"}, nil, nil},
		{"empty", []string{""}, nil, nil},
		{"a quote", []string{`a"b`}, nil, nil},
		{"a backslash", []string{`a\b`}, nil, nil},
		{"a space", []string{"a b"}, nil, nil},
		{"a line", []string{"a\nb"}, nil, nil},
		{"DEL", []string{"a\x7f"}, nil, nil},
		{"not ASCII", []string{"ä"}, nil, nil},
	} {
		if got := learned(t, test.header, test.trailer); got != test.want {
			t.Errorf("%s: nonce %v, want %v", test.name, got, test.want)
		}
	}
}

func FuzzNonce(f *testing.F) {
	f.Add("a", "a")
	f.Add("", "\"")
	f.Fuzz(func(t *testing.T, first, second string) {
		got, isText := learned(t, []string{first}, []string{second}).(string)
		if isText && (got != first || got != second || len(got) > 1024 || strings.ContainsFunc(got, func(r rune) bool {
			return r <= ' ' || r > '~' || r == '"' || r == '\\'
		})) {
			t.Errorf("the nonce %q was taken from %q and %q", got, first, second)
		}
	})
}

// A client whose calls are led anywhere remembers so much.
func TestNoncesOfAnyNumberOfServersTakeBoundedMemory(t *testing.T) {
	tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
	credential := mustCredential(t, tokens)
	nonce := func(origin string) any {
		ctx, proof := credential.Prove(t.Context())
		md, err := credential.MetadataFor(ctx, origin, "/a.S/M")
		if err != nil {
			t.Fatal(err)
		}
		proof.Learn(header("dpop-nonce", origin))
		return claimsOf(t, md["dpop"])["nonce"]
	}
	const servers = 300
	for range 2 {
		for i := range servers {
			nonce(fmt.Sprint("https://", i))
		}
	}
	remembered := 0
	for i := range servers {
		ctx, _ := credential.Prove(t.Context())
		md, err := credential.MetadataFor(ctx, fmt.Sprint("https://", i), "/a.S/M")
		if err != nil {
			t.Fatal(err)
		}
		switch got := claimsOf(t, md["dpop"])["nonce"]; got {
		case fmt.Sprint("https://", i):
			remembered++
		case nil:
		default:
			t.Errorf("server %d gets the nonce %v", i, got)
		}
	}
	if remembered != 128 {
		t.Errorf("%d nonces are remembered, want 128", remembered)
	}
}

// wantsNonce is a refusal for a call that had this proof.
func wantsNonce(proof *client.Proof, nonce ...string) client.Response {
	return client.Response{
		Code: interceptor.CodeUnauthenticated, Proof: proof,
		Header: header("www-authenticate", `DPoP error="use_dpop_nonce"`), Trailer: header("dpop-nonce", nonce...),
	}
}

func TestCallIsSentAgainOnlyForANewNonce(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(*client.Response)
		attempts int
	}{
		{"a new nonce", func(*client.Response) {}, 2},
		{"no nonce", func(r *client.Response) { *r = wantsNonce(r.Proof) }, 1},
		{"another error", func(r *client.Response) { r.Header = header("www-authenticate", `DPoP error="invalid_dpop_proof"`) }, 1},
		{"only a detail, as a handler passes on", func(r *client.Response) {
			r.Header = nil
			r.Details = []client.Detail{ourDetail(t, "USE_DPOP_NONCE", `DPoP error="use_dpop_nonce"`)}
		}, 1},
		{"only a detail, but the procedure may be called twice", func(r *client.Response) {
			r.Idempotent = true
			r.Header = nil
			r.Details = []client.Detail{ourDetail(t, "USE_DPOP_NONCE", `DPoP error="use_dpop_nonce"`)}
		}, 2},
		{"the server asks for no more", func(r *client.Response) {
			challenge, nonce := r.Header, r.Trailer
			r.Header = func(name string) []string { return append(challenge(name), nonce(name)...) }
			r.Trailer = header("grpc-retry-pushback-ms", "-1")
		}, 1},
		{"the call had no proof", func(r *client.Response) { r.Proof = nil }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := &endpoint{}
			tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
			attempts, proof := 0, (*client.Proof)(nil)
			refusal, err := tokens.Call(t.Context(), mustCredential(t, tokens), func(c *client.Credential) error {
				attempts++
				ctx, p := c.Prove(t.Context())
				proof = p
				if _, err := c.MetadataFor(ctx, "https://api.example", "/a.S/M"); err != nil {
					t.Fatal(err)
				}
				return errRefused
			}, func(error) *client.Refusal {
				r := wantsNonce(proof, "n")
				test.change(&r)
				return client.ReadRefusal(r)
			})
			if err == nil || refusal == nil || attempts != test.attempts {
				t.Errorf("%d attempts, and %v, want %d and a refusal", attempts, err, test.attempts)
			}
			if e.requests() != 0 {
				t.Error("a token was asked for")
			}
		})
	}
}

// A server that refuses each nonce sees no storm, and neither do its callers' tokens.
func TestCallsAreSentAgainForNoncesWithinTheBudget(t *testing.T) {
	tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
	attempts, proof := 0, (*client.Proof)(nil)
	const calls = 1500
	var last *client.Refusal
	most := 0
	for i := range calls {
		before := attempts
		last, _ = tokens.Call(t.Context(), mustCredential(t, tokens), func(c *client.Credential) error {
			attempts++
			ctx, p := c.Prove(t.Context())
			proof = p
			_, _ = c.MetadataFor(ctx, "https://api.example", "/a.S/M")
			return errRefused
		}, func(error) *client.Refusal {
			return client.ReadRefusal(wantsNonce(proof, fmt.Sprintf("%d-%d", i, attempts)))
		})
		most = max(most, attempts-before)
	}
	if most != 2 || attempts != calls+1000 {
		t.Errorf("%d attempts, and up to %d for one call, want 1000 more than calls, and 2", attempts, most)
	}
	if last.Err == nil {
		t.Error("the refusal doesn't say why the call wasn't sent again")
	}
}

// Another token would be refused, too.
func TestCallWithoutItsProofCostsNoToken(t *testing.T) {
	tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))
	credential := mustCredential(t, tokens)
	_, proof := credential.Prove(t.Context())
	refusal := client.ReadRefusal(client.Response{
		Code: interceptor.CodeUnauthenticated, Proof: proof, Header: header("www-authenticate", `DPoP error="invalid_token"`),
	})
	missing := refusal.Err
	if tokens.Retry(t.Context(), credential, refusal) != nil || missing == nil || !errors.Is(refusal.Err, missing) {
		t.Errorf("the refusal's Err was %v, and is %v", missing, refusal.Err)
	}
}
