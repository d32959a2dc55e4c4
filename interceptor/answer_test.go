package interceptor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// said is everything that a caller is told.
func said(t *testing.T, refusal *interceptor.Refusal) string {
	t.Helper()
	info := infoOf(t, refusal)
	return fmt.Sprintf("%v %q %q %q %v, %d details: %s %s %v", refusal.Code, refusal.Message, refusal.Challenge,
		refusal.Nonce, refusal.RetryAfter, len(refusal.Details), info.GetReason(), info.GetDomain(), info.GetMetadata())
}

// refusedWith returns the refusal for an error from the verifier.
func refusedWith(t *testing.T, auth *interceptor.Authenticator, call interceptor.Call) *interceptor.Refusal {
	t.Helper()
	_, refusal := auth.Authenticate(t.Context(), call)
	if refusal == nil {
		t.Fatal("the call was admitted")
	}
	return refusal
}

// many is more answers than are kept, so each meets others where it's looked for.
const many = 1000

func TestCallersGetTheAnswerToTheirOwnError(t *testing.T) {
	for name, vary := range map[string]func(e *verifier.AuthError, i int){
		"codes":       func(e *verifier.AuthError, i int) { e.Code += verifier.Code(fmt.Sprint(i)) },
		"messages":    func(e *verifier.AuthError, i int) { e.Message = fmt.Sprint(i) },
		"scopes":      func(e *verifier.AuthError, i int) { e.Scopes = []string{"all", fmt.Sprint(i)} },
		"permissions": func(e *verifier.AuthError, i int) { e.Permissions = []string{"all", fmt.Sprint(i)} },
		"acr values":  func(e *verifier.AuthError, i int) { e.ACRValues = []string{"all", fmt.Sprint(i)} },
		"ages":        func(e *verifier.AuthError, i int) { e.MaxAge = time.Duration(i+1) * time.Second },
		"lists": func(e *verifier.AuthError, i int) {
			e.Scopes = strings.Fields(strings.Repeat("s ", 1+i%7))
			e.ACRValues = strings.Fields(strings.Repeat("s ", i%3))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err *verifier.AuthError
			verify := verifyFunc(func(string) (*verifier.Claims, error) { return nil, err })
			auth := mustNew(t, verify)
			for range 2 {
				for i := range many {
					err = &verifier.AuthError{Code: verifier.CodeInsufficientUserAuthentication, Message: "m"}
					vary(err, i)
					got := said(t, refusedWith(t, auth, withToken("/a.S/M")))
					if want := said(t, refusedWith(t, mustNew(t, verify), withToken("/a.S/M"))); got != want {
						t.Fatalf("error %d was answered with %s, want %s", i, got, want)
					}
				}
			}
		})
	}
}

// The same error means something else to a caller with another kind of credential.
func TestAnswersDependOnTheCredential(t *testing.T) {
	var message string
	refuse := verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: message}
	})
	auth := mustNew(t, refuse, interceptor.WithCredential(interceptor.Scheme("ApiKey"), refuse))
	for i := range many {
		message = fmt.Sprint(i)
		for credential, want := range map[string]string{
			"Bearer abc": `Bearer realm="api", error="invalid_token", error_description="` + message + `", ApiKey realm="api"`,
			"ApiKey abc": `Bearer realm="api", ApiKey realm="api"`,
		} {
			refusal := refusedWith(t, auth, interceptor.Call{Procedure: "/a.S/M", Authorization: []string{credential}})
			if refusal.Challenge != want {
				t.Fatalf("%s: challenge = %s, want %s", credential, refusal.Challenge, want)
			}
		}
	}
}

func TestAnswersDependOnTheRule(t *testing.T) {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		t.Fatal(err)
	}
	auth := mustNew(t, v, interceptor.WithDPoP(dpop.Config{Origins: []string{dpopOrigin}}))
	for _, bound := range []bool{false, true, false} {
		rule := interceptor.Rule{Require: verifier.Requirement{Bound: bound}}
		if err := auth.SetPolicy(interceptor.Policy{"/a.S/M": rule}); err != nil {
			t.Fatal(err)
		}
		refusal := refusedWith(t, auth, interceptor.Call{Procedure: "/a.S/M"})
		if offersBearer := strings.Contains(refusal.Challenge, "Bearer"); offersBearer == bound {
			t.Errorf("bound = %v, but the challenge is %s", bound, refusal.Challenge)
		}
	}
}

func TestAChangedRefusalChangesNoOther(t *testing.T) {
	auth := mustNew(t, acceptAll{})
	call := interceptor.Call{Procedure: "/a.S/M"}
	want := said(t, refusedWith(t, auth, call))
	for range 2 {
		refusal := refusedWith(t, auth, call)
		if got := said(t, refusal); got != want {
			t.Fatalf("the caller was told %s, want %s", got, want)
		}
		value := refusal.Details[0].GetValue()
		for i := range value {
			value[i] = 'x'
		}
		refusal.Details[0].TypeUrl = "x"
		refusal.Details = append(refusal.Details[:0], nil, nil)
		refusal.Message, refusal.Challenge = "x", "x"
	}
}

// A verifier may return the same error each time, and change it.
func TestAnswersFollowAnErrorThatChanges(t *testing.T) {
	err := &verifier.AuthError{Code: verifier.CodeTokenExpired, Permissions: []string{""}}
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, err }))
	for i := range many {
		err.Permissions[0] = fmt.Sprint(i)
		refusal := refusedWith(t, auth, withToken("/a.S/M"))
		if got := infoOf(t, refusal).GetMetadata()["permissions"]; got != err.Permissions[0] {
			t.Fatalf("permissions = %q, want %q", got, err.Permissions[0])
		}
	}
}

// Floods are made of refused calls. It isn't parallel: see [testing.AllocsPerRun].
func TestARefusedCallAllocatesLittle(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("EdDSA")) // whose check allocates nothing
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth := mustNew(t, v)
	expired := issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	for _, test := range []struct {
		name          string
		authorization []string
		most          float64
	}{
		{"no token", nil, 3}, // the error, the refusal and its detail
		{"garbage", []string{"Bearer " + strings.Repeat("not-a-token.", 100)}, 8},
		{"an expired token", []string{"Bearer " + expired}, 20},
	} {
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: test.authorization}
		allocs := testing.AllocsPerRun(100, func() {
			if _, refusal := auth.Authenticate(t.Context(), call); refusal == nil {
				t.Error("the call was admitted")
			}
		})
		if allocs > test.most {
			t.Errorf("%s: %v allocations, want %v at most", test.name, allocs, test.most)
		}
	}
}
