package client

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// NewRelay returns a Source for calls that a handler makes on behalf of its own caller. Each sends
// the caller's token on, if the token is meant for the given audience, too: the server it arrives
// at can do with it whatever the caller may do at that audience. So give the Source only to the
// client of the one server that is the audience, and prefer [Exchange] where your authorization
// server can do it.
//
// The server must have [interceptor.WithTokenInContext], and the handler must make the call with
// its own context. A call that has no such token fails with a [TokenError] that isn't temporary. A
// refused call isn't sent again, since the token is not ours to renew. NewRelay panics if audience
// is empty.
func NewRelay(audience string) *Source {
	if audience == "" {
		panic("client: the audience is empty") //nolint:forbidigo // as for a nil Fetch
	}
	return &Source{audience: audience}
}

// relayed returns the token of the call that a handler is in.
func relayed(ctx context.Context, audience string) (*Credential, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	token, ok := interceptor.TokenFromContext(ctx)
	claims, isVerified := interceptor.ClaimsFromContext(ctx)
	switch {
	case !ok || !isVerified:
		return nil, &TokenError{Err: errNoCaller}
	case !slices.Contains(claims.Audience(), audience):
		return nil, &TokenError{Err: errOtherAudience}
	}
	credential, err := newCredential(&oauth2.Token{AccessToken: token, Expiry: claims.Expiry()})
	if err != nil {
		return nil, &TokenError{Err: err}
	}
	return credential, nil
}

// Why a call has no token to relay.
var (
	errNoCaller = errors.New("the context has no caller's token: " +
		"the server needs interceptor.WithTokenInContext, and the call its handler's context")
	errOtherAudience = errors.New("the caller's token is for other audiences")
)
