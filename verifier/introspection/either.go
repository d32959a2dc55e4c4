package introspection

import (
	"context"
	"errors"
	"reflect"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// An Either accepts two kinds of tokens under one scheme: JWTs, which are verified by their
// issuer's keys, and all others, about which an authorization server is asked. Make one with
// [NewEither]. It is safe for concurrent use, and its zero value refuses every token.
//
// A token with the form of a compact JWS and an iss of the JWT verifier's is judged by that
// verifier alone. If it's refused there, nobody else is asked. The iss only chooses between the
// two, and is checked by the one it chooses. An issuer that issues both kinds may stand on both
// sides.
type Either struct {
	jwts   JWTVerifier
	opaque *Verifier
}

// A JWTVerifier is a [*verifier.Verifier] or a [*verifier.Multi].
type JWTVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
	VerifyBound(
		ctx context.Context, token string, prove func(verifier.Confirmation) error,
	) (*verifier.Claims, error)
	Judges(token string) bool
	Ready(ctx context.Context) error
	Status() []verifier.Status
	MaxTokenBytes() int
}

// NewEither returns an Either, or an error if one of the two is nil.
func NewEither(jwts JWTVerifier, opaque *Verifier) (*Either, error) {
	value := reflect.ValueOf(jwts)
	switch {
	case jwts == nil || value.Kind() == reflect.Pointer && value.IsNil():
		return nil, errors.New("introspection: NewEither needs a verifier for JWTs")
	case opaque == nil:
		return nil, errors.New("introspection: NewEither needs a verifier for opaque tokens")
	}
	return &Either{jwts: jwts, opaque: opaque}, nil
}

// Verify checks a token of either kind and returns its claims. The errors are as for
// [verifier.Verifier.Verify] and [Verifier.Verify].
func (e *Either) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	return e.VerifyBound(ctx, token, bearerOnly)
}

// VerifyBound does what Verify does, and also accepts a bound token if prove returns nil: see
// [verifier.Verifier.VerifyBound].
func (e *Either) VerifyBound(
	ctx context.Context, token string, prove func(verifier.Confirmation) error,
) (*verifier.Claims, error) {
	switch {
	case e.opaque == nil:
		return new(Verifier).VerifyBound(ctx, token, prove)
	case e.jwts.Judges(token):
		return e.jwts.VerifyBound(ctx, token, prove)
	default:
		return e.opaque.VerifyBound(ctx, token, prove)
	}
}

// Ready returns nil if tokens of at least one kind can be judged: one outage should not take the
// service away from callers with the other kind. Otherwise it joins both errors.
func (e *Either) Ready(ctx context.Context) error {
	if e.opaque == nil {
		return new(Verifier).Ready(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, 2)
	go func() { results <- e.jwts.Ready(ctx) }()
	go func() { results <- e.opaque.Ready(ctx) }()
	first := <-results
	if first == nil {
		return nil
	}
	second := <-results
	if second == nil {
		return nil
	}
	return errors.Join(first, second)
}

// Status returns the state of all issuers whose keys are used, and then whether the authorization
// server answers.
func (e *Either) Status() []verifier.Status {
	if e.opaque == nil {
		return nil
	}
	return append(e.jwts.Status(), e.opaque.Status()...)
}

// MaxTokenBytes returns the larger limit of the two. An interceptor.Authenticator uses it to limit
// credentials.
func (e *Either) MaxTokenBytes() int {
	if e.opaque == nil {
		return 0
	}
	return max(e.jwts.MaxTokenBytes(), e.opaque.MaxTokenBytes())
}
