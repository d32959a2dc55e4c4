package interceptor

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A TokenVerifier turns a bearer token into claims. [*verifier.Verifier],
// [*verifier.Issuers] and [*verifier.Tenants] do.
//
// An error that is a [*verifier.AuthError] refuses the caller, a
// [*verifier.KeysError] becomes Unavailable, and any other one Internal, unless the
// call's own context has ended: then Canceled or DeadlineExceeded. Nil claims without an
// error are Internal, too. Verify must be safe for concurrent use.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// An Authenticator admits or refuses calls. Make one with [New]. It is safe for
// concurrent use by any number of servers; a zero Authenticator refuses every call.
type Authenticator struct {
	verifier     TokenVerifier
	realm        string
	resource     *resource // nil: challenges name none
	policy       policy
	observe      func(context.Context, Decision)
	streamExpiry bool
}

// New returns an Authenticator, or an error that names the option or the policy
// key which is wrong.
func New(tokens TokenVerifier, options ...Option) (*Authenticator, error) {
	if isNil(tokens) {
		return nil, errors.New("interceptor: New needs a TokenVerifier")
	}
	a := &Authenticator{verifier: tokens, realm: verifier.DefaultRealm, streamExpiry: true}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("interceptor: New was given a nil Option")
		}
		if err := option.apply(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// isNil sees through the interface: a constructor whose error was ignored leaves a nil
// pointer in it.
func isNil(tokens TokenVerifier) bool {
	switch value := reflect.ValueOf(tokens); value.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return value.IsNil()
	default:
		return false
	}
}

// A Call is what an adapter knows of a call before it is admitted.
type Call struct {
	// Procedure is "/package.Service/Method", as the framework names it. Any other
	// shape is refused.
	Procedure string

	// Authorization holds every value of the call's authorization metadata.
	Authorization []string
}

// Authenticate judges a call. It returns the context to handle it with, or else
// how to refuse it. It is for adapters: servers use those of packages grpcauth and
// connectauth. A stream is better judged by [Authenticator.AuthenticateStream].
func (a *Authenticator) Authenticate(ctx context.Context, call Call) (context.Context, *Refusal) {
	admitted, refusal := a.admit(ctx, call)
	if refusal != nil {
		return nil, refusal
	}
	return admitted, nil
}

// Preauthenticate judges a call ahead of [Authenticator.Authenticate], where it
// saves work to do so but where the procedure is not yet certain, as it is not in
// HTTP middleware. The context it returns lets Authenticate do without verifying
// the same token again. It holds no claims, and the rule will be evaluated anew.
func (a *Authenticator) Preauthenticate(ctx context.Context, call Call) (context.Context, *Refusal) {
	decision, refusal := a.decide(ctx, call, time.Now())
	if refusal != nil {
		a.report(ctx, decision)
		return nil, refusal
	}
	return a.rememberVerified(ctx, call, decision.Claims), nil
}

// admit judges a call, and reports what it decided.
func (a *Authenticator) admit(ctx context.Context, call Call) (*admission, *Refusal) {
	start := time.Now()
	decision, refusal := a.decide(ctx, call, start)
	a.report(ctx, decision)
	if refusal != nil {
		return nil, refusal
	}
	return &admission{Context: ctx, auth: a, decision: decision, start: start}, nil
}

func (a *Authenticator) decide(ctx context.Context, call Call, start time.Time) (Decision, *Refusal) {
	rule, ok := a.policy.rule(call.Procedure)
	decision := Decision{Procedure: call.Procedure, Rule: rule.key, Err: errProcedure}
	if ok {
		decision.Claims, decision.Err = a.judge(ctx, call, rule)
	}
	var refusal *Refusal
	if decision.Err != nil {
		refusal = a.refuse(ctx, decision.Err)
		decision.Claims, decision.Code = nil, refusal.Code
	}
	decision.Duration = time.Since(start)
	return decision, refusal
}

var errProcedure = errors.New("interceptor: the procedure is not of the form /service/method")
