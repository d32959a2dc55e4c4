package interceptor

import (
	"context"
	"errors"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

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

// judge returns the claims that the rule admits, nil for an anonymous caller.
func (a *Authenticator) judge(ctx context.Context, call Call, rule *keyedRule) (*verifier.Claims, error) {
	if a.verifier == nil {
		return nil, errors.New("interceptor: the Authenticator was not made by New")
	}
	if rule.Access == Public || rule.Access == Optional && len(call.Authorization) == 0 {
		return nil, nil //nolint:nilnil // nobody, and nothing wrong with that
	}
	token, err := bearerToken(call.Authorization)
	if err != nil {
		return nil, err
	}
	claims, err := a.verify(ctx, token)
	if err != nil {
		return nil, nameAllNeeds(err, rule)
	}
	if err := rule.Require.Check(claims); err != nil {
		return nil, err
	}
	switch {
	case rule.Access == Denied:
		return nil, notAllowed(errDenied)
	case rule.Allow != nil:
		return claims, allowed(ctx, rule, claims)
	}
	return claims, nil
}

var errDenied = errors.New("interceptor: the procedure is denied to everybody")

// nameAllNeeds adds what the rule asks to a refusal by the verifier's own
// requirement: the caller should have to ask only once (RFC 6750, section 3).
func nameAllNeeds(err error, rule *keyedRule) error {
	authErr, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || authErr == nil {
		return err
	}
	if full := authErr.With(rule.Require); full != authErr {
		return full
	}
	return err
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

// allowed asks the rule's own check.
func allowed(ctx context.Context, rule *keyedRule, claims *verifier.Claims) error {
	err := rule.Allow(ContextWithClaims(ctx, claims), claims)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return notAllowed(err)
}

type verifiedKey struct{}

// verified remembers what Preauthenticate found: these claims, by this
// authenticator, of exactly this token.
type verified struct {
	by     *Authenticator
	token  string
	claims *verifier.Claims
}

func (a *Authenticator) rememberVerified(ctx context.Context, call Call, claims *verifier.Claims) context.Context {
	if claims == nil {
		return ctx
	}
	token, err := bearerToken(call.Authorization)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, verifiedKey{}, verified{by: a, token: token, claims: claims})
}

// verified returns the remembered claims of token, or nil. They are good only as
// long as the token is: a caller can take its time to send the rest of the call.
func (a *Authenticator) verified(ctx context.Context, token string) *verifier.Claims {
	v, ok := ctx.Value(verifiedKey{}).(verified)
	if !ok || v.by != a || v.token != token || !time.Now().Before(v.claims.ValidUntil()) {
		return nil
	}
	return v.claims
}

// report shows the observer no claims but those of the decision: ctx may hold those of
// an outer call.
func (a *Authenticator) report(ctx context.Context, d Decision) {
	if a.observe != nil {
		a.observe(ContextWithClaims(ctx, d.Claims), d)
	}
}

// end reports a call that was refused after it had been admitted.
func (a *admission) end(ctx context.Context, d Decision) {
	d.Duration = time.Since(a.start)
	a.auth.report(ctx, d)
}
