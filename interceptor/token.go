package interceptor

import "context"

// WithTokenInContext lets handlers read their caller's access token, with [TokenFromContext], to
// relay or exchange it. By default they can't: code that sees no token can't log it, or send it
// where it doesn't belong.
func WithTokenInContext() Option {
	return option(func(a *Authenticator) error {
		a.keepTokens = true
		return nil
	})
}

type tokenKey struct{}

// A secret is a token in a context, always behind a pointer, so that a printed context shows no
// more than an address.
type secret string

// TokenFromContext returns the caller's access token, if the server has [WithTokenInContext]. A
// public or anonymous call has none, and neither has a context outside a call. Keep
// it out of logs and errors: a holder of the token can act as the user.
func TokenFromContext(ctx context.Context) (string, bool) {
	token, _ := ctx.Value(tokenKey{}).(*secret)
	if token == nil {
		return "", false
	}
	return string(*token), *token != ""
}

// ContextWithToken returns a context that carries an access token, often useful in tests of
// handlers. In a server each call's own token replaces an outer call's.
func ContextWithToken(ctx context.Context, token string) context.Context {
	kept := secret(token)
	return context.WithValue(ctx, tokenKey{}, &kept)
}
