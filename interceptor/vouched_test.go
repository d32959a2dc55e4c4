package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A keyTable verifies API keys, which are valid until they're removed.
type keyTable map[string]string

func (rows keyTable) Verify(_ context.Context, key string) (*verifier.Claims, error) {
	row, ok := rows[key]
	if !ok {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the API key is unknown"}
	}
	return verifier.NewClaims([]byte(row), verifier.ClaimsConfig{Issuer: "api-keys", AllowNoExpiry: true})
}

// API keys in a table become callers like any others.
func ExampleTokenVerifier() {
	keys := keyTable{"k-1": `{"sub":"reports","scope":"orders:read"}`}
	auth, err := interceptor.New(keys, interceptor.WithPolicy(interceptor.Policy{
		"/orders.v1.OrderService/List":   {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
		"/orders.v1.OrderService/Delete": {Require: verifier.Requirement{Scopes: []string{"orders:write"}}},
	}))
	if err != nil {
		log.Fatal(err)
	}
	call := interceptor.Call{Procedure: "/orders.v1.OrderService/List", Authorization: []string{"Bearer k-1"}}
	admission, _ := auth.Authenticate(context.Background(), call)
	claims, _ := interceptor.ClaimsFromContext(admission.Context())
	fmt.Println(claims.Issuer(), claims.Subject(), claims.Expiry().IsZero())

	call.Procedure = "/orders.v1.OrderService/Delete"
	_, refusal := auth.Authenticate(context.Background(), call)
	fmt.Println(refusal.Code, refusal.Challenge)
	// Output:
	// api-keys reports true
	// permission_denied Bearer realm="api", error="insufficient_scope", scope="orders:write"
}

// vouch is a TokenVerifier that vouches for one object until it's gone.
type vouch struct {
	object string
	config verifier.ClaimsConfig
	gone   atomic.Bool
}

func (v *vouch) Verify(context.Context, string) (*verifier.Claims, error) {
	if v.gone.Load() {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the session is over"}
	}
	return verifier.NewClaims([]byte(v.object), v.config)
}

func TestStreamOfAWithdrawnCredentialEnds(t *testing.T) {
	for name, test := range map[string]struct {
		recheck time.Duration
		within  time.Duration // 0: it goes on
	}{
		"by default": {0, time.Minute},
		"often":      {5 * time.Second, 5 * time.Second},
		"seldom":     {time.Hour, time.Minute},
		"never":      {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &vouch{object: `{"iss":"sessions"}`, config: verifier.ClaimsConfig{Recheck: test.recheck, AllowNoExpiry: true}}
				stream := open(t, mustNew(t, v), nil)
				time.Sleep(48 * time.Hour)
				if refusal := stream.Check(); refusal != nil {
					t.Fatalf("ended while the credential was good: %v", refusal)
				}
				v.gone.Store(true)
				start := time.Now()
				select {
				case <-stream.Context().Done():
				case <-time.After(time.Hour):
				}
				refusal := stream.End(nil)
				switch {
				case test.within == 0 && refusal != nil:
					t.Errorf("ended with %v, want it to go on", refusal)
				case test.within > 0 && reasonOf(t, refusal) != "INVALID_TOKEN":
					t.Errorf("ended with %v, want INVALID_TOKEN", refusal)
				case test.within > 0 && time.Since(start) > test.within:
					t.Errorf("ended after %v, want %v at most", time.Since(start), test.within)
				}
			})
		})
	}
}

func TestStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(90 * time.Second)
		v := &vouch{object: fmt.Sprintf(`{"iss":"sessions","exp":%d}`, end.Unix()), config: verifier.ClaimsConfig{Recheck: -1}}
		stream := open(t, mustNew(t, v), nil)
		<-stream.Context().Done()
		if late := time.Since(end); late != 0 {
			t.Errorf("the stream ended %v after its session", late)
		}
		if refusal := stream.End(nil); reasonOf(t, refusal) != "TOKEN_EXPIRED" {
			t.Errorf("ended with %v, want TOKEN_EXPIRED", refusal)
		}
		_, refusal := mustNew(t, v).Authenticate(t.Context(), withToken("/a.S/M"))
		if reasonOf(t, refusal) != "TOKEN_EXPIRED" {
			t.Errorf("refused with %v, want TOKEN_EXPIRED", refusal)
		}
	})
}

func TestClaimsWithoutExpirySurviveAllow(t *testing.T) {
	v := &vouch{object: `{"iss":"api-keys","sub":"reports"}`, config: verifier.ClaimsConfig{AllowNoExpiry: true}}
	var seen string
	var decisions auditLog
	auth := mustNew(t, v, decisions.observer(), interceptor.WithPolicy(interceptor.Policy{"/*": {
		Allow: func(_ context.Context, claims *verifier.Claims) error { seen = claims.Subject(); return nil },
	}}))
	admit(t.Context(), t, auth, withToken("/a.S/M"))
	if seen != "reports" || len(decisions) != 1 || decisions[0].Claims.Subject() != "reports" {
		t.Errorf("Allow saw %q, and the observer %+v", seen, decisions)
	}
}

func TestUnusableObjectIsNotTheCallersFault(t *testing.T) {
	for _, object := range []string{`{"iss":"api-keys","sub":"alice"}`, `{"iss":"api-keys","exp":"tomorrow"}`, `{`, `null`} {
		var decisions auditLog
		_, refusal := mustNew(t, &vouch{object: object}, decisions.observer()).Authenticate(t.Context(), withToken("/a.S/M"))
		if refusal == nil || refusal.Code != interceptor.CodeInternal || strings.Contains(refusal.Message, "exp") {
			t.Errorf("%s: %v, want Internal and nothing more", object, refusal)
		}
		if _, ok := errors.AsType[*verifier.AuthError](decisions[0].Err); ok || decisions[0].Err == nil {
			t.Errorf("%s: the observer heard %v", object, decisions[0].Err)
		}
	}
}
