package interceptor

import (
	"context"
	"errors"

	"github.com/oidcrpc/oidcrpc/verifier"
)

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

// notAllowed returns the refusal that err is the reason for. An AuthError stands as
// it is; any other error says no more to the caller than no.
func notAllowed(err error) error {
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr != nil {
		return err
	}
	return &verifier.AuthError{
		Code:    verifier.CodeInsufficientPermissions,
		Message: "the call is not allowed",
		Err:     err,
	}
}
