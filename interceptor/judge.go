package interceptor

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// judge returns the claims that the rule admits, nil for an anonymous caller.
func (a *Authenticator) judge(ctx context.Context, call Call, rule Rule) (*verifier.Claims, error) {
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
