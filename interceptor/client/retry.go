package client

import (
	"context"
	"errors"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// Call makes a unary call: attempt sends it with a credential. If the server refuses it, it's sent
// once more with another one, if [Source.Retry] has one, and once more with the same if the server
// wants a nonce in the proof. The refusal is what refusalOf reads from the error, and nil if the
// server hasn't refused the call. For adapters.
func (s *Source) Call(
	ctx context.Context, c *Credential, attempt func(*Credential) error, refusalOf func(error) *Refusal,
) (*Refusal, error) {
	err := attempt(c)
	if err == nil {
		s.retries.refill(1)
		return nil, nil //nolint:nilnil // there is no refusal, and nothing is wrong
	}
	var done tries
	for {
		refusal := refusalOf(err)
		if refusal == nil {
			return nil, err
		}
		next := s.again(ctx, c, refusal, &done)
		if next == nil {
			return refusal, err
		}
		c = next
		if err = attempt(c); err == nil {
			s.retries.refill(done.cost())
			return nil, nil //nolint:nilnil // as above
		}
	}
}

// tries are what a refused call was sent again with. Each can be tried once.
type tries struct{ token, nonce bool }

// cost returns what to pay back if the call succeeds.
func (t *tries) cost() (tenths int64) {
	if t.token {
		tenths += costOfRetry
	}
	if t.nonce {
		tenths += costOfRetry
	}
	return tenths
}

// again returns what to send a refused call with, or nil.
func (s *Source) again(ctx context.Context, c *Credential, r *Refusal, done *tries) *Credential {
	switch {
	case r.wantsNonce():
		if done.nonce || !r.allowsRetry() {
			return nil
		}
		done.nonce = true
		if !s.retries.take() {
			r.Err = errTooManyRetries
			return nil
		}
		return c
	case done.token:
		return nil
	default:
		done.token = true
		return s.Retry(ctx, c, r)
	}
}

// Retry returns the credential with which to send a refused call once more, or nil. It waits for
// a new token, until ctx ends. Ask once for each call. [Source.Call] and [Stream] do so. For
// adapters.
//
// These conditions all hold when it returns a credential:
//
//   - Another token can cure the refusal: either its code is about the token itself, or the user
//     can grant what the token lacks (see [WithAuthorize]).
//   - The server itself has sent the challenge, and not only a detail: a handler may pass on the
//     details of a server behind it, and has then begun its work. A procedure that may be called
//     twice needs no such proof.
//   - The call had a proof, if its token needs one.
//   - The server hasn't asked for no more attempts (grpc-retry-pushback-ms).
//   - The token isn't a caller's (see [NewRelay]).
//   - There's another token than the refused one.
//   - The budget allows for another call.
func (s *Source) Retry(ctx context.Context, refused *Credential, r *Refusal) *Credential {
	if s.audience != "" || r.Err != nil || !r.allowsRetry() {
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
