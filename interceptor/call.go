package interceptor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// An Admission is a call that may proceed. For adapters.
type Admission struct {
	ctx        callContext
	credential credential
}

// Authenticate admits or refuses a call, at its start. For adapters: servers use the
// interceptors in packages grpcauth and connectauth. A stream is better off with
// [Authenticator.AuthenticateStream].
func (a *Authenticator) Authenticate(ctx context.Context, call Call) (*Admission, *Refusal) {
	start := time.Now()
	var decision Decision
	credential, refusal := a.decide(ctx, call, start, &decision)
	a.report(ctx, &decision)
	if refusal != nil {
		return nil, refusal
	}
	admission := &Admission{ctx: callContext{
		Context: ctx, auth: a, start: start, request: call.Request, decision: decision,
	}}
	if credential.proof != nil {
		admission.ctx.nonce = credential.proof.NextNonce()
		credential.proof = nil
	}
	admission.credential = credential
	if a.keepTokens && credential.place != nil && credential.place.isForTokens() {
		token := secret(credential.token)
		admission.ctx.token = &token
	}
	return admission, nil
}

// decide fills the decision in. It returns a refusal unless the call may proceed.
func (a *Authenticator) decide(
	ctx context.Context, call Call, start time.Time, decision *Decision,
) (found credential, refusal *Refusal) {
	rule, ok := a.rules().rule(call.Procedure)
	decision.Procedure, decision.Peer, decision.Rule = call.Procedure, call.Peer, rule.key
	decision.access = rule.Access
	decision.Err = errProcedure
	if ok {
		found, decision.Claims, decision.Err = a.caller(ctx, call, rule, start)
	}
	if found.place != nil {
		decision.Credential = found.place.label
	}
	if decision.Err != nil {
		refusal = a.newRefusal(ctx, decision.Err, decision)
		decision.Code = refusal.Code
	}
	decision.Duration = time.Since(start)
	return found, refusal
}

var errProcedure = errors.New("interceptor: the procedure is not of the form /service/method")

// caller returns the credential and the claims of a caller who satisfies the rule. An
// anonymous one has neither. With an error they're the claims of a verified caller who
// doesn't satisfy it.
func (a *Authenticator) caller(
	ctx context.Context, call Call, rule keyedRule, start time.Time,
) (found credential, claims *verifier.Claims, err error) {
	if len(a.places.fields) == 0 {
		return found, nil, errors.New("interceptor: the Authenticator was not made by New")
	}
	if rule.Access == AccessPublic {
		return found, nil, nil
	}
	found, err = a.places.find(ctx, call.Authorization, call.Request)
	switch {
	case err != nil:
		return found, nil, err
	case found.place == nil && rule.Access == AccessOptional:
		return found, nil, nil
	case found.place == nil:
		return found, nil, missingToken(errNoValue)
	}
	if found.proof, err = a.readProof(ctx, call, found); err != nil {
		return found, nil, err
	}
	claims, err = a.verify(ctx, call, found, start)
	if err != nil {
		return found, nil, withNeedsOf(rule, err)
	}
	if err := a.checkRevoked(claims); err != nil {
		return found, claims, err
	}
	if err := admits(ctx, rule, claims); err != nil || rule.Allow == nil {
		return found, claims, err
	}
	return found, claims, a.checkRevoked(claims) // Allow may have taken long
}

func (a *Authenticator) checkRevoked(claims *verifier.Claims) error {
	if a.revocations == nil {
		return nil
	}
	return a.revocations.Check(claims)
}

func (a *Authenticator) verify(
	ctx context.Context, call Call, found credential, start time.Time,
) (*verifier.Claims, error) {
	claims, err := a.judge(ctx, call, found)
	switch {
	case err != nil:
		return nil, err
	case claims.IsZero():
		return nil, errors.New("interceptor: the TokenVerifier returned neither claims nor an error")
	case !start.Before(claims.ValidUntil()):
		return nil, expired("the token has expired", "the TokenVerifier returned claims that had expired")
	}
	return claims, nil
}

// admits returns why the rule doesn't admit a verified caller.
func admits(ctx context.Context, rule keyedRule, claims *verifier.Claims) error {
	if err := rule.Require.Check(claims); err != nil {
		return err
	}
	switch {
	case rule.Access == AccessDenied:
		return denial(fmt.Errorf("interceptor: the rule %q denies every caller", rule.key))
	case rule.Allow != nil:
		return askAllow(ctx, rule, claims)
	}
	return nil
}

// withNeedsOf adds the rule's needs to a refusal by the verifier's own requirement:
// the caller should have to ask for another token only once (RFC 6750, section 3).
func withNeedsOf(rule keyedRule, err error) error {
	authErr, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || authErr == nil {
		return err
	}
	if full := authErr.With(rule.Require); full != authErr {
		return full
	}
	return err
}

func askAllow(ctx context.Context, rule keyedRule, claims *verifier.Claims) error {
	err := rule.Allow(ContextWithClaims(ctx, claims), claims)
	switch {
	case err == nil && !time.Now().Before(claims.ValidUntil()):
		return expired("the token has expired", "it expired while Allow ran")
	case err == nil, ctx.Err() != nil:
		return err
	default:
		return denial(err)
	}
}

// expired refuses a token whose time is over.
func expired(message, cause string) *verifier.AuthError {
	err := &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: message}
	if cause != "" {
		err.Err = errors.New(cause)
	}
	return err
}

// report tells the observer. It sees the decision's claims or none, never an outer
// call's.
func (a *Authenticator) report(ctx context.Context, d *Decision) {
	if len(a.observers) == 0 {
		return
	}
	ctx = ContextWithClaims(ctx, d.Claims)
	for _, observe := range a.observers {
		observe(ctx, *d)
	}
}

// Context returns the context to handle the call with.
func (a *Admission) Context() context.Context { return &a.ctx }

// Keys returns the metadata keys on which the admission depended, in the canonical form of
// [http.Header]. They belong in the Vary field of a response that caches may keep (RFC
// 9110, section 12.5.5). A public procedure has none.
func (a *Admission) Keys() []string {
	if a.ctx.decision.access == AccessPublic {
		return nil
	}
	return a.ctx.auth.places.keys
}

// Nonce returns what the response must carry in DPoP-Nonce, or "" for nothing, which is
// usual (RFC 9449, section 8.2). A response that carries it must not be cached.
func (a *Admission) Nonce() string { return a.ctx.nonce }

// End ends the call, after its handler has returned. It takes the refusal in the
// handler's error, or nil, reports it to the observer, and returns the one to write.
//
// Only a refusal that [NewRefusal] made in this very call counts. For any other End
// returns nil, and the adapter passes the handler's error on like every other error.
func (a *Admission) End(refusal *Refusal) *Refusal {
	if refusal == nil || refusal.call != &a.ctx {
		return nil
	}
	a.report(StageHandler, refusal)
	return refusal
}

func (a *Admission) report(stage Stage, refusal *Refusal) {
	decision := a.ctx.decision
	decision.Code, decision.Err, decision.Stage = refusal.Code, refusal.cause, stage
	decision.Duration = time.Since(a.ctx.start)
	a.ctx.auth.report(&a.ctx, &decision)
}

// Preauthenticate admits or refuses a call ahead of [Authenticator.Authenticate], where
// this saves work but the procedure isn't yet certain, as in HTTP middleware. It never
// replaces Authenticate, which asks the verifier again: the token's key may be withdrawn
// meanwhile, and a remembered token costs next to nothing. A path that names no procedure
// gets CodeUnimplemented. For adapters.
func (a *Authenticator) Preauthenticate(ctx context.Context, call Call) *Refusal {
	var decision Decision
	if !IsProcedure(call.Procedure) {
		return a.refuseUnknown(ctx, call)
	}
	call.isEarly = true
	_, refusal := a.decide(ctx, call, time.Now(), &decision)
	if refusal != nil {
		decision.Stage = StageEarly
		a.report(ctx, &decision)
	}
	return refusal
}

const maxUnknownBytes = 256

// refuseUnknown tells the observer about a path that leads to no procedure. Every call
// gets there if a prefix was forgotten, and its caller is the last to know why.
func (a *Authenticator) refuseUnknown(ctx context.Context, call Call) *Refusal {
	path := call.Procedure[:min(len(call.Procedure), maxUnknownBytes)]
	decision := Decision{
		Procedure: strings.ToValidUTF8(path, "?"), Peer: call.Peer,
		Code: CodeUnimplemented, Err: errUnknown, Stage: StageEarly,
	}
	a.report(ctx, &decision)
	return &Refusal{Code: decision.Code, Message: "the path is not /service/method"}
}

var errUnknown = errors.New("interceptor: the path is not /service/method, so the middleware answers 404: " +
	"its option WithPrefix names a prefix, and WithSkip passes other paths on")
