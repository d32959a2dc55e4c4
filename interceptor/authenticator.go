package interceptor

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A TokenVerifier turns a bearer token into claims. [*verifier.Verifier] is one.
//
// An error that is a [*verifier.AuthError] refuses the caller, a
// [*verifier.KeysError] becomes Unavailable, and any other one Internal. So do nil
// claims without an error. Verify must be safe for concurrent use.
//
// A TokenVerifier that also has a method Requirement() verifier.Requirement, and
// checks it, has that named in challenges along with what a rule asks.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// An Authenticator admits or refuses calls. Make one with [New]. It is safe for
// concurrent use by any number of servers; a zero Authenticator refuses every call.
type Authenticator struct {
	verifier     TokenVerifier
	baseline     verifier.Requirement // what the verifier checks by itself
	realm        string
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
	if v, ok := tokens.(interface{ Requirement() verifier.Requirement }); ok {
		a.baseline = v.Requirement()
	}
	for _, option := range options {
		if err := option.apply(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// isNil sees through the interface: a constructor whose error was ignored leaves
// a nil pointer in it.
func isNil(tokens TokenVerifier) bool {
	if tokens == nil {
		return true
	}
	value := reflect.ValueOf(tokens)
	return value.Kind() == reflect.Pointer && value.IsNil()
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
	claims, refusal, decision := a.decide(ctx, call)
	a.report(ctx, decision)
	if refusal != nil {
		return nil, refusal
	}
	return replaceClaims(ctx, claims), nil
}

// Preauthenticate judges a call ahead of [Authenticator.Authenticate], where it
// saves work to do so but where the procedure is not yet certain, as it is not in
// HTTP middleware. The context it returns lets Authenticate do without verifying
// the same token again. It holds no claims, and the rule will be evaluated anew.
func (a *Authenticator) Preauthenticate(ctx context.Context, call Call) (context.Context, *Refusal) {
	claims, refusal, decision := a.decide(ctx, call)
	if refusal != nil {
		a.report(ctx, decision)
		return nil, refusal
	}
	return a.rememberVerified(ctx, call, claims), nil
}

func (a *Authenticator) decide(ctx context.Context, call Call) (*verifier.Claims, *Refusal, Decision) {
	start := time.Now()
	rule, key, ok := a.policy.rule(call.Procedure)
	var claims *verifier.Claims
	err := errProcedure
	if ok {
		claims, err = a.judge(ctx, call, rule)
	}
	var refusal *Refusal
	decision := Decision{Procedure: call.Procedure, Rule: key, Err: err}
	if err != nil {
		claims, refusal = nil, a.refuse(ctx, err)
		decision.Code = refusal.Code
	}
	decision.Claims = claims
	decision.Duration = time.Since(start)
	return claims, refusal, decision
}

var errProcedure = errors.New("interceptor: the procedure is not of the form /service/method")

// judge returns the claims that the rule admits, nil for an anonymous caller.
func (a *Authenticator) judge(ctx context.Context, call Call, rule Rule) (*verifier.Claims, error) {
	if a.verifier == nil {
		return nil, errors.New("interceptor: the Authenticator was not made by New")
	}
	if rule.Access == Public || rule.Access == Optional && len(call.Authorization) == 0 {
		return nil, nil
	}
	token, err := bearerToken(call.Authorization)
	if err != nil {
		return nil, err
	}
	claims, err := a.verify(ctx, token)
	if err == nil {
		err = rule.Require.Check(claims)
	}
	if err != nil {
		return nil, a.nameAllNeeds(err, rule)
	}
	if rule.Allow == nil {
		return claims, nil
	}
	return claims, allowed(ctx, rule, claims)
}

// nameAllNeeds adds to a missing scope or permission what else the call asks, by
// the verifier's baseline and the rule: the caller should have to ask only once
// (RFC 6750, section 3).
func (a *Authenticator) nameAllNeeds(err error, rule Rule) error {
	authErr, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || authErr.StatusCode() != http.StatusForbidden {
		return err
	}
	full := *authErr
	full.Scopes = union(a.baseline.Scopes, rule.Require.Scopes, authErr.Scopes)
	full.Permissions = union(a.baseline.Permissions, rule.Require.Permissions, authErr.Permissions)
	return &full
}

func union(lists ...[]string) (all []string) {
	for _, s := range slices.Concat(lists...) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (a *Authenticator) verify(ctx context.Context, token string) (*verifier.Claims, error) {
	if claims := a.verified(ctx, token); claims != nil {
		return claims, nil
	}
	claims, err := a.verifier.Verify(ctx, token)
	if err == nil && claims == nil {
		return nil, errors.New("interceptor: the TokenVerifier returned neither claims nor an error")
	}
	return claims, err
}

// allowed asks the rule's own check. Its AuthErrors stand as they are; any other
// error says no more to the caller than no.
func allowed(ctx context.Context, rule Rule, claims *verifier.Claims) error {
	err := rule.Allow(ctx, claims)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if _, ok := errors.AsType[*verifier.AuthError](err); ok {
		return err
	}
	return &verifier.AuthError{
		Code:    verifier.CodeInsufficientPermissions,
		Message: "the call is not allowed",
		Err:     err,
	}
}

// A Decision is what was decided about one call, for metrics and audit logs. One
// is reported for every call, and a second one for a stream whose token expires
// while it runs.
type Decision struct {
	Procedure string
	Rule      string           // the key of the policy that decided; "" when none did
	Code      code.Code        // OK, or that of the refusal
	Claims    *verifier.Claims // of an admitted caller; nil for an anonymous one
	Err       error            // why the call was refused; verifier.CodeOf tells more. Not for callers
	Duration  time.Duration    // of the decision; of the stream, when Expired
	Expired   bool
}

func (a *Authenticator) report(ctx context.Context, d Decision) {
	if a.observe != nil {
		a.observe(ctx, d)
	}
}
