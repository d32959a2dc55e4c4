package client

import (
	"context"
	"errors"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// Retry returns the credential with which to send a refused call once more, or nil. It waits for
// a new token, until ctx ends. Ask once for each call: an adapter never sends a third time. For
// adapters.
//
// These conditions all hold when it returns a credential:
//
//   - Another token can cure the refusal: either its code is about the token itself, or the user
//     can grant what the token lacks (see [WithAuthorize]).
//   - The server itself has sent the challenge, and not only a detail: a handler may pass on the
//     details of a server behind it, and has then begun its work. A procedure that may be called
//     twice needs no such proof.
//   - The server hasn't asked for no more attempts (grpc-retry-pushback-ms).
//   - The token isn't a caller's (see [NewRelay]).
//   - There's another token than the refused one.
//   - The budget allows for another call.
func (s *Source) Retry(ctx context.Context, refused *Credential, r *Refusal) *Credential {
	if s.audience != "" || r.isFinal || !r.isFirstHand && !r.isIdempotent {
		return nil
	}
	var next *Credential
	var err error
	switch {
	case r.isCurable():
		next, err = s.renew(ctx, refused)
	case r.isGrantable() && s.grants != nil:
		next, err = s.grants.find(ctx, refused, r)
	default:
		return nil
	}
	switch {
	case err != nil:
		r.Err = err
	case !next.isOther(refused):
		r.Err = errSameToken
	case s.retries.take():
		return next
	default:
		r.Err = errTooManyRetries
	}
	return nil
}

var (
	errSameToken      = errors.New("there is no other token than the refused one")
	errTooManyRetries = errors.New("too many calls were sent again and refused")
)

// renew returns a token that was not refused, if there is one.
func (s *Source) renew(ctx context.Context, refused *Credential) (*Credential, error) {
	s.grants.drop(refused)
	if granted := s.grants.current(); granted != nil {
		return granted, nil
	}
	return s.find(ctx, refresh.Demand[*Credential]{
		Enough: func(v *version) bool { return v.Value.isOther(refused) },
		Budget: s.renewals,
		Reason: "refused",
	})
}

// Accepted notes that a server has accepted a call's first attempt. For adapters.
func (s *Source) Accepted() { s.retries.refill(1) }

// AcceptedAgain notes that a server has accepted a call's second attempt, which then costs nothing:
// see [Source.Retry]. For adapters.
func (s *Source) AcceptedAgain() { s.retries.refill(10) }
