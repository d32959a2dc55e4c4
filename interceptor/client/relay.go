package client

import (
	"context"
	"slices"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// relayed returns the token of the call that a handler is in.
func relayed(ctx context.Context, audience string) (*Credential, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	token, ok := interceptor.TokenFromContext(ctx)
	claims, _ := interceptor.ClaimsFromContext(ctx)
	switch {
	case !ok:
		return nil, &TokenError{Err: errNoCaller}
	case !slices.Contains(claims.Audience(), audience):
		return nil, &TokenError{Err: errOtherAudience}
	case claims.IsBound():
		return nil, &TokenError{Err: errBound}
	}
	credential, err := newCredential(&oauth2.Token{AccessToken: token, Expiry: claims.Expiry()}, nil)
	if err != nil {
		return nil, &TokenError{Err: err}
	}
	return credential, nil
}
