package client

import (
	"context"
	"errors"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// Retry returns the credential with which to send a refused call once more, or nil. It waits for
// a new token, until ctx ends. Ask once for each call: an adapter never sends a third time. For
// adapters.
//
// These conditions all hold when it returns a credential:
//
//   - Another token can cure the refusal, so its code is about the token itself.
//   - The server itself has sent the challenge, and not only a detail: a handler may pass on the
//     details of a server behind it, and has then begun its work. A procedure that may be called
//     twice needs no such proof.
//   - The server hasn't asked for no more attempts (grpc-retry-pushback-ms).
//   - There's another token than the refused one.
//   - The budget allows for another call.
func (s *Source) Retry(ctx context.Context, refused *Credential, r *Refusal) *Credential {
	if !r.isCurable() || r.isFinal || !r.isFirstHand && !r.isIdempotent {
		return nil
	}
	isOther := func(c *Credential) bool { return c.token.AccessToken != refused.token.AccessToken }
	next, err := s.find(ctx, refresh.Demand[*Credential]{
		Enough: func(v *version) bool { return isOther(v.Value) },
		Budget: s.renewals,
		Reason: "refused",
	})
	switch {
	case err != nil:
		r.Err = err
	case !isOther(next):
		r.Err = errSameToken
	case s.retries.take():
		return next
	}
	return nil
}

var errSameToken = errors.New("the token endpoint has returned the same token again")

// isCurable reports whether another token from the same endpoint may do.
func (r *Refusal) isCurable() bool {
	switch r.Code {
	case verifier.CodeTokenExpired, // our clock may be slow, or the call was
		verifier.CodeInvalidToken, verifier.CodeKeyNotFound, // signed by a key that is gone
		"token_revoked":
		return true
	default:
		return false
	}
}

// Accepted notes that a server has accepted a call. For adapters.
func (s *Source) Accepted() { s.retries.refill() }
