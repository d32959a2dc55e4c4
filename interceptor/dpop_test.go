package interceptor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	dpopOrigin    = "https://api.example.com"
	dpopProcedure = "/acme.v1.Orders/Get"
	dpopAlgs      = `algs="ES256 EdDSA Ed25519 PS256"`
)

// fields are a call's metadata.
type fields map[string][]string

func (f fields) Values(_ context.Context, key string) []string { return f[key] }

// A holder holds the key that its tokens are bound to.
type holder struct {
	issuer *verifiertest.Issuer
	signer *jws.Signer
}

func newHolder(t *testing.T) holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
	if err != nil {
		t.Fatal(err)
	}
	return holder{verifiertest.NewIssuer(), signer}
}

// token returns a bound token, with more members in its cnf.
func (h holder) token(members map[string]any) string {
	cnf := map[string]any{"jkt": h.signer.Thumbprint()}
	maps.Copy(cnf, members)
	return h.issuer.Token(map[string]any{"cnf": cnf})
}

func (h holder) proof(t *testing.T, token string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	payload, err := json.Marshal(map[string]any{
		"jti": rand.Text(), "htm": http.MethodPost, "htu": dpopOrigin + dpopProcedure,
		"iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := h.signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// call is one with a new proof.
func (h holder) call(t *testing.T, scheme, token string) interceptor.Call {
	t.Helper()
	return interceptor.Call{
		Procedure: dpopProcedure, Authorization: []string{scheme + " " + token},
		Request: fields{"Dpop": {h.proof(t, token)}},
	}
}

// newAuth returns an authenticator that's old enough to take proofs without a nonce. Call it in a
// bubble.
func (h holder) newAuth(t *testing.T, require verifier.Requirement, options ...interceptor.Option) *interceptor.Authenticator {
	t.Helper()
	options = append(options, interceptor.WithDPoP(dpop.Config{Origins: []string{dpopOrigin}}))
	auth := mustNew(t, verifierThatRequires(t, h.issuer, require), options...)
	time.Sleep(time.Minute)
	return auth
}

func mustAdmit(t *testing.T, auth *interceptor.Authenticator, call interceptor.Call) *interceptor.Admission {
	t.Helper()
	return admit(t.Context(), t, auth, call)
}

func TestTokenWithItsProofIsAdmitted(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		auth := h.newAuth(t, verifier.Requirement{Bound: true}, log.observer(), interceptor.WithTokenInContext())
		token := h.token(map[string]any{"x5u": "ignored"})
		call := h.call(t, "DPoP", token)
		if refusal := auth.Preauthenticate(t.Context(), call); refusal != nil {
			t.Fatalf("refused ahead of the call: %v", log[len(log)-1].Err)
		}
		admission := mustAdmit(t, auth, call)
		if last := log[len(log)-1]; last.Credential != "authorization DPoP" || !last.Claims.IsBound() {
			t.Errorf("the decision is %v", last)
		}
		if got, _ := interceptor.TokenFromContext(admission.Context()); got != token {
			t.Errorf("the handler sees the token %q", got)
		}
		if keys := admission.Keys(); !slices.Contains(keys, "Dpop") || !slices.Contains(keys, "Authorization") {
			t.Errorf("the admission depends on %v", keys)
		}
		if admission.Nonce() != "" {
			t.Error("a client without a nonce gets one")
		}
		if _, refusal := auth.Authenticate(t.Context(), call); reasonOf(t, refusal) != "INVALID_DPOP_PROOF" {
			t.Errorf("the proof was used twice: %v", refusal)
		}
		if _, refusal := auth.Authenticate(t.Context(), h.call(t, "DPoP", h.issuer.Token(nil))); reasonOf(t, refusal) != "INVALID_TOKEN" {
			t.Errorf("an unbound token: %v", refusal)
		}
		if refusal := auth.Preauthenticate(t.Context(), h.call(t, "Bearer", token)); reasonOf(t, refusal) != "INVALID_TOKEN" {
			t.Errorf("ahead of the call: %v", refusal)
		}
	})
}

// Both must be proven (RFC 7800, section 3.1).
func TestTokenThatIsAlsoBoundToACertificateNeedsBoth(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		token := h.token(map[string]any{"x5t#S256": h.signer.Thumbprint()})
		var log auditLog
		without := h.newAuth(t, verifier.Requirement{}, log.observer())
		with := h.newAuth(t, verifier.Requirement{}, log.observer(), interceptor.WithMutualTLS(interceptor.MutualTLS{}))
		for _, auth := range []*interceptor.Authenticator{without, with} {
			_, refusal := auth.Authenticate(t.Context(), h.call(t, "DPoP", token))
			if reasonOf(t, refusal) != "INVALID_TOKEN" || !strings.Contains(log[len(log)-1].Err.Error(), "bound to a certificate") {
				t.Errorf("got %v, %v", refusal, log[len(log)-1].Err)
			}
		}
	})
}

func TestWithoutWithDPoPItsSchemeIsAnother(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	var cause error
	auth := mustNew(t, verifierThatRequires(t, h.issuer, verifier.Requirement{}),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { cause = d.Err }))
	token := h.token(nil)
	for scheme, want := range map[string]string{"DPoP": "MISSING_TOKEN", "dpop": "MISSING_TOKEN", "Bearer": "INVALID_TOKEN"} {
		_, refusal := auth.Authenticate(t.Context(), h.call(t, scheme, token))
		if reasonOf(t, refusal) != want || strings.Contains(refusal.Challenge, "DPoP") {
			t.Errorf("%s: %v", scheme, refusal)
		}
		if !strings.Contains(cause.Error(), "WithDPoP") {
			t.Errorf("%s: the observer hears %v, want the option's name", scheme, cause)
		}
	}
}

// A procedure that takes no bearer token offers none, unless a certificate can prove one.
func TestChallengesOfferTheSchemesThatWouldDo(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	bound := interceptor.WithPolicy(interceptor.Policy{dpopProcedure: {Require: verifier.Requirement{Bound: true}}})
	mutual := interceptor.WithMutualTLS(interceptor.MutualTLS{})
	const (
		bearer  = `Bearer realm="api"`
		offer   = `DPoP realm="api", ` + dpopAlgs
		unbound = `realm="api", error="invalid_token", error_description="the token must be bound to a key or a certificate"`
	)
	for name, row := range map[string]struct {
		options []interceptor.Option
		require verifier.Requirement
		scheme  string
		want    string
	}{
		"nothing sent":                          {nil, verifier.Requirement{}, "", bearer + ", " + offer},
		"nothing sent, by policy":               {[]interceptor.Option{bound}, verifier.Requirement{}, "", offer},
		"nothing sent, by policy, with mTLS":    {[]interceptor.Option{bound, mutual}, verifier.Requirement{}, "", bearer + ", " + offer},
		"a bearer token, by policy":             {[]interceptor.Option{bound}, verifier.Requirement{}, "Bearer", "DPoP " + unbound + ", " + dpopAlgs},
		"a bearer token, by policy, with mTLS":  {[]interceptor.Option{bound, mutual}, verifier.Requirement{}, "Bearer", "Bearer " + unbound + ", " + offer},
		"a bearer token, by baseline":           {nil, verifier.Requirement{Bound: true}, "Bearer", "DPoP " + unbound + ", " + dpopAlgs},
		"a bearer token that grants too little": {nil, verifier.Requirement{Scopes: []string{"a"}}, "Bearer", `Bearer realm="api", error="insufficient_scope", scope="a", ` + offer},
		"a bearer token, as DPoP": {nil, verifier.Requirement{}, "DPoP", `DPoP realm="api", error="invalid_token", ` +
			`error_description="the token is not bound to a key", ` + dpopAlgs + ", " + bearer},
		"an API key, with another scheme to use": {[]interceptor.Option{interceptor.WithCredential(interceptor.Scheme("ApiKey"), acceptNone{})}, verifier.Requirement{}, "ApiKey", bearer + ", " + offer + `, ApiKey realm="api"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := h.newAuth(t, row.require, row.options...)
				call := h.call(t, row.scheme, h.issuer.Token(nil))
				if row.scheme == "" {
					call.Authorization = nil
				}
				_, refusal := auth.Authenticate(t.Context(), call)
				if refusal == nil || refusal.Challenge != row.want || infoOf(t, refusal).GetMetadata()["challenge"] != row.want {
					t.Errorf("got %q, want %q", refusal.Challenge, row.want)
				}
			})
		})
	}
}

type acceptNone struct{}

func (acceptNone) Verify(context.Context, string) (*verifier.Claims, error) {
	return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "no"}
}

func TestMetadataStandsInTheFirstChallenge(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		auth := h.newAuth(t, verifier.Requirement{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
			Resource: dpopOrigin, AuthorizationServers: []string{"https://login.example.com"},
		}))
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: dpopProcedure})
		challenges, err := verifier.ParseChallenges([]string{refusal.Challenge})
		_, handler := auth.ResourceMetadata()
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil))
		if want := `"dpop_signing_alg_values_supported":["ES256","EdDSA","Ed25519","PS256"]`; !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("the document is %s", recorder.Body)
		}
		if err != nil || len(challenges) != 2 || challenges[0].Value("resource_metadata") == "" ||
			challenges[1].Value("resource_metadata") != "" || challenges[1].Value("algs") == "" {
			t.Errorf("the challenge is %q", refusal.Challenge)
		}
	})
}

// A stream is proven at its start, so its token is judged again without a proof.
func TestStreamIsProvenOnce(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		auth := h.newAuth(t, verifier.Requirement{})
		stream, refusal := auth.AuthenticateStream(t.Context(), h.call(t, "DPoP", h.token(nil)), func(any) error { return nil })
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(4 * time.Minute)
		if refusal := stream.Check(); refusal != nil {
			t.Errorf("it ended: %v", refusal)
		}
		time.Sleep(time.Minute + time.Second)
		refusal = stream.End(nil)
		if reasonOf(t, refusal) != "TOKEN_EXPIRED" || !strings.Contains(refusal.Challenge, `DPoP realm="api", error="invalid_token"`) {
			t.Errorf("it ended with %v", refusal)
		}
	})
}

func TestNonceComesWithItsRefusal(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifierThatRequires(t, h.issuer, verifier.Requirement{}), interceptor.WithDPoP(dpop.Config{
			Origins: []string{dpopOrigin}, RequireNonce: true,
		}))
		_, refusal := auth.Authenticate(t.Context(), h.call(t, "DPoP", h.token(nil)))
		if reasonOf(t, refusal) != "USE_DPOP_NONCE" || refusal.Nonce == "" || refusal.Code != interceptor.CodeUnauthenticated {
			t.Errorf("got %v", refusal)
		}
		_, refusal = auth.Authenticate(t.Context(), interceptor.Call{Procedure: dpopProcedure})
		if refusal.Nonce != "" {
			t.Error("a call without a proof gets a nonce")
		}
	})
}

// An outage is never the token's fault.
func TestFullMemoryIsAnOutage(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifierThatRequires(t, h.issuer, verifier.Requirement{}), interceptor.WithDPoP(dpop.Config{
			Origins: []string{dpopOrigin}, Replays: brokenStore{},
		}))
		_, refusal := auth.Authenticate(t.Context(), h.call(t, "DPoP", h.token(nil)))
		if reasonOf(t, refusal) != "REPLAYS_FAILED" || refusal.Code != interceptor.CodeUnavailable || refusal.Challenge != "" {
			t.Errorf("got %v", refusal)
		}
	})
}

type brokenStore struct{}

func (brokenStore) Add(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("no route to host")
}

func TestBrowsersMaySendProofsAndReadNonces(t *testing.T) {
	t.Parallel()
	auth := mustNew(t, verifierThatRequires(t, verifiertest.NewIssuer(), verifier.Requirement{}),
		interceptor.WithDPoP(dpop.Config{Origins: []string{dpopOrigin}}))
	if got := auth.AllowedHeaders(); !slices.Equal(got, []string{"Authorization", "Dpop"}) {
		t.Errorf("allowed headers = %q", got)
	}
	if got := auth.ExposedHeaders(); !slices.Contains(got, "Dpop-Nonce") {
		t.Errorf("exposed headers = %q", got)
	}
}

func TestWithDPoPNamesItsMistakes(t *testing.T) {
	t.Parallel()
	v := verifierThatRequires(t, verifiertest.NewIssuer(), verifier.Requirement{})
	good := interceptor.WithDPoP(dpop.Config{Origins: []string{dpopOrigin}})
	for name, row := range map[string]struct {
		verifier interceptor.TokenVerifier
		options  []interceptor.Option
		want     string
	}{
		"no origin":       {v, []interceptor.Option{interceptor.WithDPoP(dpop.Config{})}, "Config.Origins"},
		"twice":           {v, []interceptor.Option{good, good}, "given twice"},
		"no VerifyBound":  {acceptAll{}, []interceptor.Option{good}, "WithDPoP: "},
		"another place":   {v, []interceptor.Option{good, interceptor.WithPlace(interceptor.Metadata("x-token"))}, "excludes WithPlace"},
		"a taken scheme":  {v, []interceptor.Option{interceptor.WithCredential(interceptor.Scheme("dpop"), acceptAll{})}, "as WithDPoP does"},
		"a taken scheme2": {v, []interceptor.Option{interceptor.WithPlace(interceptor.MetadataScheme("x-token", "DPoP"))}, "as WithDPoP does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := interceptor.New(row.verifier, row.options...); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	auth := mustNew(t, v, good)
	call := interceptor.Call{Procedure: dpopProcedure, Authorization: []string{"DPoP token"}}
	if _, refusal := auth.Authenticate(t.Context(), call); refusal.Code != interceptor.CodeInternal {
		t.Errorf("an adapter without a Request gets %v", refusal)
	}
}
